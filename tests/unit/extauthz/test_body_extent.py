# SPDX-License-Identifier: Apache-2.0
"""How long a body is, and whether we have all of it (decoding tests it with whole requests)."""

from __future__ import annotations

import pytest

from authz.extauthz.body_extent import body_extent

LENGTH, PARTIAL = b"content-length", b"x-envoy-auth-partial-body"


@pytest.mark.parametrize(
    ("method", "seen", "received", "headers", "expected"),
    [
        (b"GET", 0, 0, {}, (0, False)),
        # A streamed body looks like none.
        (b"POST", 0, 0, {}, (-1, True)),
        (b"POST", 3, 3, {}, (3, False)),
        (b"POST", 3, 3, {LENGTH: b"3"}, (3, False)),
        (b"POST", 3, 3, {LENGTH: b"9"}, (9, True)),
        (b"POST", 3, 3, {LENGTH: b"many"}, (-1, True)),
        (b"POST", 3, 3, {PARTIAL: b"false"}, (3, False)),
        # The flag is not believed when more was declared.
        (b"POST", 3, 3, {PARTIAL: b"false", LENGTH: b"9"}, (9, True)),
        (b"POST", 3, 3, {PARTIAL: b"true"}, (-1, True)),
        (b"POST", 3, 3, {PARTIAL: b"true", LENGTH: b"9"}, (9, True)),
        # Envoy has counted more than it has forwarded.
        (b"GET", 0, 7, {}, (7, True)),
    ],
)
def test_the_extent_of_a_body(
    method: bytes, seen: int, received: int, headers: dict[bytes, bytes], expected: tuple[int, bool]
) -> None:
    assert body_extent(method, seen, received, headers) == expected
