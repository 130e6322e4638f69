# SPDX-License-Identifier: Apache-2.0
"""The form of an API token: what is filled in, as policies and moments, and the other way round.

It has one choice of zones for all permissions, as Cloudflare's has. What can be given only by the
API (different groups for different zones) is left to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from authz.dashboard.token_offer import DAY, LASTS, PRESETS, USUAL, Offer, offered
from authz.errors import InvalidInputError
from authz.services.permissions import GROUP_OF, PERMISSION_GROUPS, Scope
from authz.services.token_policies import EVERY, PolicyDraft, names_in, policies_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.dashboard.forms import Form
    from authz.store.records import Token, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What is filled in.

    Args:
        groups: identifiers of permission groups.
        reach: "every" zone, or "some": `zones`, by their identifiers.
        lasts: a key of `Offer.lasts`; with "date" until the end of the day `expires_on`.
        starts_on: the first day, "" for now.
    """

    name: str = ""
    groups: frozenset[str] = frozenset()
    reach: str = "every"
    zones: frozenset[str] = frozenset()
    lasts: str = USUAL
    expires_on: str = ""
    starts_on: str = ""

    def policies(self, account_id: str) -> list[PolicyDraft]:
        """Policies as the API takes them.

        Raises:
            InvalidInputError: there are groups for zones, and no zone.
        """
        resources: dict[Scope, dict[str, Any]] = {
            Scope.ZONE: {f"{Scope.ZONE}.{one}": EVERY for one in sorted(self.zones)},
            Scope.ACCOUNT: {f"{Scope.ACCOUNT}.{account_id}": EVERY},
            Scope.USER: {f"{Scope.USER}.{account_id}": EVERY},
        }
        if self.reach == "every":
            every = {f"{Scope.ZONE}.{EVERY}": EVERY}
            resources[Scope.ZONE] = {f"{Scope.ACCOUNT}.{account_id}": every}
        made = []
        for scope, of_scope in resources.items():
            groups = tuple(
                one.id for one in PERMISSION_GROUPS if one.scope is scope and one.id in self.groups
            )
            if groups and not of_scope:
                raise InvalidInputError(
                    "no zone is chosen that the permissions are for",
                    hint="choose zones, or every zone",
                )
            if groups:
                made.append(PolicyDraft(groups=groups, resources=of_scope))
        unknown = sorted(self.groups - GROUP_OF.keys())
        if unknown:
            raise InvalidInputError(
                f'there is no permission "{unknown[0][:100]}"', hint="choose some of the form"
            )
        return made

    def expires_at(self, at: float, *, until: float | None, now: float | None) -> float | None:
        """When the token ends, Unix seconds.

        Args:
            until: when the token of whoever asks ends.
            now: when the token ends that is changed.

        Raises:
            InvalidInputError: there is no such day.
        """
        if self.lasts == "never":
            return None
        if self.lasts == "until":
            return until
        if self.lasts == "keep":
            return now
        if self.lasts in LASTS:
            return at + int(self.lasts) * DAY
        # The day that is named is one of those on which it is valid.
        return _day(self.expires_on, "last") + DAY

    def not_before(self, now: float | None) -> float | None:
        """When the token begins, Unix seconds; `now` is when the one does that is changed."""
        if not self.starts_on:
            return None
        begins = _day(self.starts_on, "first")
        return now if now is not None and begins == now // DAY * DAY else begins


def read_values(form: Form) -> Values:
    """What a form has."""
    return Values(
        name=form.text("name"),
        groups=frozenset(form.many("group")),
        reach=form.text("reach", "some"),
        zones=frozenset(form.many("zone")),
        lasts=form.text("lasts"),
        expires_on=form.text("expires_on"),
        starts_on=form.text("starts_on"),
    )


def with_preset(values: Values, preset: str, offer: Offer) -> Values:
    """The same with the groups of a preset; of one that may not be given, without any."""
    groups = offered(PRESETS[preset][2]) if preset in offer.presets else ()
    return replace(values, groups=frozenset(groups))


def values_of(token: Token) -> Values | None:
    """A token as the form has it; None where the form cannot say it."""
    groups: dict[Scope, frozenset[str]] = {}
    zones: set[str] = set()
    for policy in policies_of(token.scopes):
        for name in names_in(policy.resources):
            if name.scope is None or any(one not in GROUP_OF for one in policy.groups):
                return None
            own = frozenset(one for one in policy.groups if GROUP_OF[one].scope is name.scope)
            if groups.setdefault(name.scope, own) != own:
                return None
            if name.scope is Scope.ZONE:
                zones.add(name.id)
    if EVERY in zones and len(zones) > 1:
        return None
    chosen = frozenset(one for some in groups.values() for one in some)
    return Values(
        name=token.name,
        groups=chosen,
        reach="every" if EVERY in zones else "some",
        zones=frozenset(zones - {EVERY}),
        lasts="keep",
        starts_on="" if token.not_before is None else _written(token.not_before),
    )


def usual(offer: Offer) -> Values:
    """What the form of a new token begins with."""
    return Values(
        reach="every" if offer.every_zone else "some",
        zones=frozenset() if offer.every_zone or len(offer.zones) > 1 else _ids(offer.zones),
        lasts=USUAL if USUAL in offer.lasts else next(iter(offer.lasts)),
    )


def _ids(zones: Iterable[Zone]) -> frozenset[str]:
    return frozenset(one.id for one in zones)


def _day(text: str, which: str) -> float:
    """The beginning of a day, Unix seconds."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f'the {which} day "{text[:40]}" is no day', hint="write it as 2027-01-31"
        ) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
