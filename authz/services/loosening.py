# SPDX-License-Identifier: Apache-2.0
"""What a replacement of a zone's rules and settings lets in that was kept out before.

No proof of it: rules that are gone, blocking rules that block no more, and settings that are less
strict. What changed within an expression is for whoever wrote it to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.policy.model import DefaultAction, Misdirected, PathMode
from authz.services.namespace import DEFAULT_ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.store.records import Zone

#: Values of settings, the strictest first.
_STRICTEST_FIRST: Final[Mapping[str, tuple[str, ...]]] = {
    "default_action": (DefaultAction.BLOCK, DefaultAction.ALLOW),
    "paths": (PathMode.REFUSE, PathMode.COMPARE, PathMode.AS_SENT),
    "misdirected": (Misdirected.ANSWER_421, Misdirected.IGNORE),
}


def loosened(
    before: Zone,
    after: Zone,
    rules_before: Sequence[Mapping[str, Any]],
    rules_after: Sequence[Mapping[str, Any]],
) -> tuple[str, ...]:
    """What is less strict afterwards, one phrase each: `rule admin goes`."""
    found = list(loosened_rules(rules_before, rules_after))
    found += [
        f"{name} goes from {getattr(before, name)} to {getattr(after, name)}"
        for name in laxer_settings(before, after)
    ]
    return tuple(found)


def laxer_settings(before: Zone, after: Zone) -> tuple[str, ...]:
    """The settings that are less strict afterwards, by name.

    Args:
        after: the same zone, or another one that has its names then.
    """
    return tuple(
        name
        for name, values in _STRICTEST_FIRST.items()
        if values.index(getattr(after, name)) > values.index(getattr(before, name))
    )


def loosened_rules(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """The same of rules alone."""
    new = {str(rule["id"]): rule for rule in after}
    found = []
    for rule in before:
        now = new.get(str(rule["id"]))
        if now is None:
            found.append(f"rule {rule['ref']} goes")
        elif blocks(rule) and not blocks(now):
            found.append(f"rule {rule['ref']} does not block any more")
    return tuple(found)


def covers(hosts: Sequence[str], zone: Zone) -> bool:
    """Whether a file's hosts are every host of a zone: then it was written for all of it."""
    if "*" in hosts:
        return True
    named = {host.lower().removesuffix(".") for host in hosts}
    return zone.name != DEFAULT_ZONE and {zone.name, f"*.{zone.name}"} <= named


def blocks(rule: Mapping[str, Any]) -> bool:
    """Whether a rule blocks, as it is now."""
    return rule["action"] == "block" and bool(rule["enabled"])
