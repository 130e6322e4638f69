# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo's story as data: what is asked after which change, and the right answer.

Nothing here does anything; `story` tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from authz.demo.commands import REFUSED

#: The host that the store answers for; the policy file does not name it.
HOST: Final = "devices.localhost"

#: The path that a rule is made for over the API.
CLOSED_PATH: Final = "/maintenance"

#: A revocation, its end and a rule count this soon after the command or call returned, in seconds.
CHANGE_SECONDS: Final = 0.5

#: A new authority counts this soon, in Envoy's handshake too.
AUTHORITY_SECONDS: Final = 2.0

#: What is shown for a certificate that was seen, and for one that was not.
SEEN: Final = "seen"
NEVER: Final = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One look at what is in force.

    `expected` is an HTTP status, REFUSED (in the handshake) or SEEN. `reason` and `failure` are
    what the authorizer must say about the request; both are `""` where it is not asked. `within`:
    so many seconds after the last command or call returned it must be so; None is at once.
    """

    id: str
    says: str
    to: str = f"{HOST}/"
    expected: str
    reason: str = ""
    failure: str = ""
    within: float | None = None


_STRICT: Final = f"{HOST}/ (strict)"

STEPS: Final = (
    Step(
        id="no-certificate",
        says="no certificate",
        expected="403",
        reason="rule",
        failure="absent",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="issued",
        says="the certificate just issued",
        expected="200",
        reason="default_action",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="kept-open",
        says="the same, a connection that stays open",
        expected="200",
        reason="default_action",
    ),
    Step(
        id="revoked-open",
        says="revoked: next request of that connection",
        expected="403",
        reason="rule",
        within=CHANGE_SECONDS,
    ),
    Step(id="revoked-new", says="revoked: a new connection", expected="403", reason="rule"),
    Step(
        id="restored-open",
        says="restored: again the open connection",
        expected="200",
        reason="default_action",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="restored-new",
        says="restored: a new connection",
        expected="200",
        reason="default_action",
    ),
    Step(
        id="other-authority",
        says="a certificate of another CA",
        expected="403",
        reason="rule",
        failure="unknown_issuer",
    ),
    Step(id="last-seen", says="when it was last seen", to="authz cert list", expected=SEEN),
    Step(
        id="strict",
        says="where Envoy verifies: a connection stays open",
        to=_STRICT,
        expected="200",
        reason="default_action",
    ),
    Step(
        id="new-authority-before",
        says="of a new CA that no host asks for",
        expected="403",
        reason="rule",
        failure="unknown_issuer",
    ),
    Step(
        id="new-authority-before-strict",
        says="the same, where Envoy verifies",
        to=_STRICT,
        expected=REFUSED,
    ),
    Step(
        id="new-authority",
        says="of the new CA, now asked for",
        expected="200",
        reason="default_action",
        within=AUTHORITY_SECONDS,
    ),
    Step(
        id="new-authority-strict",
        says="the same, where Envoy verifies",
        to=_STRICT,
        expected="200",
        reason="default_action",
        within=AUTHORITY_SECONDS,
    ),
    Step(
        id="strict-still-open",
        says="and the connection that was open there",
        to=_STRICT,
        expected="200",
        reason="default_action",
    ),
    Step(
        id="api-issued",
        says="issued over the API: a connection stays open",
        expected="200",
        reason="default_action",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="api-revoked",
        says="revoked (DELETE): its next request",
        expected="403",
        reason="rule",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="api-restored",
        says="restored (PATCH): its next request",
        expected="200",
        reason="default_action",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="api-before-rule",
        says="a path without a rule",
        to=f"{HOST}{CLOSED_PATH}",
        expected="200",
        reason="default_action",
    ),
    Step(
        id="api-rule",
        says="with a rule against it (POST)",
        to=f"{HOST}{CLOSED_PATH}",
        expected="403",
        reason="rule",
        within=CHANGE_SECONDS,
    ),
    Step(
        id="api-beside-rule",
        says="another path, on that connection",
        expected="200",
        reason="default_action",
    ),
    Step(
        id="api-not-permitted",
        says="revoking, by a token that may only read",
        to="DELETE client_certificates",
        expected="403",
    ),
    Step(
        id="api-still-in",
        says="that certificate, still let in",
        expected="200",
        reason="default_action",
    ),
)

#: The steps by their id.
STEP: Final = MappingProxyType({step.id: step for step in STEPS})
