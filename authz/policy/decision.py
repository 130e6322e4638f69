# SPDX-License-Identifier: Apache-2.0
"""What was decided about one check, and why.

`Verdict`, `Reason` and `Decision`, and the one table that maps a reason to the answer Envoy gets.
Nothing here knows protobuf (extauthz.encode) or metrics (observability).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.client import Client


class Verdict(StrEnum):
    """Allow or deny. There is no third answer."""

    ALLOW = "allow"
    DENY = "deny"


class Reason(StrEnum):
    """Why. A closed set: it is a metric label, a log field and a metadata value."""

    RULE = "rule"
    DEFAULT_ACTION = "default_action"
    MISDIRECTED = "misdirected"
    NO_SNAPSHOT = "no_snapshot"
    UNKNOWN_HOST = "unknown_host"
    AMBIGUOUS_PATH = "ambiguous_path"
    EVALUATION_BUDGET = "evaluation_budget"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNDECODABLE = "undecodable"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Denial:
    """How a denial is answered: `grpc_code` is a google.rpc.Code."""

    grpc_code: int
    http_status: int


#: google.rpc.Code of any denial when no certificate was presented: nobody said who they are.
UNAUTHENTICATED = 16
_PERMISSION_DENIED = 7

#: The one table from reason to answer (architecture 4.3). A rule's own response wins over the
#: HTTP status, and UNAUTHENTICATED over the gRPC code when no certificate was presented.
DENIALS: Mapping[Reason, Denial] = MappingProxyType(
    {
        Reason.RULE: Denial(_PERMISSION_DENIED, 403),
        Reason.DEFAULT_ACTION: Denial(_PERMISSION_DENIED, 403),
        Reason.MISDIRECTED: Denial(_PERMISSION_DENIED, 421),
        Reason.NO_SNAPSHOT: Denial(_PERMISSION_DENIED, 403),
        Reason.UNKNOWN_HOST: Denial(_PERMISSION_DENIED, 403),
        Reason.AMBIGUOUS_PATH: Denial(_PERMISSION_DENIED, 403),
        Reason.EVALUATION_BUDGET: Denial(_PERMISSION_DENIED, 403),
        Reason.DEADLINE_EXCEEDED: Denial(_PERMISSION_DENIED, 403),
        Reason.UNDECODABLE: Denial(_PERMISSION_DENIED, 403),
        Reason.INTERNAL_ERROR: Denial(_PERMISSION_DENIED, 403),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResponse:
    """A rule's own answer: `action_parameters.response` of a `block` rule.

    `status_code` is 400-499 and `content` at most 2048 bytes (Cloudflare, custom rules).
    """

    status_code: int
    content_type: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one check. Build one with `allow` or `deny`.

    `rule` is the `ref` of the rule that decided, `""` when none did; `logged` the refs of the `log`
    rules that matched; `client` what was found out about the peer certificate, None when the check
    ended before anybody asked. `anonymous` is true when it is known that none was presented.
    """

    verdict: Verdict
    reason: Reason
    site: str = ""
    action: str = ""
    rule: str = ""
    logged: tuple[str, ...] = ()
    generation: int = 0
    response: BlockResponse | None = None
    client: Client | None = None
    anonymous: bool = False
    upstream_headers: frozenset[str] = frozenset()
    detail: str = ""

    def __bool__(self) -> NoReturn:
        # `if decision:` would read as "allowed" and be true for a denial too.
        raise TypeError("compare Decision.verdict; a Decision has no truth value")
