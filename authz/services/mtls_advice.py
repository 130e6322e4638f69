# SPDX-License-Identifier: Apache-2.0
"""What is probably not meant with an mTLS rule: whom it locks out, and what it leaves open.

Where a host asks for no certificates, nobody has one that is verified, and a rule that wants one
blocks everybody there. None of this stops a rule from being deployed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from authz.certs.trust import AuthorityModel, compile_trust
from authz.errors import CertificateError
from authz.policy.lint import authorities_of
from authz.services.mtls_rules import MtlsRule, Shape
from authz.services.namespace import owner_of
from authz.services.protection import EVERYTHING, left_open
from authz.store.records import CertificateStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.rules import KnownAuthority
    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: Names in one sentence.
_NAMED: Final = 3


class Code(StrEnum):
    """What is told."""

    NO_HOSTS = "no_hosts"
    HOST_WITHOUT_MTLS = "host_without_mtls"
    OTHER_HOSTS = "other_hosts"
    HOST_ELSEWHERE = "host_elsewhere"
    WHOLE_ZONE = "whole_zone"
    WHOLE_HOST = "whole_host"
    LEFT_OPEN = "left_open"
    REVOKED_ENTER = "revoked_enter"
    PIN_UNKNOWN = "pin_unknown"
    PIN_OF_NO_USE = "pin_of_no_use"
    ISSUER_NOT_ASKED = "issuer_not_asked"


#: What names hosts, certificates or CAs that whoever asks has not named.
NAMING: Final = frozenset(
    {Code.OTHER_HOSTS, Code.PIN_UNKNOWN, Code.PIN_OF_NO_USE, Code.ISSUER_NOT_ASKED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing: a sentence, and what to do.

    Args:
        serious: somebody is locked out, or let in, who should not be.
        path: a path to add, where that is what to do.
    """

    code: Code
    message: str
    hint: str
    serious: bool = True
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTrust:
    """Which hosts of a zone ask for certificates, and of whom.

    Args:
        authorities: names and key identifiers of those that a host of the zone could ask for,
            by identifier.
        hosts: by hostname, the identifiers of the authorities that it asks for.
    """

    zone: Zone
    zones: tuple[Zone, ...]
    authorities: dict[str, KnownAuthority]
    hosts: dict[str, tuple[str, ...]]

    @property
    def asked(self) -> dict[str, KnownAuthority]:
        """The authorities that some host asks for."""
        wanted = {one for some in self.hosts.values() for one in some}
        return {key: one for key, one in self.authorities.items() if key in wanted}


def zone_trust(store: Store, zone: Zone) -> ZoneTrust:
    """Which hosts of a zone ask for certificates, and of whom."""
    with store.read() as session:
        hosts: dict[str, tuple[str, ...]] = {}
        for one in session.hosts.all(zone.id):
            hosts[one.hostname] = (*hosts.get(one.hostname, ()), one.authority_id)
        return ZoneTrust(
            zone=zone,
            zones=tuple(session.zones.all()),
            authorities=_authorities(session, zone),
            hosts=hosts,
        )


def mtls_advice(store: Store, trust: ZoneTrust, rule: MtlsRule, *, at: float) -> list[Advice]:
    """What is probably not meant, the worst first."""
    found = [
        *_about_hosts(trust, rule),
        *_about_reach(rule),
        *_about_paths(rule),
        *_about_clients(trust, rule),
    ]
    if rule.shape is Shape.PINNED:
        found += _about_pins(store, trust.zone, rule, at)
    return sorted(found, key=lambda one: not one.serious)


def _about_hosts(trust: ZoneTrust, rule: MtlsRule) -> Iterator[Advice]:
    if not trust.hosts:
        yield Advice(
            code=Code.NO_HOSTS,
            message="No hostname of this zone asks for client certificates, so nobody has a valid "
            "one: the rule blocks everybody",
            hint="switch mTLS on for your hostnames first (Client Certificates, Hosts)",
        )
        return
    without = [one for one in rule.hostnames if not _asks(trust, one)]
    elsewhere = [one for one in without if owner_of(one, trust.zones).id != trust.zone.id]
    if elsewhere:
        yield Advice(
            code=Code.HOST_ELSEWHERE,
            message=f"{_some(elsewhere)} belongs to another zone: this rule never sees its requests"
            if len(elsewhere) == 1
            else f"{_some(elsewhere)} belong to other zones: this rule never sees their requests",
            hint="make the rule in that zone",
        )
    without = [one for one in without if one not in elsewhere]
    if without:
        one = len(without) == 1
        yield Advice(
            code=Code.HOST_WITHOUT_MTLS,
            message=f"{_some(without)} {'does' if one else 'do'} not ask for client certificates, "
            "so nobody has a valid one there: the rule blocks everybody",
            hint="switch mTLS on for it (Client Certificates, Hosts)",
        )
    if not rule.hostnames:
        yield Advice(
            code=Code.OTHER_HOSTS,
            message="Without a hostname the rule is for every host of the zone. Hosts that ask for "
            f"no certificates are blocked for everybody; {_some(list(trust.hosts))} "
            f"{'asks' if len(trust.hosts) == 1 else 'ask'} for them",
            hint="name the hostnames if the zone has others",
            serious=False,
        )


