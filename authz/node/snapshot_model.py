# SPDX-License-Identifier: Apache-2.0
"""A policy model as bytes (MessagePack) and the sections that the bytes name by their SHA-256.

What a worker has no use for is left out: a CRL that was read is not needed in DER.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from authz.certs.authority import AuthorityModel, RevocationMode
from authz.packed import Section
from authz.policy.model import PolicyModel, RuleModel, SiteModel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_Value = TypeVar("_Value")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An authority's serial numbers beside the packed ones.

    MessagePack's integers end at 64 bits, serial numbers at 160 (RFC 5280 section 4.1.2.2).
    """

    authority: int
    revoked: tuple[bytes, ...]
    restored: tuple[bytes, ...]


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """The model, with rules and trust of the sites apart, each once: there are sites by the
    hundred that share theirs, and whoever reads this gets the same objects for all of them.

    `rules_of` and `trust_of` say which are whose; `trusts` name `authorities` by their place.
    """

    model: PolicyModel
    authorities: tuple[AuthorityModel, ...]
    changes: tuple[Change, ...]
    trusts: tuple[tuple[int, ...], ...]
    trust_of: tuple[int, ...]
    rules: tuple[tuple[RuleModel, ...], ...]
    rules_of: tuple[int, ...]


def encode_model(model: PolicyModel) -> tuple[bytes, list[Section]]:
    """The model's bytes, and the sections that belong to them, each once."""
    named: dict[bytes, Section] = {}

    def name(value: object) -> bytes:
        assert isinstance(value, Section)
        named[value.sha256] = value
        return value.sha256

    encoded = msgspec.msgpack.Encoder(enc_hook=name).encode(_body_of(model))
    return encoded, list(named.values())


def decode_model(data: bytes, sections: Mapping[bytes, Section]) -> PolicyModel:
    """The model of these bytes.

    Raises:
        msgspec.MsgspecError: they are not one.
        LookupError: a section is missing, or a change is of no authority.
    """

    def section(_: type, sha256: object) -> Section:
        assert isinstance(sha256, bytes)
        return sections[sha256]

    body = msgspec.msgpack.Decoder(_Body, dec_hook=section).decode(data)
    authorities = list(body.authorities)
    for change in body.changes:
        authorities[change.authority] = replace(
            authorities[change.authority],
            revoked_serials=tuple(map(int.from_bytes, change.revoked)),
            restored_serials=tuple(map(int.from_bytes, change.restored)),
        )
    trusts = [tuple(authorities[place] for place in places) for places in body.trusts]
    return replace(
        body.model,
        sites=tuple(
            replace(
                site,
                trust=trusts[body.trust_of[index]],
                rules=body.rules[body.rules_of[index]],
            )
            for index, site in enumerate(body.model.sites)
        ),
    )


class _Authority(msgspec.Struct, frozen=True, kw_only=True):
    """An AuthorityModel, as far as something is fetched for it."""

    name: str
    certificates: tuple[bytes, ...]
    revocation: RevocationMode
    crl_urls: tuple[str, ...]
    ocsp: str


class _Site(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    scope: str


class _Sites(msgspec.Struct, frozen=True, kw_only=True):
    sites: tuple[_Site, ...]


class _SourcesBody(msgspec.Struct, frozen=True, kw_only=True):
    """A `_Body` without rules, lists and sections: what is not named here is skipped."""

    model: _Sites
    authorities: tuple[_Authority, ...]
    trusts: tuple[tuple[int, ...], ...]
    trust_of: tuple[int, ...]


def decode_sources(data: bytes) -> PolicyModel:
    """The sites of the model of these bytes, and their authorities as far as something is fetched
    for them: no hosts, rules and lists, no CRLs and serial numbers.

    Raises:
        msgspec.MsgspecError: they are not one.
        LookupError: an authority is missing.
    """
    body = msgspec.msgpack.Decoder(_SourcesBody).decode(data)
    authorities = [
        AuthorityModel(**{name: getattr(one, name) for name in _Authority.__struct_fields__})
        for one in body.authorities
    ]
    trusts = [tuple(authorities[place] for place in places) for places in body.trusts]
    return PolicyModel(
        sites=tuple(
            SiteModel(
                name=site.name, hosts=(), scope=site.scope, trust=trusts[body.trust_of[index]]
            )
            for index, site in enumerate(body.model.sites)
        )
    )


def _body_of(model: PolicyModel) -> _Body:
    rules = _Once(site.rules for site in model.sites)
    trusts = _Once(site.trust for site in model.sites)
    authorities = _Once(authority for trust in trusts.all for authority in trust)
    changes: list[Change] = []
    written: list[AuthorityModel] = []
    for place, authority in enumerate(authorities.all):
        if authority.revoked_serials or authority.restored_serials:
            changes.append(
                Change(
                    authority=place,
                    revoked=_octets(authority.revoked_serials),
                    restored=_octets(authority.restored_serials),
                )
            )
        crls = () if authority.read_crls else authority.crls
        written.append(replace(authority, revoked_serials=(), restored_serials=(), crls=crls))
    return _Body(
        model=replace(
            model, sites=tuple(replace(site, trust=(), rules=()) for site in model.sites)
        ),
        authorities=tuple(written),
        changes=tuple(changes),
        trusts=tuple(tuple(map(authorities.place, trust)) for trust in trusts.all),
        trust_of=tuple(trusts.place(site.trust) for site in model.sites),
        rules=tuple(rules.all),
        rules_of=tuple(rules.place(site.rules) for site in model.sites),
    )


class _Once(Generic[_Value]):
    """Values by their identity, each once, in the order they came."""

    def __init__(self, values: Iterable[_Value]) -> None:
        known = {id(value): value for value in values}
        self.all = list(known.values())
        self._places = {identity: place for place, identity in enumerate(known)}

    def place(self, value: _Value) -> int:
        return self._places[id(value)]


def _octets(serials: Collection[int]) -> tuple[bytes, ...]:
    return tuple(serial.to_bytes((serial.bit_length() + 7) // 8) for serial in serials)
