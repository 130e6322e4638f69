# SPDX-License-Identifier: Apache-2.0
"""What is in force, compiled as a node compiles it, to decide recorded requests again.

A node's workers have their own copy; here is one for whoever explains and tries. It is compiled
when it is first asked for and kept as long as the store is the same. Deciding is policy.recorded.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.memo import ClientMemo
from authz.policy.recorded import Missing
from authz.policy.snapshot import compile_snapshot
from authz.services.account_rules import account_models, kept_rules, models_in
from authz.services.model import StoreModels
from authz.services.namespace import OTHER_HOSTS
from authz.services.ready import Ready
from authz.services.ruleset_input import Given, rules_from
from authz.services.rulesets import new_ruleset, rules_in
from authz.services.scopes import scope_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from authz.certs.presented import CertificateLimits
    from authz.extauthz.decode import DecodedRequest
    from authz.policy.geo import GeoLookup
    from authz.policy.model import PolicyModel, RuleModel
    from authz.policy.snapshot import Snapshot
    from authz.services.rules import Rule
    from authz.services.scopes import Scope
    from authz.sources.fetched import FetchedFiles
    from authz.store.records import Zone
    from authz.store.records_activity import RecordedRequest
    from authz.store.session import Session

#: What was fetched changes without a new revision of the store; so long it is taken for the same.
FETCHED_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a store says, compiled.

    Args:
        revision: the store's.
    """

    snapshot: Snapshot
    model: PolicyModel
    revision: int


class Judge:
    """Compiles what is in force, and what would be. Any thread may call any method.

    Args:
        decoding, limits, geo: as the node has them that answers checks.
        fetched: what was fetched for it; None: nothing was.
    """

    def __init__(
        self,
        *,
        decoding: DecodeOptions | None = None,
        limits: CertificateLimits = DEFAULT_LIMITS,
        geo: GeoLookup | None = None,
        fetched: FetchedFiles | None = None,
    ) -> None:
        self.decoding = decoding or DecodeOptions()
        self.limits = limits
        self.geo = geo
        self._has_fetched = fetched is not None
        self._models = StoreModels(fetched=fetched)
        self._lock = threading.Lock()
        self._live: Compiled | None = None
        self._live_of = ""
        self._live_until = 0.0

    def live(self, session: Session, at: float) -> Compiled:
        """What is in force at Unix time `at`.

        Raises:
            PolicyError, CertificateError: it cannot be enforced; no service lets such a thing in.
        """
        with self._lock:
            live = self._live
            if (
                live is not None
                and self._live_of == session.store_id
                and live.revision == session.revision
                and live.snapshot.geo is self.geo
                and not (
                    self._has_fetched and not self._live_until > at >= live.snapshot.created_at
                )
            ):
                return live
            made = self._models.build(session)
            snapshot = compile_snapshot(
                made.model,
                generation=max(made.revision, 1),
                at=at,
                geo=self.geo,
                previous=None if live is None else live.snapshot,
                lint=False,
            )
            self._live = Compiled(snapshot=snapshot, model=made.model, revision=made.revision)
            self._live_of, self._live_until = made.store_id, at + FETCHED_SECONDS
            return self._live

    def draft(self, session: Session, scope: Scope, rules: Sequence[Any], at: float) -> Snapshot:
        """What would be in force with other rules in a zone, or in the account.

        Args:
            scope: the account is before every zone.
            rules: all of them, as the API takes them.

        Raises:
            RulesetError: they could not be deployed; everything that is wrong in `others`, each
                with its place: `("rules", 1, "expression")`.
        """
        live = self.live(session, at)
        models = models_in(scope, drafted(session, scope, rules, geo=self.geo, at=at))
        model = live.model
        if scope.zone is not None:
            models = (*account_models(session, scope.account_id), *models)
            model = with_rules(model, _names_of(session, scope.zone), models)
        else:
            for zone in session.zones.all():
                own = scope_of(zone)
                behind = models_in(own, kept_rules(session, own))
                model = with_rules(model, _names_of(session, zone), (*models, *behind))
        return compile_snapshot(
            model,
            generation=live.snapshot.generation + 1,
            at=at,
            geo=self.geo,
            previous=live.snapshot,
            lint=False,
        )

    def facts_of(self, recorded: RecordedRequest) -> tuple[DecodedRequest, Missing]:
        """A recorded request as decisions read it, and what is missing in it.

        Raises:
            Undecodable: it is no request.
        """
        missing = missing_of(recorded.left_out)
        facts = decode(recorded.request, self.decoding)
        facts.size = max(missing.size, facts.size)
        return facts, missing

    def memo(self) -> ClientMemo:
        """Who judges certificates, and remembers it for as long as it is kept."""
        return ClientMemo(self.limits)


def drafted(
    session: Session, scope: Scope, rules: Sequence[Any], *, geo: GeoLookup | None, at: float
) -> tuple[Rule, ...]:
    """Rules of a scope, as the API takes them, as they would be kept.

    Raises:
        RulesetError: they could not be deployed; everything that is wrong in `others`, each with
            its place: `("rules", 1, "expression")`.
    """
    before = rules_in(session, scope)
    return rules_from(
        session,
        scope,
        [Given(rule=rule, path=("rules", index)) for index, rule in enumerate(rules)],
        before.rules,
        ruleset_id=(before.ruleset or new_ruleset(scope, at=at)).id,
        ready=Ready(geo=geo),
        at=at,
    )


def with_rules(
    model: PolicyModel, names: Collection[str], rules: tuple[RuleModel, ...]
) -> PolicyModel:
    """A model with other rules on the sites of these names."""
    return replace(
        model,
        sites=tuple(
            replace(site, rules=rules) if site.name in names else site for site in model.sites
        ),
    )


def _names_of(session: Session, zone: Zone) -> set[str]:
    """Names that a store's model may have for a zone's sites."""
    names = {one.hostname for one in session.hosts.all(zone.id)}
    return names | {zone.name, zone.name + OTHER_HOSTS}


def missing_of(left_out: Mapping[str, Any]) -> Missing:
    """What a recorded request does not have, as it was kept (observability.recorded.LeftOut)."""
    flags = ("query", "query_names", "path", "host", "body", "metadata")
    return Missing(
        headers=frozenset(str(name).encode() for name in left_out.get("headers", ())),
        size=int(left_out.get("size", 0)),
        cut=frozenset(map(str, left_out.get("cut", ()))),
        **{name: bool(left_out.get(name)) for name in flags},
    )
