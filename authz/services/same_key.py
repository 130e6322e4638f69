# SPDX-License-Identifier: Apache-2.0
"""Lists of revoked serial numbers that belong together because their authorities share a key.

A serial number is its issuer's (RFC 5280 section 4.1.2.2), and who the issuer is, its key says. The
same CA may be here with its key, again as an uploaded certificate, and in a policy file beside the
store: what is revoked under one of these names is revoked under all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.serials import Serials, pack_serials
from authz.errors import CertificateError
from authz.services.revoked import Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authz.certs.authority import AuthorityModel
    from authz.packed import Section
    from authz.policy.model import PolicyModel


class KeysOf:
    """The keys of certificates, each of which is read once.

    `begin` forgets those that nobody has asked for since the last call.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}
        self._used: dict[bytes, str] = {}

    def begin(self) -> None:
        """Begin to count what is used."""
        self._known, self._used = self._used, {}

    def of(self, ders: Iterable[bytes]) -> frozenset[str]:
        """The SHA-256 of the SubjectPublicKeyInfo of each; what cannot be read has none."""
        return frozenset(key for key in map(self._key, ders) if key)

    def _key(self, der: bytes) -> str:
        key = self._used.get(der) or self._known.get(der)
        if key is None:
            try:
                key = Certificate.from_der(der, allow_zero_serial=True).spki_sha256
            except CertificateError:
                # Whoever compiles it says so, and where.
                key = ""
        self._used[der] = key
        return key


class Joined:
    """Lists joined into one, which stays the same object while none of them changes."""

    def __init__(self) -> None:
        self._bases: dict[tuple[Section, ...], Section] = {}
        self._lists: dict[str, tuple[tuple[Listed, ...], Listed]] = {}

    def of(self, name: str, lists: Sequence[Listed]) -> Listed:
        """One list of everything that is on any of these.

        Args:
            name: for whom; the last answer is kept for each.
        """
        some = tuple(one for one in lists if one.base or one.added)
        if len(some) < 2:
            self._lists.pop(name, None)
            return some[0] if some else Listed()
        known = self._lists.get(name)
        if known is None or not _same(known[0], some):
            known = self._lists[name] = some, self._join(some)
        return known[1]

    def keep(self, names: Iterable[str]) -> None:
        """Forget everybody but these."""
        wanted = set(names)
        self._lists = {name: kept for name, kept in self._lists.items() if name in wanted}
        used = {_bases_of(lists) for lists, _ in self._lists.values()}
        self._bases = {bases: kept for bases, kept in self._bases.items() if bases in used}

    def _join(self, lists: tuple[Listed, ...]) -> Listed:
        bases = _bases_of(lists)
        base = bases[0] if bases else None
        if len(bases) > 1:
            # What was restored since stays in it: seldom made, it outlasts thousands of changes.
            base = self._bases.get(bases)
            if base is None:
                base = pack_serials([one for part in bases for one in Serials(part)])
                self._bases[bases] = base
        in_base = Serials(base).has
        members = [Serials(one.base, one.added, one.restored) for one in lists]
        restored = {serial for one in lists for serial in one.restored if in_base(serial)}
        return Listed(
            base=base,
            added=tuple(
                sorted({serial for one in lists for serial in one.added if not in_base(serial)})
            ),
            # Restored on one list, a number may still be on another.
            restored=tuple(
                sorted(one for one in restored if not any(some.has(one) for some in members))
            ),
        )


class BesideKeys:
    """A policy file's authorities with what a store says of the same keys."""

    def __init__(self) -> None:
        self._keys = KeysOf()
        self._joined = Joined()
        # The authority itself is kept with it: another one may not get its identity.
        self._own: dict[int, tuple[AuthorityModel, Listed]] = {}
        self._made: dict[int, tuple[AuthorityModel, Listed, AuthorityModel]] = {}

    def keys(self, file: PolicyModel) -> frozenset[str]:
        """The keys of a file's authorities."""
        return self._keys.of(
            der for site in file.sites for one in site.trust for der in one.certificates
        )

    def add(self, file: PolicyModel, lists: Mapping[str, tuple[Listed, ...]]) -> PolicyModel:
        """The file with those lists joined to its own; what has none is the same object."""
        self._keys.begin()
        seen: dict[int, AuthorityModel] = {}
        trusts: dict[int, tuple[AuthorityModel, ...]] = {}
        for site in file.sites:
            for authority in site.trust:
                if id(authority) not in seen:
                    seen[id(authority)] = self._with(authority, lists)
            trusts.setdefault(
                id(site.trust),
                site.trust
                if all(seen[id(one)] is one for one in site.trust)
                else tuple(seen[id(one)] for one in site.trust),
            )
        self._own = {key: kept for key, kept in self._own.items() if key in seen}
        self._made = {key: kept for key, kept in self._made.items() if key in seen}
        self._joined.keep(str(key) for key in seen)
        sites = tuple(
            site
            if trusts[id(site.trust)] is site.trust
            else replace(site, trust=trusts[id(site.trust)])
            for site in file.sites
        )
        return replace(file, sites=sites)

    def _with(
        self, authority: AuthorityModel, lists: Mapping[str, tuple[Listed, ...]]
    ) -> AuthorityModel:
        keys = self._keys.of(authority.certificates) & lists.keys()
        others = {id(one): one for key in sorted(keys) for one in lists[key]}.values()
        if not others:
            return authority
        own = self._own.get(id(authority))
        if own is None or own[0] is not authority:
            own = self._own[id(authority)] = authority, listed_of(authority)
        joined = self._joined.of(str(id(authority)), (own[1], *others))
        made = self._made.get(id(authority))
        if made is None or made[0] is not authority or made[1] is not joined:
            made = self._made[id(authority)] = authority, joined, with_list(authority, joined)
        return made[2]


def listed_of(authority: AuthorityModel) -> Listed:
    """The list in a model of an authority."""
    return Listed(
        base=authority.revoked_base,
        added=authority.revoked_serials,
        restored=authority.restored_serials,
    )


def with_list(authority: AuthorityModel, listed: Listed) -> AuthorityModel:
    """The authority with this list instead of its own."""
    return replace(
        authority,
        revoked_base=listed.base,
        revoked_serials=listed.added,
        restored_serials=listed.restored,
    )


def _bases_of(lists: Iterable[Listed]) -> tuple[Section, ...]:
    return tuple(dict.fromkeys(one.base for one in lists if one.base is not None))


def _same(some: tuple[Listed, ...], others: tuple[Listed, ...]) -> bool:
    return len(some) == len(others) and all(
        one is other for one, other in zip(some, others, strict=True)
    )
