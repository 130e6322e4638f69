# SPDX-License-Identifier: Apache-2.0
"""The store as a policy model: what is to be enforced, at one moment.

Each hostname association is a site with its authorities; hosts of a zone without one form a site
without trust; all share their zone's rules (architecture 6), behind those of the account (4.8).
`StoreModels` makes one model after the other and keeps what did not change: lists by their
revision, rules by their version, revoked serial numbers by the log of changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from authz.certs.authority import AuthorityModel, RevocationMode
from authz.errors import PolicyError
from authz.policy.model import (
    DefaultAction,
    Misdirected,
    PathMode,
    PolicyModel,
    SiteModel,
    UpstreamHeaders,
)
from authz.rules.lists import ListKind, ListModel, pack_list
from authz.services.account_rules import entry_point, models_in
from authz.services.namespace import DEFAULT_ZONE, OTHER_HOSTS
from authz.services.revoked import Listed, RevokedSerials
from authz.services.same_key import Joined, KeysOf
from authz.services.scopes import Scope, scope_of
from authz.sources.fetch_targets import STORE_SCOPE, AuthorityId
from authz.sources.fetched_trust import FetchedTrust
from authz.sources.policy_lists import PACKED_FROM
from authz.sources.policy_trust import packed_where_large
from authz.store.records import CertificateRole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authz.policy.model import RuleModel
    from authz.sources.fetched import FetchedFiles
    from authz.store.records import Authority, AuthorityCertificate, HostAssociation, List, Zone
    from authz.store.session import Session

#: Lists of the store and lists of a policy file beside it may have the same names.
SCOPE: Final = STORE_SCOPE

_SIGNING: Final = (CertificateRole.ISSUING, CertificateRole.PREVIOUS)

#: `Sources.ocsp`: nobody is asked.
OFF: Final = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreModel:
    """What is to be enforced, and which moment of which store that is.

    `authorities` are identifiers by name, of those whose serial numbers in the model are their own
    list and no other's; `mark` is the last change of the lists of revoked serial numbers
    (store.revocations). `by_key` are lists by the SHA-256 of the SubjectPublicKeyInfo of an
    authority here, for authorities elsewhere that have the same key (same_key.py). `ancestors` are
    what the store was restored from (store.moments).
    """

    model: PolicyModel
    store_id: str
    revision: int
    authorities: Mapping[str, str]
    mark: str = ""
    by_key: Mapping[str, tuple[Listed, ...]] = field(default_factory=dict)
    ancestors: Mapping[str, int] = field(default_factory=dict)


class StoreModels:
    """Makes models of one store, each from what the one before had and what changed since.

    Args:
        revoked: serial numbers as they are known from an earlier snapshot.
        fetched: the files of what was fetched; None: nothing was.
    """

    def __init__(
        self, revoked: RevokedSerials | None = None, fetched: FetchedFiles | None = None
    ) -> None:
        self._revoked = revoked or RevokedSerials()
        self._fetched = FetchedTrust(fetched)
        self._authorities: dict[str, AuthorityModel] = {}
        self._keys = KeysOf()
        self._keys_by_id: dict[str, frozenset[str]] = {}
        self._ids_by_key: dict[str, list[str]] = {}
        self._joined = Joined()
        self._lists: dict[str, tuple[tuple[int, float], ListModel]] = {}
        self._rules: dict[tuple[str, int, float], tuple[RuleModel, ...]] = {}
        # By zone: the account's rules and the zone's, and both together.
        self._both: dict[str, tuple[tuple[RuleModel, ...], ...]] = {}
        self._in_force: set[str] = set()
        # One object for each: whoever compiles and writes it asks by identity what is the same.
        self._trusts: dict[tuple[AuthorityModel, ...], tuple[AuthorityModel, ...]] = {}

    def build(self, session: Session, keys: Collection[str] = ()) -> StoreModel:
        """The model of this moment.

        Args:
            keys: those that `by_key` is wanted for.

        Raises:
            PolicyError, CertificateError: what is there cannot be enforced; no service lets such
                a thing in.
        """
        authorities = session.authorities.all()
        if not self._revoked.follow(session):
            # Versions and revisions of another history count anew: equal numbers say nothing.
            self._authorities, self._lists, self._rules, self._trusts = {}, {}, {}, {}
        model = self._model(session, session.zones.all(), authorities)
        return StoreModel(
            model=model,
            store_id=session.store_id,
            revision=session.revision,
            ancestors=session.moment.ancestors,
            authorities={
                one.name: one.id for one in authorities if len(self._namesakes(one.id)) == 1
            },
            mark=self._revoked.mark,
            by_key={
                key: tuple(self._revoked.of(session, one) for one in self._ids_by_key[key])
                for key in sorted(self._ids_by_key.keys() & set(keys))
            },
        )

    def _namesakes(self, authority_id: str) -> list[str]:
        """The authorities that share a key with this one, which is the first."""
        others = {
            one
            for key in self._keys_by_id.get(authority_id, ())
            for one in self._ids_by_key[key]
            if one != authority_id
        }
        return [authority_id, *sorted(others)]

    def _model(
        self, session: Session, zones: Sequence[Zone], authorities: Sequence[Authority]
    ) -> PolicyModel:
        associations = session.hosts.all()
        used = {one.authority_id for one in associations}
        trusted = self._trusted(session, [one for one in authorities if one.id in used])
        sites: list[SiteModel] = []
        first = {
            one: self._rules_of(session, Scope(account_id=one))
            for one in {zone.account_id for zone in zones}
        }
        for zone in zones:
            rules = self._combined(
                zone, first[zone.account_id], self._rules_of(session, scope_of(zone))
            )
            hosts = [one for one in associations if one.zone_id == zone.id]
            sites += self._sites(zone, hosts, rules, trusted)
        self._forget_rules()
        self._trusts = {trust: trust for trust in (site.trust for site in sites)}
        return PolicyModel(sites=tuple(sites), lists=self._lists_of(session))

    def _trusted(
        self, session: Session, authorities: Sequence[Authority]
    ) -> dict[str, AuthorityModel]:
        own: dict[str, list[AuthorityCertificate]] = {}
        for certificate in session.authorities.certificates():
            own.setdefault(certificate.authority_id, []).append(certificate)
        self._fetched.begin()
        self._keys.begin()
        ders = {one: tuple(each.der for each in some) for one, some in own.items()}
        self._keys_by_id = {one: self._keys.of(some) for one, some in ders.items()}
        self._ids_by_key = {}
        for one, keys in self._keys_by_id.items():
            for key in keys:
                self._ids_by_key.setdefault(key, []).append(one)
        models: dict[str, AuthorityModel] = {}
        for authority in authorities:
            lists = [self._revoked.of(session, one) for one in self._namesakes(authority.id)]
            listed = self._joined.of(authority.id, lists)
            model = AuthorityModel(
                name=authority.name,
                certificates=ders.get(authority.id, ()),
                through=through_of(own.get(authority.id, ())),
                revoked_serials=listed.added,
                revoked_base=listed.base,
                restored_serials=listed.restored,
                revocation=RevocationMode(authority.revocation),
                crl_urls=authority.sources.crl_urls,
                ocsp="" if authority.sources.ocsp == OFF else authority.sources.ocsp,
                where=f'the authority "{authority.name}"',
            )
            before = self._authorities.get(authority.id)
            if model.crl_urls or model.ocsp:
                # Names of authorities are one account's, so no site has to tell them apart.
                identity = AuthorityId(site="", authority=authority.name)
                added = self._fetched.add(model, identity, before)
                model, before = added.model, added.earlier
            models[authority.id] = packed_where_large(model, before)
        self._joined.keep(models)
        self._authorities = models
        return models

    def _sites(
        self,
        zone: Zone,
        associations: Sequence[HostAssociation],
        rules: tuple[RuleModel, ...],
        trusted: Mapping[str, AuthorityModel],
    ) -> list[SiteModel]:
        def site(name: str, hosts: tuple[str, ...], trust: tuple[AuthorityModel, ...]) -> SiteModel:
            return SiteModel(
                name=name,
                hosts=hosts,
                trust=self._trusts.setdefault(trust, trust),
                default_action=DefaultAction(zone.default_action),
                paths=PathMode(zone.paths),
                misdirected=Misdirected(zone.misdirected),
                upstream_headers=tuple(map(UpstreamHeaders, zone.upstream_headers)),
                rules=rules,
                scope=SCOPE,
                where=f'the host "{name}"',
            )

        by_host = sorted(associations, key=lambda one: one.hostname)
        sites = [
            site(host, (host,), tuple(trusted[one.authority_id] for one in group))
            for host, group in groupby(by_host, key=lambda one: one.hostname)
        ]
        taken = {one.name for one in sites}
        others = tuple(host for host in hosts_of(zone) if host not in taken)
        if others:
            name = zone.name if zone.name not in taken else zone.name + OTHER_HOSTS
            sites.append(site(name, others, ()))
        return sites

    def _combined(
        self, zone: Zone, first: tuple[RuleModel, ...], own: tuple[RuleModel, ...]
    ) -> tuple[RuleModel, ...]:
        known = self._both.get(zone.id)
        if known is None or known[0] is not first or known[1] is not own:
            known = self._both[zone.id] = first, own, (first + own if first else own)
        return known[2]

    def _rules_of(self, session: Session, scope: Scope) -> tuple[RuleModel, ...]:
        ruleset = entry_point(session, scope)
        if ruleset is None:
            return ()
        self._in_force.add(ruleset.id)
        key = ruleset.id, ruleset.version, ruleset.modified_at
        if key not in self._rules:
            version = session.rulesets.version(ruleset.id, ruleset.version)
            if version is None:
                raise PolicyError(
                    f"version {ruleset.version} of the rules is missing",
                    where=scope.where.removeprefix("rules of "),
                    hint="authz db check says more; authz policy apply writes the rules anew",
                )
            # One version of a ruleset is in force.
            self._rules = {known: kept for known, kept in self._rules.items() if known[0] != key[0]}
            self._rules[key] = models_in(scope, version.rules)
        return self._rules[key]

    def _forget_rules(self) -> None:
        """Of rulesets that are not there any more."""
        gone = {key for key in self._rules if key[0] not in self._in_force}
        for key in gone:
            del self._rules[key]
        self._in_force.clear()

    def _lists_of(self, session: Session) -> tuple[ListModel, ...]:
        earlier, self._lists = self._lists, {}
        for one in session.lists.all():
            kept = earlier.get(one.id)
            state = one.revision, one.modified_at
            if kept is None or kept[0] != state:
                kept = state, list_model(one, tuple(session.lists.values(one.id)))
            self._lists[one.id] = kept
        return tuple(model for _, model in self._lists.values())


def through_of(certificates: Sequence[AuthorityCertificate]) -> tuple[bytes, ...]:
    """What a path has to lead through: what signs or signed here, below a CA that is not ours.

    Nobody knows what else stands below a root whose key is not here. Below one whose key is here,
    everything is ours.
    """
    signing = [one for one in certificates if one.role in _SIGNING]
    if not signing or all(one.key_id for one in certificates):
        return ()
    return tuple(one.der for one in signing)


def hosts_of(zone: Zone) -> tuple[str, ...]:
    """The hosts that a zone answers for: its name and everything below it, or every host."""
    return ("*",) if zone.name == DEFAULT_ZONE else (zone.name, f"*.{zone.name}")


def list_model(one: List, items: tuple[str, ...]) -> ListModel:
    """A list as the model has it.

    Raises:
        PolicyError: an item is not of its kind.
    """
    model = ListModel(
        name=one.name,
        kind=ListKind(one.kind),
        items=items,
        scope=SCOPE,
        where=f'the list "{one.name}"',
    )
    return pack_list(model) if len(items) > PACKED_FROM else model