def _about_reach(rule: MtlsRule) -> Iterator[Advice]:
    if rule.paths and EVERYTHING not in rule.paths:
        return
    if rule.hostnames:
        yield Advice(
            code=Code.WHOLE_HOST,
            message=f"Every path of {_some(rule.hostnames)} is locked for everybody without a "
            "valid certificate",
            hint="name the paths to protect if others are public",
            serious=False,
        )
    else:
        yield Advice(
            code=Code.WHOLE_ZONE,
            message="Every path of every host is locked: nobody gets into the zone without a valid "
            "certificate",
            hint="name the paths or the hostnames if others are public",
        )


def _about_paths(rule: MtlsRule) -> Iterator[Advice]:
    for what, path in left_open(rule.paths):
        yield Advice(
            code=Code.LEFT_OPEN,
            message=f"{what[:1].upper()}{what[1:]} stays open",
            hint=f"add {path} to protect it as well",
            serious=False,
            path=path,
        )


def _about_clients(trust: ZoneTrust, rule: MtlsRule) -> Iterator[Advice]:
    if rule.shape is Shape.PLAIN:
        yield Advice(
            code=Code.REVOKED_ENTER,
            message="Revoked certificates are let in: they are verified as well",
            hint='choose "valid and not revoked", unless another rule blocks them',
        )
    if rule.shape is Shape.ISSUER:
        asked = {ski.lower() for one in trust.asked.values() for ski in one.skis}
        unknown = [one for one in rule.issuers if one.lower() not in asked]
        if unknown and trust.hosts:
            yield Advice(
                code=Code.ISSUER_NOT_ASKED,
                message="No hostname of this zone asks for certificates of "
                f"{_some([_issuer(trust, one) for one in unknown])}: nobody has a valid one",
                hint="associate a hostname with it (Client Certificates, Hosts)",
            )


def _about_pins(store: Store, zone: Zone, rule: MtlsRule, at: float) -> Iterator[Advice]:
    with store.read() as session:
        known = {one: session.certificates.by_fingerprint(one) for one in rule.fingerprints}
    for fingerprint, found in known.items():
        if found is None or found.zone_id != zone.id:
            yield Advice(
                code=Code.PIN_UNKNOWN,
                message=f"{fingerprint[:12]}… was not issued here",
                hint="see that it is the certificate of the client, and that a CA of your own "
                "that issued it is associated with the hostname",
                serious=False,
            )
        elif found.status is CertificateStatus.REVOKED or found.expires_at <= at:
            what = "is revoked" if found.status is CertificateStatus.REVOKED else "has expired"
            yield Advice(
                code=Code.PIN_OF_NO_USE,
                message=f"The certificate {found.label or found.common_name} "
                f"({fingerprint[:12]}…) {what}: it lets nobody in",
                hint="choose another one",
            )


def _asks(trust: ZoneTrust, hostname: str) -> bool:
    """Whether a host asks for certificates: by its own name, or by a wildcard above it."""
    if hostname in trust.hosts:
        return True
    name = hostname.removeprefix("*.")
    labels = name.split(".")
    above = (".".join(labels[count:]) for count in range(1, len(labels)))
    return any(f"*.{one}" in trust.hosts for one in above)


def _authorities(session: Session, zone: Zone) -> dict[str, KnownAuthority]:
    ders: dict[str, list[bytes]] = {}
    for certificate in session.authorities.certificates():
        ders.setdefault(certificate.authority_id, []).append(certificate.der)
    found: dict[str, KnownAuthority] = {}
    for one in session.authorities.all():
        if one.zone_id in (None, zone.id) and one.id in ders:
            # One by one: two of the same key are no problem where no host asks for both.
            model = AuthorityModel(name=one.name, certificates=tuple(ders[one.id]))
            try:
                (known,) = authorities_of(compile_trust([model]))
            except CertificateError:
                continue
            found[one.id] = known
    return found


def _issuer(trust: ZoneTrust, ski: str) -> str:
    for one in trust.authorities.values():
        if ski.lower() in {each.lower() for each in one.skis}:
            return one.name
    return ski


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(listed[:_NAMED])
    return shown if len(listed) <= _NAMED else f"{shown} and {len(listed) - _NAMED} more"
