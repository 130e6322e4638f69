# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's custom rules as ours: which carry over, which mean something else, which cannot be.

Rules keep their `ref`; one without any is named by its identifier at Cloudflare. `skip` names rules
by `ref` until they are kept, and is a zone's only. Every expression is compiled; one that cannot be
is left out, with the engine's error, and so is a rule whose action this service cannot perform.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from authz.errors import AuthzError
from authz.rules import parse
from authz.services.cloudflare_report import Item, Note, item_of
from authz.sources.policy_document import REFUSED_ACTIONS
from authz.sources.rule_json import ref_of, rule_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.rules import NamedList, Scheme

CHALLENGES: Final = ("managed_challenge", "js_challenge", "challenge")
#: Actions that keep somebody out at Cloudflare.
PROTECTING: Final = ("block", "execute", *CHALLENGES)

_AUTH: Final = "cf.tls_client_auth."
#: What is known of a certificate whoever issued it.
_OF_ANYBODY: Final = frozenset(
    f"{_AUTH}cert_{name}"
    for name in (
        *("presented", "rfc9440", "rfc9440_too_large"),
        *("chain_rfc9440", "chain_rfc9440_too_large"),
    )
)

#: What Cloudflare wants most rules of an account to ask for.
_PLAN: Final = "cf.zone.plan"

#: Fields that have a value at Cloudflare and say something else here.
_OTHER_VALUES: Final = {
    "cf.zone.name": "is the name of the site here: the host's own name where it asks for "
    "certificates, the zone's elsewhere",
    _PLAN: 'is always "" here',
    "cf.worker.upstream_zone": 'is always "" here: there are no Workers',
    "cf.hostname.metadata": 'is always "" here',
    "cf.edge.server_ip": "is the address of Envoy here",
    "cf.edge.server_port": "is the port of Envoy here",
}
#: Families of fields that need something of Envoy to have a value.
_NEEDED: Final = {
    "http.request.body.": "is empty here unless Envoy sends bodies (with_request_body)",
    "http.request.jwt.": "is empty here unless Envoy's jwt_authn writes claims to its metadata",
}


class Challenge(StrEnum):
    """What becomes of a rule that challenges."""

    BLOCK = "block"
    SKIP_RULE = "skip-rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of where rules run.

    Args:
        trust_narrows: a host here trusts fewer authorities than the account at Cloudflare.
        hosts_ask: hosts ask for certificates: they are sites of their own.
        of_account: the rules are the account's, and run before those of every zone.
    """

    trust_narrows: bool = False
    hosts_ask: bool = False
    of_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedRules:
    """The rules that carry over, as they are put; what is said of all; what protection is lost."""

    rules: tuple[dict[str, Any], ...]
    items: tuple[Item, ...]
    losses: tuple[str, ...]


def translate_rules(
    given: Sequence[Mapping[str, Any]],
    *,
    scheme: Scheme,
    lists: Mapping[str, NamedList],
    challenge: Challenge | None = None,
    around: Surroundings | None = None,
    taken: Mapping[str, AuthzError] | None = None,
) -> TranslatedRules:
    """The rules of an entry point, in order.

    Args:
        scheme: the fields that have a source in this installation.
        lists: those that will be there.
        challenge: what to make of challenges; they cannot be carried over without.
        taken: refs that a rule cannot have here, with why.
    """
    refs = {str(rule.get("id")): ref_of(rule) for rule in given if rule.get("id")}
    told = around or Surroundings()
    judged = [_judge(rule, scheme, lists, challenge, told, taken or {}) for rule in given]
    kept = {one.ref for one in judged if one.rule is not None}
    skipping = [_with_skipped(one, refs, kept) for one in judged]
    return TranslatedRules(
        rules=tuple(one.rule for one in skipping if one.rule is not None),
        items=tuple(one.item for one in skipping),
        losses=tuple(one.loss for one in skipping if one.loss),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A rule that was looked at: what it is here (None: left out), and what to say of it."""

    ref: str
    rule: dict[str, Any] | None
    item: Item
    loss: str = ""


