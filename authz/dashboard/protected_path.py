# SPDX-License-Identifier: Apache-2.0
"""A path of a zone that really is protected, to be asked for in an example.

Paths are read off the rules that block by the certificate, and the policy in force decides about
each without a certificate, as for Envoy: an example that says "403" is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from authz.dashboard.deciding import decided, example_host
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.services.simulated_request import SimulatedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.dashboard.viewers import Viewer
    from authz.services.zone_state import ZoneState

#: Requests that are decided for one page.
MAX_TRIED: Final = 12

#: Texts of an expression that are paths, and mean the same to a shell, to curl and to Envoy.
_PATH: Final = re.compile(r'"(/[A-Za-z0-9/_~.-]*)\*?"')
_FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What to ask Envoy for; `is_blocked` where that answers 403 without a certificate."""

    host: str
    path: str = "/"
    is_blocked: bool = False


def example_of(viewer: Viewer, state: ZoneState) -> Example:
    """A request that is blocked without a certificate, for whoever may know of hosts and rules.

    Where nothing that is tried is blocked: the first host, and `/`.
    """
    if not state.hosts or not viewer.may(Resource.CERTIFICATES, Level.READ):
        return Example(host="api.example.com")
    first = Example(host=example_host(state.hosts[0]))
    if not viewer.may(Resource.RULES, Level.READ):
        return first
    tried = islice(_examples(viewer, state), MAX_TRIED)
    return next((one for one in tried if _is_blocked(viewer, one)), first)


def _examples(viewer: Viewer, state: ZoneState) -> Iterator[Example]:
    sees_account = viewer.may(Resource.RULES, Level.READ, ACCOUNT_WIDE)
    for hostname in sorted(state.hosts, key=lambda one: one in state.unprotected):
        paths = {
            path: None
            for rule in state.protecting
            if rule.may_be_about(hostname) and (sees_account or not rule.of_account)
            for path in _PATH.findall(rule.expression)
            if "//" not in path and "/." not in path
        }
        for path in (*paths, "/"):
            yield Example(host=example_host(hostname), path=path, is_blocked=True)


def _is_blocked(viewer: Viewer, example: Example) -> bool:
    request = SimulatedRequest(
        host=example.host, path=example.path, sni=example.host, time=viewer.at
    )
    found = decided(viewer, request, viewer.allowed)
    return found is not None and found.answer.http_status == _FORBIDDEN
