# SPDX-License-Identifier: Apache-2.0
"""Any bytes as the body of any call of the API that takes one are answered in the envelope, below
500. The first byte says which call."""

from __future__ import annotations

import json
from typing import Final

from authz.api.app import PREFIX
from authz.api.privileges import calls
from tests.factories.rights import filled
from tests.fuzz.targets.app import APPS

_CALLS: Final = sorted(
    (one.method, filled(one.path))
    for one in calls(APPS.api)
    if one.method in {"POST", "PUT", "PATCH", "DELETE"}
)


def run(data: bytes) -> None:
    """One call."""
    method, path = _CALLS[(data[0] if data else 0) % len(_CALLS)]
    headers = [
        (b"host", b"x"),
        (b"authorization", f"Bearer {APPS.token}".encode()),
        (b"content-type", b"application/json"),
    ]
    status, _, body = APPS.ask(APPS.api, method, PREFIX + APPS.path(path), headers, data[1:])
    assert status < 500, (method, path, status, body)
    assert status == 204 or json.loads(body)["success"] is (status < 400)
