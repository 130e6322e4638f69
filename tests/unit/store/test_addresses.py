# SPDX-License-Identifier: Apache-2.0
"""No password of an address is shown."""

from __future__ import annotations

import pytest

from authz.store.addresses import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:secret@h:1/d?a=b", "postgresql://u:***@h:1/d?a=b"),
        ("postgresql://u:secr@et@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u:se:cret@h1:1,h2:2/d", "postgresql://u:***@h1:1,h2:2/d"),
        ("postgresql://:secret@h/d", "postgresql://:***@h/d"),
        ("postgresql://h/d?password=secret", "postgresql://h/d?password=***"),
        ("postgresql://h/d?a=b&PASSWORD=secret&c=d", "postgresql://h/d?a=b&PASSWORD=***&c=d"),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=***"),
        ("postgresql:///d?host=/tmp&port=1", "postgresql:///d?host=/tmp&port=1"),
    ],
)
def test_addresses(address: str, shown: str) -> None:
    assert without_password(address) == shown
