# SPDX-License-Identifier: Apache-2.0
"""Events: checks that are worth telling, as a worker tells them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.recording import Recording, RecordOptions
from authz.observability.activity import Counted
from authz.observability.events import Event
from tests.factories.checks import check_request

#: A request without a certificate that a rule blocked.
BLOCKED: Final = Event(
    id="d-1",
    at=1.0,
    verdict="deny",
    reason="rule",
    site="api.example.com",
    rule="protect",
    action="block",
    logged=(),
    detail="",
    generation=1,
    host="api.example.com",
    path="/",
    client_ip="192.0.2.1",
    fingerprint="",
    presented=False,
    verified=False,
    revoked=False,
    failure="",
)


def blocked(**changes: Any) -> Event:
    """The same with other values."""
    return msgspec.structs.replace(BLOCKED, **changes)


def counted(rule: str = "r", checks: int = 1, **changes: Any) -> Counted:
    """Checks that a rule of the site `api` blocked."""
    given = {"minute": 60, "site": "api", "verdict": "deny", "reason": "rule", "action": "block"}
    return Counted(**{**given, "rule": rule, "checks": checks, **changes})


def logged(rule: str = "l", checks: int = 1, **changes: Any) -> Counted:
    """Matches of a `log` rule of the site `api`."""
    return counted(rule, checks, **{"verdict": "", "reason": "logged", "action": "log", **changes})


def with_request(event: Event, **changes: Any) -> Event:
    """The same with its request, as `check_request` makes it, as it is recorded."""
    given = {"host": event.host, "path": event.path, "sni": event.host, **changes}
    request = check_request(**given)
    recording = Recording(RecordOptions(headers=frozenset({"user-agent"})), DecodeOptions())
    recorded = recording(request.SerializeToString())
    return msgspec.structs.replace(event, recorded=recorded, unrecorded="")
