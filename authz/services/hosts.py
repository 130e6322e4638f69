# SPDX-License-Identifier: Apache-2.0
"""Hostname associations: which hosts ask for certificates of which authorities.

A hostname that is associated is a site of its own when checks are answered; its authorities, and no
others, make a certificate verified there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.certs.authority import AuthorityModel
from authz.certs.trust import compile_trust
from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.audited import Told
from authz.services.context import audit, authority_of, facts_of, zone_of
from authz.services.distrusted import check_trusted
from authz.services.namespace import check_owner, normalise_hostname, owner_of
from authz.services.preconditions import tag_of
from authz.services.protection import protecting_rule, with_free_ref
from authz.services.rulesets import facts_of_rules, put_rules, rules_of
from authz.store.records import Authority, HostAssociation, Zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.policy.geo import GeoLookup
    from authz.services.preconditions import Precondition
    from authz.services.rules import Rule
    from authz.store.engine import Store
    from authz.store.session import Session

#: What preconditions are on, in their errors.
HOSTNAMES: Final = "the hostnames"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedHost:
    """What `add_host` did.

    Args:
        protection: the rule that blocks requests to the host without a valid certificate.
        rule: that rule as it is kept, None when it was not to be made.
        rule_is_new: False when the zone had it already.
    """

    zone: Zone
    hostname: str
    authority: Authority
    protection: dict[str, Any]
    rule: Rule | None
    rule_is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A hostname and the authorities it asks for, in their order."""

    zone: Zone
    hostname: str
    authorities: tuple[Authority, ...]


