# SPDX-License-Identifier: Apache-2.0
"""What may be told of a decision besides the zone's rules: the account's rules, and lists.

The same for the simulator, for replays and for explanations of events, whoever asks for them.
Whether somebody may ask at all is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ForbiddenError
from authz.policy.recorded import WHOLE_SIZE
from authz.services.account_rules import PREFIX
from authz.services.checking import lists_named_by
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authz.policy.snapshot import Site
    from authz.services.permissions import Principal
    from authz.store.session import Session

#: Instead of what only rules read that may not be seen.
HIDDEN: Final = "what rules of the account read"

#: Decisions depend on these whatever the rules are.
_OF_NO_RULE: Final = frozenset({WHOLE_SIZE, "http.request.uri.path"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What whoever asks may be shown besides the zone's rules.

    Args:
        lists: what is in the account's lists: an answer tells whether something is.
        account_rules: the expressions of the account's rules.
    """

    lists: bool = True
    account_rules: bool = True


#: For whoever may do everything, and for commands.
ALL: Final = Allowed()


def allowed_to(who: Principal) -> Allowed:
    """What somebody may be shown."""
    return Allowed(
        lists=who.may(Resource.LISTS, Level.READ, ACCOUNT_WIDE),
        account_rules=who.may(Resource.RULES, Level.READ, ACCOUNT_WIDE),
    )


def check_lists(
    session: Session, account_id: str, rules: Iterable[Mapping[str, Any]], allowed: Allowed
) -> None:
    """Make sure that rules that are somebody's to choose tell nothing of lists.

    Raises:
        ForbiddenError: an enabled one reads a list, and what is in it is not for whoever asks.
    """
    if allowed.lists:
        return
    enabled = (str(one["expression"]) for one in rules if one.get("enabled", True))
    named = lists_named_by(enabled)
    there = sorted(name for name in named if session.lists.named(account_id, name) is not None)
    if there:
        raise ForbiddenError(
            f"the rules look something up in ${there[0]}, and an answer would tell what is in it",
            hint="give the token the permission to read lists",
        )


def fields_shown(site: Site | None, allowed: Allowed) -> frozenset[str] | None:
    """The fields that the rules read that may be seen; None for whoever may see all of them."""
    if allowed.account_rules or site is None:
        return None
    rules = site.ruleset.rules
    return frozenset[str]().union(
        *(one.filter.fields for one in rules if not one.ref.startswith(PREFIX))
    )


def reads_shown(reads: Iterable[str], fields: frozenset[str] | None) -> list[str]:
    """What a decision depends on, without what only hidden rules read."""
    if fields is None:
        return list(reads)
    shown = [
        one if one in _OF_NO_RULE or one.partition("[")[0] in fields else HIDDEN for one in reads
    ]
    return list(dict.fromkeys(shown))


def explanation_shown(
    explanation: dict[str, Any], site: Site | None, allowed: Allowed
) -> dict[str, Any]:
    """An explanation (policy.explain_recorded) as it may be shown."""
    fields = fields_shown(site, allowed)
    found = dict(explanation)
    found["decision"] = {
        **found["decision"],
        "reads": reads_shown(found["decision"]["reads"], fields),
    }
    if fields is not None and "unknown_fields" in found:
        found["unknown_fields"] = [one for one in found["unknown_fields"] if one in fields]
    if "rules" in found:
        found["rules"] = [
            {**one, "rules": _rules_shown(one["rules"], allowed)} for one in found["rules"]
        ]
    return found


def _rules_shown(rules: Sequence[dict[str, Any]], allowed: Allowed) -> list[dict[str, Any]]:
    found = []
    for one in rules:
        said = one
        if not allowed.lists and lists_named_by([said["expression"]]):
            said = {**said, "trace": None}
        if not allowed.account_rules and said["rule"].startswith(PREFIX):
            said = {**said, "expression": "", "trace": None}
            if said.get("reads"):
                said["reads"] = [HIDDEN]
        found.append(said)
    return found
