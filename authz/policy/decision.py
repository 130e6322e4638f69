# SPDX-License-Identifier: Apache-2.0
"""What was decided about one check, and why.

`Verdict`, `Reason` and `Decision`, and the one table that maps a reason to the answer Envoy gets.
Nothing here knows protobuf (extauthz.encode) or metrics (observability).
"""

from __future__ import annotations

import math
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
    OVERLOADED = "overloaded"
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
        Reason.OVERLOADED: Denial(_PERMISSION_DENIED, 429),
        Reason.UNDECODABLE: Denial(_PERMISSION_DENIED, 403),
        Reason.INTERNAL_ERROR: Denial(_PERMISSION_DENIED, 403),
    }
)

#: The outright denials (architecture 4.2): nobody asked for them, no rule and no `default_action`.
OUTRIGHT: tuple[Reason, ...] = (
    Reason.NO_SNAPSHOT,
    Reason.UNKNOWN_HOST,
    Reason.AMBIGUOUS_PATH,
    Reason.EVALUATION_BUDGET,
    Reason.DEADLINE_EXCEEDED,
    Reason.OVERLOADED,
    Reason.UNDECODABLE,
    Reason.INTERNAL_ERROR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResponse:
    """A rule's own answer: `action_parameters.response` of a `block` rule.

    `status_code` is 400-499 and `content` at most 2048 bytes (Cloudflare, custom rules).
    """

    status_code: int
    content_type: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What is known about the client when a check ends: the three facts, and why not verified.

    `judged` is false when the check ended before anybody asked; `presented` is then what was sent.
    Few exist, made by `UNJUDGED` and policy.client, and they are compared by identity: later stages
    keep what they make of each.
    """

    judged: bool
    presented: bool
    verified: bool = False
    revoked: bool = False
    failure: str = ""


#: The standing of a client that nobody judged, by whether a certificate was presented.
UNJUDGED: Mapping[bool, Standing] = MappingProxyType(
    {sent: Standing(judged=False, presented=sent) for sent in (False, True)}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ruling:
    """The part of a decision that many checks share: what a rule, a default or a refusal says.

    Made once, when a snapshot is compiled, and compared by identity: later stages keep what they
    make of it. `rule` is the `ref` of the rule that decided, `""` when none did; `logged` the refs
    of the `log` rules that matched. A request of at most `settled_size` bytes gets this ruling for
    its client, host and path alone; -1 when the rules of the site read anything else.
    """

    verdict: Verdict
    reason: Reason
    site: str = ""
    action: str = ""
    rule: str = ""
    logged: tuple[str, ...] = ()
    generation: int = 0
    response: BlockResponse | None = None
    upstream_headers: frozenset[str] = frozenset()
    settled_size: int = -1


#: Where a cell has how many of its checks were told of, or are stood for by one that was.
TOLD = 2


class Decision:
    """The answer to one check: a ruling, on whom, and one sentence for people.

    Many checks share one, so later stages keep in it what they made of it. Apart from that it does
    not change.

    Attributes:
        ruling: what is said.
        standing: what is known about the client.
        client: what was found out about the peer certificate, None when the check ended before
            anybody asked.
        detail: one sentence for people, or `""`.
        answer: the first part of the answer (extauthz.encode), None until it is made.
        cell: where checks with this decision are counted (observability.check_counts), None until
            then.
        told: when a check with it was told last, of allowed ones.
        due: from when on (Unix seconds) a check with it is worth telling (observability.events).
    """

    __slots__ = ("answer", "cell", "client", "detail", "due", "ruling", "standing", "told")

    def __init__(
        self, ruling: Ruling, standing: Standing, client: Client | None = None, detail: str = ""
    ) -> None:
        self.ruling = ruling
        self.standing = standing
        self.client = client
        self.detail = detail
        self.answer: bytes | None = None
        self.cell: list[int] | None = None
        self.due = self.told = -math.inf

    def __bool__(self) -> NoReturn:
        # `if decision:` would read as "allowed" and be true for a denial too.
        raise TypeError("compare Decision.verdict; a Decision has no truth value")

    @property
    def verdict(self) -> Verdict:
        """Allow or deny."""
        return self.ruling.verdict

    @property
    def reason(self) -> Reason:
        """Why."""
        return self.ruling.reason

    @property
    def site(self) -> str:
        """The site that answered, `""` when there was none."""
        return self.ruling.site

    @property
    def action(self) -> str:
        """What the rule or the default does."""
        return self.ruling.action

    @property
    def rule(self) -> str:
        """The `ref` of the rule that decided, `""` when none did."""
        return self.ruling.rule

    @property
    def logged(self) -> tuple[str, ...]:
        """The refs of the `log` rules that matched."""
        return self.ruling.logged

    @property
    def generation(self) -> int:
        """The snapshot that decided, 0 when there was none."""
        return self.ruling.generation

    @property
    def response(self) -> BlockResponse | None:
        """The rule's own answer."""
        return self.ruling.response

    @property
    def anonymous(self) -> bool:
        """True when it is known that no certificate was presented."""
        return not self.standing.presented
