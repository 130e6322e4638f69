# SPDX-License-Identifier: Apache-2.0
"""The hostnames of a zone that ask for certificates: by which authorities, behind which rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.guarding_rules import guarding, named
from authz.services.hosts import list_hosts
from authz.services.permissions import Level, Resource
from authz.services.rulesets import get_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.dashboard.viewers import Viewer
    from authz.services.hosts import Host
    from authz.store.records import Authority

#: Hostnames of the card; the page of hosts has all of them.
ON_CARD: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHost:
    """A hostname.

    Args:
        rules: what the rules are called that may guard it; None: whoever looks may not know.
    """

    hostname: str
    authorities: tuple[Authority, ...]
    rules: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsCard:
    """The first hostnames, and how many there are."""

    hosts: tuple[ShownHost, ...]
    total: int


def shown_hosts(viewer: Viewer, hosts: Sequence[Host]) -> tuple[ShownHost, ...]:
    """Hostnames of the zone of the page, as pages show them.

    Args:
        hosts: those that are shown: every rule is looked at for each.
    """
    rules = rules_of(viewer)
    return tuple(
        ShownHost(
            hostname=one.hostname,
            authorities=one.authorities,
            rules=None if rules is None else tuple(map(named, guarding(rules, one.hostname))),
        )
        for one in hosts
    )


def hosts_card(viewer: Viewer) -> HostsCard:
    """The card of the pages of certificates."""
    hosts = list_hosts(viewer.store, viewer.zone_id)
    return HostsCard(hosts=shown_hosts(viewer, hosts[:ON_CARD]), total=len(hosts))


def rules_of(viewer: Viewer) -> Sequence[Mapping[str, Any]] | None:
    """The rules of the zone; None for somebody who may not read them."""
    if not viewer.may(Resource.RULES, Level.READ):
        return None
    return get_rules(viewer.store, viewer.zone_id).rules
