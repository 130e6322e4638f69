# SPDX-License-Identifier: Apache-2.0
"""A policy file and a store, answered by together (ADR-0028).

What the file covers is the file's, however the store spells it: what an operator wrote down is not
for whoever may write to the store to change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.policy.hosts import normalise_host
from authz.policy.model import PolicyModel
from authz.services.namespace import OF_THE_STORE

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What nobody named: it is nobody's to take away from whoever names a host.
_EVERY_HOST: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """One policy of both; `shadowed` are hosts of the store that the file answers for."""

    model: PolicyModel
    shadowed: tuple[str, ...]


def beside(file: PolicyModel, store: PolicyModel) -> Together:
    """The sites of a policy file, and those of a store for the hosts that the file does not cover.

    A file without sites is none. Beside one, the store does not answer for hosts that nobody named:
    an operator who named all there are would otherwise open the rest by adding an empty store.
    It does where somebody gave every host an authority.
    """
    if not file.sites:
        return Together(model=store, shadowed=())
    covered = _Covered(host for site in file.sites for host in site.hosts)
    names = {site.name for site in file.sites}
    sites = list(file.sites)
    shadowed: list[str] = []
    for site in store.sites:
        taken = [host for host in site.hosts if covered.has(host)]
        shadowed += taken
        hosts = tuple(
            host for host in site.hosts if host not in taken and (host != _EVERY_HOST or site.trust)
        )
        if hosts:
            name = _unlike(names, site.name)
            names.add(name)
            sites.append(replace(site, hosts=hosts, name=name))
    model = PolicyModel(sites=tuple(sites), lists=(*file.lists, *store.lists))
    return Together(model=model, shadowed=tuple(shadowed))


class _Covered:
    """Host patterns as `policy.hosts.HostTable` reads them."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._exact: set[str] = set()
        self._below: set[str] = set()
        for pattern in patterns:
            wildcard = pattern.startswith("*.")
            (self._below if wildcard else self._exact).add(_name_of(pattern))

    def has(self, pattern: str) -> bool:
        """Whether each host that this pattern is for is covered by one of these."""
        name = _name_of(pattern)
        if pattern.startswith("*."):
            if name in self._below:
                return True
        elif name in self._exact:
            return True
        dot = name.find(".")
        while dot >= 0:
            if name[dot + 1 :] in self._below:
                return True
            dot = name.find(".", dot + 1)
        return False


def _name_of(pattern: str) -> str:
    """The name in a pattern, as it is compared; what is no host is refused when it is compiled."""
    written = pattern.removeprefix("*.")
    return normalise_host(written.encode()) or written


def _unlike(names: set[str], name: str) -> str:
    while name in names:
        name += OF_THE_STORE
    return name