def _judge(
    given: Mapping[str, Any],
    scheme: Scheme,
    lists: Mapping[str, NamedList],
    challenge: Challenge | None,
    told: Surroundings,
    taken: Mapping[str, AuthzError],
) -> _Judged:
    ref = ref_of(given)
    action = str(given.get("action"))
    enabled = given.get("enabled") is not False
    name = f"{ref} ({action}{'' if enabled else ', disabled'})"
    notes: list[Note] = []
    rule = {key: value for key, value in given.items() if value is not None}
    rule["ref"] = ref

    def left_out(cannot: AuthzError | bool) -> _Judged:
        protects = enabled and action in PROTECTING
        return _Judged(
            ref=ref,
            rule=None,
            item=item_of("rule", name, notes, cannot=cannot),
            loss=f"rule {name} is left out" if protects else "",
        )

    if ref in taken:
        return left_out(taken[ref])
    if told.of_account and action == "skip":
        text = (
            "rules of the account cannot skip here: whom it lets pass meets the account's other "
            "rules; for the zones' own, write it into each zone's ruleset"
        )
        notes.append(Note(code="account_skip", text=text))
        return left_out(True)
    if action in CHALLENGES:
        if challenge is None:
            text = f"{REFUSED_ACTIONS[action]} (--challenge block), or go without (skip-rule)"
            notes.append(Note(code="challenge", text=text))
            return left_out(True)
        if challenge is Challenge.SKIP_RULE:
            notes.append(Note(code="challenge", text="nobody is challenged here: left out"))
            return left_out(True)
        text = "blocks instead: also those who would have passed the challenge"
        notes.append(Note(code="challenge", text=text, changes=True))
        rule["action"] = "block"
        rule.pop("action_parameters", None)
    elif action in REFUSED_ACTIONS:
        notes.append(Note(code="action", text=REFUSED_ACTIONS[action]))
        return left_out(True)
    try:
        rule_model(rule, f'rule "{ref}"')
        fields = parse(str(rule["expression"]), scheme, lists).fields
    except AuthzError as error:
        return left_out(error)
    notes += _notes_on(fields, told)
    never = enabled and rule["action"] == "block" and _PLAN in fields
    return _Judged(
        ref=ref,
        rule=rule,
        item=item_of("rule", name, notes),
        loss=f'rule {name} reads {_PLAN}, which is "" here: it may never block' if never else "",
    )


def _notes_on(fields: frozenset[str], told: Surroundings) -> list[Note]:
    """What a rule reads that has another value here."""
    notes = [
        Note(code="other_value", text=f"{name} {_OTHER_VALUES[name]}", changes=True)
        for name in sorted(fields & _OTHER_VALUES.keys())
        if told.hosts_ask or name != "cf.zone.name"
    ]
    for prefix, text in _NEEDED.items():
        found = sorted(name for name in fields if name.startswith(prefix))
        if found:
            notes.append(Note(code="needs_envoy", text=f"{found[0]} {text}", changes=True))
    certificate = {name for name in fields if name.startswith(_AUTH)} - _OF_ANYBODY
    if certificate and told.trust_narrows:
        text = (
            "a certificate is verified here by the authorities of its host only, at Cloudflare by "
            "any CA of the account: cert_verified is stricter"
        )
        notes.append(Note(code="trust_per_host", text=text, changes=True))
    return notes


def _with_skipped(one: _Judged, refs: Mapping[str, str], kept: set[str]) -> _Judged:
    """A rule that skips others, naming those that are here; left out when it skips nothing."""
    parameters = one.rule.get("action_parameters") if one.rule is not None else None
    if one.rule is None or one.rule.get("action") != "skip" or not isinstance(parameters, dict):
        return one
    notes = list(one.item.notes)
    parameters = dict(parameters)
    without_effect = [key for key in ("phases", "products", "rulesets") if parameters.get(key)]
    if without_effect:
        text = f"{', '.join(without_effect)}: there is nothing of this here to skip"
        notes.append(Note(code="skip_without_effect", text=text, changes=True))
    named = parameters.pop("rules", None) or {}
    wanted = [refs.get(name, name) for names in named.values() for name in names]
    here = [name for name in wanted if name in kept]
    if here:
        parameters["rules"] = {"current": here}
    if len(here) < len(wanted):
        missing = ", ".join(name for name in wanted if name not in kept)
        text = f"skips rules that are not here: {missing}"
        notes.append(Note(code="skipped_rules", text=text, changes=True))
    if not parameters:
        return _Judged(
            ref=one.ref, rule=None, item=item_of("rule", one.item.name, notes, cannot=True)
        )
    rule = {**one.rule, "action_parameters": parameters}
    return _Judged(ref=one.ref, rule=rule, item=item_of("rule", one.item.name, notes))
