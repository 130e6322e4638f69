# SPDX-License-Identifier: Apache-2.0
"""Any bytes posted to any form of the dashboard, as fields, as multipart or as JSON, are answered
below 500. The first byte says which form, the second what it is sent as."""

from __future__ import annotations

from typing import Final

from authz.dashboard.csrf import token_of
from authz.dashboard.privileges import pages
from tests.factories.rights import filled
from tests.fuzz.targets.app import APPS

_FORMS: Final = sorted(
    filled(one.path)
    for one in pages()
    # Those that are about sessions end ours.
    if one.method == "POST" and one.needs
)
_TYPES: Final = (
    b"application/x-www-form-urlencoded",
    b"multipart/form-data; boundary=x",
    b"application/json",
)
_SESSION: Final = APPS.signed_in()


def run(data: bytes) -> None:
    """One form, by somebody who may do everything."""
    which, kind, body = data[:1] or b"\0", data[1:2] or b"\0", data[2:]
    path = _FORMS[which[0] % len(_FORMS)]
    headers = [
        (b"host", b"x"),
        (b"cookie", b"authz-session=" + _SESSION),
        (b"x-csrf-token", token_of(_SESSION.decode()).encode()),
        (b"content-type", _TYPES[kind[0] % len(_TYPES)]),
    ]
    status, answered, text = APPS.ask(APPS.dashboard, "POST", APPS.path(path), headers, body)
    assert status < 500, (path, status, text[-2000:])
    assert status != 401, (path, status)
    assert not any(b"\r" in value or b"\n" in value for _, value in answered)