def add_host(
    store: Store,
    hostname: str,
    *,
    authority: str,
    zone: str | None = None,
    protect: Sequence[str] | None = None,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> AddedHost:
    """Let a hostname ask for certificates of an authority.

    Args:
        hostname: exact, or `*.` and a name.
        authority: its name or identifier.
        zone: name or identifier; the zone that has the hostname, when left out.
        protect: paths to protect, none for the whole host; the rule is added behind the zone's
            others. None adds no rule.

    Raises:
        NotFoundError: there is no such authority or zone.
        InvalidInputError: it is no hostname, or the zone's neither; a path is none.
        ConflictError: the hostname asks for this authority already, and there is no rule to add;
            or the authority was distrusted.
        CertificateError: another authority of the hostname has the same anchor.
        PolicyError, ExpressionError: the rules would not compile with this one.
    """
    name = normalise_hostname(hostname)
    wanted = protecting_rule(name, protect or ())
    with store.write() as session:
        here = _zone(session, zone, name)
        found = _authority(session, here, authority)
        there = session.hosts.all(here.id)
        is_new = all((one.hostname, one.authority_id) != (name, found.id) for one in there)
        if not is_new and protect is None:
            raise ConflictError(
                f'"{name}" asks for certificates of {found.name} already',
                hint="authz host list shows every hostname",
            )
        if is_new:
            check_trusted(session, found)
            position = 1 + max((one.position for one in there), default=-1)
            session.hosts.add(
                HostAssociation(
                    zone_id=here.id,
                    hostname=name,
                    authority_id=found.id,
                    position=position,
                    created_at=at,
                )
            )
            _check_trust(session, here, name)
        after: dict[str, Any] = {"hostname": name, "authority": found.name}
        rule: Rule | None = None
        rule_is_new = False
        before = rules_of(session, here)
        if protect is not None:
            rule = _same(before.rules, wanted)
        if rule is not None and not is_new:
            raise ConflictError(
                f'"{name}" asks for certificates of {found.name} and is protected like that '
                "already",
                hint="authz policy export shows the rules",
            )
        if protect is not None and rule is None:
            rule_is_new = True
            wanted = with_free_ref(wanted, {one.get("ref") for one in before.rules})
            rules = put_rules(session, before, [*before.rules, wanted], geo=geo, actor=actor, at=at)
            rule = rules.rules[-1]
            after["rule"] = rule
            after["ruleset"] = facts_of_rules(rules)
        audit(
            session,
            "host.add",
            actor=actor,
            at=at,
            of=("host", name),
            zone_id=here.id,
            after=after,
        )
    return AddedHost(
        zone=here,
        hostname=name,
        authority=found,
        protection=wanted,
        rule=rule,
        rule_is_new=rule_is_new,
    )


def replace_hosts(
    store: Store,
    zone: str,
    authority: str,
    hostnames: Sequence[str],
    *,
    precondition: Precondition | None = None,
    actor: str,
    at: float,
) -> tuple[str, ...]:
    """Make these the hostnames of a zone that ask for an authority, in this order.

    Args:
        precondition: on `tag_of` those that are replaced.

    Raises:
        PreconditionError: it does not hold.
        NotFoundError: there is no such authority or zone.
        InvalidInputError: one is no hostname, or not the zone's; `where` is its place (`2`).
        CertificateError: another authority of a hostname has the same anchor.
        ConflictError: one does not ask for it yet, and the authority was distrusted.
    """
    with store.write() as session:
        here = zone_of(session, zone)
        found = _authority(session, here, authority)
        if precondition is not None:
            there = session.hosts.all(here.id, authority_id=found.id)
            precondition.check(tag_of([one.hostname for one in there]), HOSTNAMES)
        names = _names_in(session, here, hostnames)
        put_hosts(session, here, found, names, actor=actor, at=at)
    return names


def check_hostnames(store: Store, zone: str, hostnames: Sequence[str]) -> None:
    """Make sure that these can be hostnames of a zone; raises what `replace_hosts` does for it."""
    with store.read() as session:
        _names_in(session, zone_of(session, zone), hostnames)


def hostnames_of(store: Store, zone_id: str, authority_id: str) -> tuple[str, ...]:
    """The hostnames of a zone that ask for an authority, in their order."""
    with store.read() as session:
        return tuple(one.hostname for one in session.hosts.all(zone_id, authority_id=authority_id))


def put_hosts(
    session: Session,
    zone: Zone,
    authority: Authority,
    names: tuple[str, ...],
    *,
    actor: str,
    at: float,
) -> None:
    """The same in a transaction of the caller's, for names that are normalised."""
    zones = session.zones.all()
    for name in names:
        check_owner(name, zone, zones)
    before = [one.hostname for one in session.hosts.all(zone.id, authority_id=authority.id)]
    if not frozenset(names) <= frozenset(before):
        check_trusted(session, authority)
    session.hosts.replace(zone.id, authority.id, names, at)
    _check_trust(session, zone, *names)
    told_before, told_after = Told(), Told()
    was, is_now = frozenset(before), frozenset(names)
    changes = {
        **told_after.all_of("added", (name for name in names if name not in was)),
        **told_after.all_of("removed", (name for name in before if name not in is_now)),
    }
    audit(
        session,
        "host.replace",
        actor=actor,
        at=at,
        of=("authority", authority.id),
        zone_id=zone.id,
        before=told_before.all_of("hostnames", before),
        after=changes | told_after.all_of("hostnames", names),
    )


def remove_host(
    store: Store,
    hostname: str,
    *,
    authority: str | None = None,
    zone: str | None = None,
    actor: str,
    at: float,
) -> tuple[str, ...]:
    """Let a hostname ask for certificates of an authority, or of all, no more; their names.

    Raises:
        NotFoundError: there is no such authority or zone, or the hostname does not ask for it.
        InvalidInputError: it is no hostname.
    """
    name = normalise_hostname(hostname)
    with store.write() as session:
        here = _zone(session, zone, name)
        found = None if authority is None else authority_of(session, authority)
        names = {one.id: one.name for one in session.authorities.all()}
        gone = [
            one
            for one in session.hosts.all(here.id)
            if one.hostname == name and (found is None or one.authority_id == found.id)
        ]
        if not gone:
            whose = "any authority" if found is None else found.name
            raise NotFoundError(
                f'"{name}" does not ask for certificates of {whose}',
                hint="authz host list shows every hostname",
            )
        session.hosts.remove(here.id, name, None if found is None else found.id)
        audit(
            session,
            "host.remove",
            actor=actor,
            at=at,
            of=("host", name),
            zone_id=here.id,
            before={"associations": [facts_of(one) for one in gone]},
        )
    return tuple(names[one.authority_id] for one in gone)


def _same(rules: Sequence[Rule], wanted: Mapping[str, Any]) -> Rule | None:
    """A rule that does what another one would, None when there is none."""
    for rule in rules:
        if (
            rule["expression"] == wanted["expression"]
            and rule["action"] == wanted["action"]
            and rule.get("enabled", True)
        ):
            return rule
    return None


def list_hosts(store: Store, zone: str | None = None) -> list[Host]:
    """Every hostname that asks for certificates, of one zone or all, in their order.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        only = None if zone is None else zone_of(session, zone).id
        zones = {one.id: one for one in session.zones.all()}
        authorities = {one.id: one for one in session.authorities.all()}
        found: dict[tuple[str, str], list[Authority]] = {}
        for one in session.hosts.all(only):
            found.setdefault((one.zone_id, one.hostname), []).append(authorities[one.authority_id])
    return [
        Host(zone=zones[zone_id], hostname=hostname, authorities=tuple(asked))
        for (zone_id, hostname), asked in found.items()
    ]


def _zone(session: Session, zone: str | None, hostname: str) -> Zone:
    zones = session.zones.all()
    if zone is None:
        return owner_of(hostname, zones)
    here = zone_of(session, zone)
    check_owner(hostname, here, zones)
    return here


def _names_in(session: Session, zone: Zone, hostnames: Sequence[str]) -> tuple[str, ...]:
    """Hostnames as they are kept, each once; raises what `replace_hosts` does."""
    zones = session.zones.all()
    names: dict[str, None] = {}
    for place, hostname in enumerate(hostnames):
        try:
            name = normalise_hostname(hostname)
            check_owner(name, zone, zones)
        except InvalidInputError as error:
            error.where = str(place)
            raise
        names[name] = None
    return tuple(names)


def _check_trust(session: Session, zone: Zone, *hostnames: str) -> None:
    """Make sure that the authorities of each hostname can be trusted side by side.

    Raises:
        CertificateError: two of them have the same anchor.
    """
    names = {one.id: one.name for one in session.authorities.all()}
    asked: dict[str, list[str]] = {hostname: [] for hostname in hostnames}
    for one in session.hosts.all(zone.id):
        if one.hostname in asked:
            asked[one.hostname].append(one.authority_id)
    # Most hostnames ask for the same authorities as the one before: each company is met once.
    companies = {tuple(ids): hostname for hostname, ids in reversed(asked.items()) if len(ids) > 1}
    for ids, hostname in companies.items():
        compile_trust(
            [
                AuthorityModel(
                    name=names[each],
                    certificates=tuple(one.der for one in session.authorities.certificates(each)),
                    where=f'the host "{hostname}"',
                )
                for each in ids
            ]
        )


def _authority(session: Session, zone: Zone, named: str) -> Authority:
    """The authority, if hosts of this zone may ask for it."""
    found = authority_of(session, named)
    if found.zone_id not in (None, zone.id):
        raise InvalidInputError(
            f"the authority {found.name} belongs to another zone than {zone.name}",
            hint="an embedded CA serves its own zone; to trust it elsewhere, upload its "
            "certificate there: authz ca upload",
        )
    return found
