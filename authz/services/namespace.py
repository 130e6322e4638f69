# SPDX-License-Identifier: Apache-2.0
"""Which hostnames belong to which zone: a zone's name and everything below it.

The zone of the longest name that fits has a hostname; the zone `default` has what no other has.
Names are written as hosts are (policy.hosts).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from authz.errors import InvalidInputError
from authz.policy.hosts import normalise_host

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from authz.store.records import Zone

#: The zone that every store has; not a DNS name like the others.
DEFAULT_ZONE = "default"

#: How the site of a zone's hosts without an authority is told from a host of the same name.
OTHER_HOSTS = " (other hosts)"

#: And a store's from a policy file's that has the same name (services.beside).
OF_THE_STORE = " (store)"

_HINT = 'write a name without scheme and port ("api.example.com") or a wildcard ("*.example.com")'


def normalise_hostname(text: str) -> str:
    """The hostname as the store keeps it: exact, or `*.` and a name.

    Raises:
        InvalidInputError: it is none.
    """
    written = text.strip()
    wildcard = written.startswith("*.")
    name = normalise_host(written.removeprefix("*.").encode())
    port = ":" in written and not written.endswith("]")
    if name is None or port or (wildcard and (name.startswith("[") or _is_address(name))):
        raise InvalidInputError(f'"{text}" is no hostname', hint=_HINT)
    return f"*.{name}" if wildcard else name


def normalise_zone_name(text: str) -> str:
    """The name of a zone: a DNS name.

    Raises:
        InvalidInputError: it is none.
    """
    name = normalise_hostname(text)
    if name.startswith(("*.", "[")) or _is_address(name):
        raise InvalidInputError(
            f'"{text}" is no name for a zone',
            hint='write a DNS name ("example.com"); the zone has everything below it',
        )
    return name


def owner_of(hostname: str, zones: Sequence[Zone]) -> Zone:
    """The zone that a hostname (as `normalise_hostname` gives it) belongs to."""
    name = hostname.removeprefix("*.")
    fitting = [zone for zone in zones if is_below(name, zone.name)]
    default = next(zone for zone in zones if zone.name == DEFAULT_ZONE)
    return max(fitting, key=lambda zone: len(zone.name), default=default)


def owner_of_site(
    site: str,
    zones: Sequence[Zone],
    *,
    of_default: Collection[str] = (),
    file_sites: Collection[str] = (),
) -> Zone | None:
    """The zone whose site this is, by the name that `services.model` gives sites.

    Args:
        of_default: the hostnames with an authority in the zone `default`.
        file_sites: the names of a policy file's sites, which are no zone's.
    """
    if site in file_sites:
        return None
    while site.endswith(OF_THE_STORE):
        site = site.removesuffix(OF_THE_STORE)
    name = site.removesuffix(OTHER_HOSTS)
    owner = owner_of(name, zones)
    # It has every name that is nobody's, and not every site.
    if owner.name == DEFAULT_ZONE and name != DEFAULT_ZONE and name not in of_default:
        return None
    return owner


def is_below(name: str, zone_name: str) -> bool:
    """Whether a name is that of a zone or below it."""
    return zone_name != DEFAULT_ZONE and (name == zone_name or name.endswith(f".{zone_name}"))


def check_owner(hostname: str, zone: Zone, zones: Sequence[Zone]) -> None:
    """Make sure that a hostname belongs to a zone.

    Raises:
        InvalidInputError: it belongs to another one.
    """
    owner = owner_of(hostname, zones)
    if owner.id == zone.id:
        return
    if zone.name == DEFAULT_ZONE or is_below(hostname.removeprefix("*."), zone.name):
        raise InvalidInputError(
            f'"{hostname}" belongs to the zone {owner.name}', hint=f"use --zone {owner.name}"
        )
    raise InvalidInputError(
        f'"{hostname}" is not in the zone {zone.name}',
        hint=f"the zone has {zone.name} and what is below it; the zone {owner.name} has this one",
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
