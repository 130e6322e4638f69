# SPDX-License-Identifier: Apache-2.0
"""Requests gathered by what they have in common: host, path, certificate, rule. Bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.records_activity import StoredEvent

#: What requests are gathered by.
BY: Final = ("host", "path", "certificate", "rule")
#: Groups that are told of each, those with the most requests, and examples of each.
MAX_GROUPS: Final = 20
MAX_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Requests that have something in common.

    Args:
        name: what that is; `""` is no certificate, or no rule.
        requests: how many; `checks`: how many checks they stand for.
        examples: events of some, by their identifiers, the latest first.
    """

    name: str
    requests: int
    checks: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Requests whose verdict would be another.

    Args:
        by: their groups by `host`, `path`, `certificate` (SHA-256, hexadecimal) and `rule` (that
            blocks, or blocked), the largest first, MAX_GROUPS at most.
    """

    requests: int = 0
    checks: int = 0
    examples: tuple[str, ...] = ()
    by: Mapping[str, tuple[Gathered, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Group:
    requests: int = 0
    checks: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, event: StoredEvent) -> None:
        self.requests += 1
        self.checks += event.weight
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(event.id)


class Gathering:
    """Gathers requests one by one."""

    def __init__(self) -> None:
        self._all = _Group()
        self._by: dict[str, dict[str, _Group]] = {by: {} for by in BY}

    def add(self, event: StoredEvent, rule: str) -> None:
        """Take in a request; `rule` is the one that decides against it."""
        self._all.add(event)
        names = (event.host, event.path, event.fingerprint_sha256, rule)
        for groups, name in zip(self._by.values(), names, strict=True):
            groups.setdefault(name, _Group()).add(event)

    def change(self) -> Change:
        """What was gathered."""
        return Change(
            requests=self._all.requests,
            checks=self._all.checks,
            examples=tuple(self._all.examples),
            by={by: _ranked(groups) for by, groups in self._by.items()},
        )


def _ranked(groups: Mapping[str, _Group]) -> tuple[Gathered, ...]:
    ranked = sorted(groups.items(), key=lambda item: (-item[1].requests, item[0]))
    return tuple(
        Gathered(
            name=name,
            requests=group.requests,
            checks=group.checks,
            examples=tuple(group.examples),
        )
        for name, group in ranked[:MAX_GROUPS]
    )
