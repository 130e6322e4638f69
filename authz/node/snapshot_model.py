# SPDX-License-Identifier: Apache-2.0
"""A policy model as bytes (MessagePack) and the sections that the bytes name by their SHA-256.

What a worker has no use for is left out: a CRL that was read is not needed in DER.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from authz.packed import Section
from authz.policy.model import PolicyModel, RuleModel, SiteModel

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authz.certs.trust import AuthorityModel


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An authority's serial numbers beside the packed ones.

    MessagePack's integers end at 64 bits, serial numbers at 160 (RFC 5280 section 4.1.2.2).
    """

    site: int
    authority: int
    revoked: tuple[bytes, ...]
    restored: tuple[bytes, ...]


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """`rules` are those of the sites, each tuple once: there are sites by the hundred that share
    theirs. `rules_of` says which are whose."""

    model: PolicyModel
    changes: tuple[Change, ...]
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
    sites = list(body.model.sites)
    for change in body.changes:
        site = sites[change.site]
        trust = list(site.trust)
        trust[change.authority] = replace(
            trust[change.authority],
            revoked_serials=tuple(map(int.from_bytes, change.revoked)),
            restored_serials=tuple(map(int.from_bytes, change.restored)),
        )
        sites[change.site] = replace(site, trust=tuple(trust))
    for index, site in enumerate(sites):
        sites[index] = replace(site, rules=body.rules[body.rules_of[index]])
    return replace(body.model, sites=tuple(sites))


def _body_of(model: PolicyModel) -> _Body:
    changes: list[Change] = []
    sites: list[SiteModel] = []
    rules: dict[int, tuple[RuleModel, ...]] = {id(site.rules): site.rules for site in model.sites}
    positions = {identity: position for position, identity in enumerate(rules)}
    for site_index, site in enumerate(model.sites):
        trust: list[AuthorityModel] = []
        for index, authority in enumerate(site.trust):
            if authority.revoked_serials or authority.restored_serials:
                changes.append(
                    Change(
                        site=site_index,
                        authority=index,
                        revoked=_octets(authority.revoked_serials),
                        restored=_octets(authority.restored_serials),
                    )
                )
            crls = () if authority.read_crls else authority.crls
            trust.append(replace(authority, revoked_serials=(), restored_serials=(), crls=crls))
        sites.append(replace(site, trust=tuple(trust), rules=()))
    return _Body(
        model=replace(model, sites=tuple(sites)),
        changes=tuple(changes),
        rules=tuple(rules.values()),
        rules_of=tuple(positions[id(site.rules)] for site in model.sites),
    )


def _octets(serials: Collection[int]) -> tuple[bytes, ...]:
    return tuple(serial.to_bytes((serial.bit_length() + 7) // 8) for serial in serials)
