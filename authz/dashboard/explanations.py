# SPDX-License-Identifier: Apache-2.0
"""An explanation as pages show it: sentences, rows and trees, for the macros of explanation.html.

Used by the simulator and by the page of an event. What is in an explanation is
policy.explanation; here it is only put into words. Every text may be a client's: templates escape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.certs.failure_clauses import clause_of
from authz.policy.decision import Reason, Verdict
from authz.policy.explanation import RuleOutcome
from authz.policy.model import Action
from authz.rules.trace_text import brief, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from authz.certs.failure_clauses import Clause
    from authz.policy.explanation import (
        CertificateExplained,
        Explanation,
        HostExplained,
        ReadingExplained,
        RuleExplained,
    )
    from authz.rules import Value
    from authz.rules.trace_text import Line
    from authz.services.explanation import Answer, ExplainedCheck
    from authz.services.simulation import RuleNote

    #: A label and what it says.
    Row = tuple[str, str]

#: Characters of a value that a page shows.
_ROOM: Final = 300
#: Rules of a reading that a page shows; those that do not match are left out first.
MAX_RULES: Final = 100

_OUTCOMES: Final[Mapping[RuleOutcome, tuple[str, str]]] = {
    RuleOutcome.MATCHED: ("matches", "info"),
    RuleOutcome.NOT_MATCHED: ("does not match", "plain"),
    RuleOutcome.COUNTED: ("counts as matching", "warn"),
    RuleOutcome.NOT_COUNTED: ("counts as not matching", "plain"),
    RuleOutcome.SKIPPED: ("skipped", "plain"),
    RuleOutcome.NOT_REACHED: ("not reached", "plain"),
}
#: Of a rule whose fields were cut short or are ambiguous.
UNSURE: Final = (
    "It reads a body or headers that were cut short or are ambiguous, so what it says is not known."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRule:
    """One rule: `outcome` in words, `kind` the kind of its badge.

    Args:
        position: among the rules that are switched on, from 1.
        name: its description, or its ref.
        rule_id: of one that the zone or the account has, `""` for one that is tried.
        why: a sentence that says more; `""` for none.
        line: what every part of its expression gives; None where that was left out.
    """

    position: int
    name: str
    ref: str
    rule_id: str
    of_account: bool
    action: str
    outcome: str
    kind: str
    why: str
    expression: str
    line: Line | None
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReading:
    """One way to read the path.

    Args:
        rules: those that evaluation came to; `left_out` more of them do not match.
        behind: those that it did not come to; `left_out_behind` more of them.
        is_told: whether its rules are worth showing: those of the path as sent, and of the first
            reading that is decided otherwise.
    """

    path: str
    blocked: bool
    ended_by: str
    rules: tuple[ShownRule, ...]
    left_out: int
    behind: tuple[ShownRule, ...]
    left_out_behind: int
    is_told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """How the certificate was judged: `verdict` in words, `kind` of its badge."""

    verdict: str
    kind: str
    detail: str
    clause: Clause | None
    rows: tuple[Row, ...]
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCheck:
    """A decision and its reasons.

    Args:
        sentence: why, in one sentence.
        rows: the facts that matter first.
        asked: whether the rules were asked at all.
    """

    blocked: bool
    sentence: str
    answer: Answer
    rows: tuple[Row, ...]
    certificate: ShownCertificate | None
    readings: tuple[ShownReading, ...]
    fields: tuple[Row, ...]
    unknown_fields: tuple[str, ...]
    asked: bool


def shown_check(check: ExplainedCheck, notes: Mapping[str, RuleNote]) -> ShownCheck:
    """A decision and its reasons, in words.

    Args:
        notes: what people call the rules, by ref.
    """
    found = check.explanation
    names = _Names(notes)
    decision = check.decision
    asked = decision.reason in (Reason.RULE, Reason.DEFAULT_ACTION, Reason.AMBIGUOUS_PATH)
    return ShownCheck(
        blocked=decision.verdict is Verdict.DENY,
        sentence=_sentence(check, names),
        answer=check.answer,
        rows=tuple(_rows(check, names)),
        certificate=None
        if found is None or found.certificate is None
        else _certificate(found.certificate),
        readings=() if found is None or not asked else tuple(_readings(found, names)),
        fields=()
        if found is None
        else tuple((name, value_text(value)) for name, value in found.fields.items()),
        unknown_fields=() if found is None else tuple(sorted(found.unknown_fields)),
        asked=asked,
    )


def value_text(value: Value) -> str:
    """A field's value: text as it is where it is plain, else in the notation of literals."""
    if isinstance(value, bytes) and len(value) <= _ROOM:
        text = brief(value, _ROOM)
        return text[1:-1] if "\\" not in text else text
    return brief(value, _ROOM)


class _Names:
    """What people call rules."""

    def __init__(self, notes: Mapping[str, RuleNote]) -> None:
        self._notes = notes

    def of(self, ref: str) -> str:
        """The description of a rule, or its ref."""
        note = self._notes.get(ref)
        return note.description if note is not None and note.description else ref

    def note(self, ref: str) -> RuleNote | None:
        """All there is of it."""
        return self._notes.get(ref)


def _sentence(check: ExplainedCheck, names: _Names) -> str:
    decision = check.decision
    rule = f"“{names.of(decision.rule)}”"
    match decision.reason:
        case Reason.RULE if decision.verdict is Verdict.DENY:
            unsure = f" {UNSURE}" if decision.detail else ""
            return f"The rule {rule} blocks it.{unsure}"
        case Reason.RULE:
            return f"The rule {rule} lets it pass: it skips every rule behind it."
        case Reason.DEFAULT_ACTION if decision.verdict is Verdict.DENY:
            return "No rule decided, and the zone blocks what no rule decides."
        case Reason.DEFAULT_ACTION:
            return "No rule blocks it."
        case Reason.AMBIGUOUS_PATH:
            return _ambiguous(check, rule)
        case Reason.MISDIRECTED:
            return (
                "The TLS connection was opened for another host, which trusts other authorities: "
                "the client has to open one for this host."
            )
        case Reason.UNKNOWN_HOST:
            return "No zone answers for this host."
        case Reason.EVALUATION_BUDGET:
            return "Judging it by these rules would take longer than a request may."
        case Reason.UNDECODABLE:
            return f"The request cannot be read: {check.undecodable or 'it is no CheckRequest'}."
        case _:
            return f"It is denied: {decision.reason.value}."


def _ambiguous(check: ExplainedCheck, rule: str) -> str:
    found = check.explanation
    if found is not None and found.path_refused:
        return (
            "Its path can be read in more ways than one, and the zone refuses such paths."
            if found.paths == "refuse"
            else "Its path can be read in more ways than are judged."
        )
    return (
        f"Its path can be read in several ways, and one of them is blocked by the rule {rule}: "
        "what the application makes of it is not known."
    )


def _rows(check: ExplainedCheck, names: _Names) -> Iterator[Row]:
    decision, found = check.decision, check.explanation
    if decision.logged:
        yield "Logged by", ", ".join(names.of(ref) for ref in decision.logged)
    if found is None:
        return
    yield "Host", _host(found.host)
    if found.host.sni is not None:
        yield "Server name (SNI)", _sni(found.host)
    if found.certificate is not None:
        yield "Certificate", _certificate(found.certificate).verdict
    if found.default_action is not None:
        yield "When no rule decides", found.default_action.value


def _host(host: HostExplained) -> str:
    if host.read_as is None:
        return f"{_text(host.sent)}: not the name of a host"
    if host.pattern is None:
        return f"{host.read_as}: nobody answers for it"
    if host.pattern == host.read_as:
        return f"{host.read_as}: one of the zone's hosts"
    if host.pattern == "*":
        return f"{host.read_as}: no host of its own, so it is one of all others"
    return f"{host.read_as}: covered by {host.pattern}"


def _sni(host: HostExplained) -> str:
    if not host.sni:
        return "none was sent"
    if host.misdirected:
        return f"{host.sni}: a host that trusts other authorities"
    return host.sni


def _certificate(found: CertificateExplained) -> ShownCertificate:
    if not found.presented:
        verdict, kind = "none presented", "plain"
    elif found.revoked:
        verdict, kind = "revoked", "bad"
    elif found.verified:
        verdict, kind = f"verified, of {found.authority}", "good"
    else:
        reason = found.failure.value.replace("_", " ") if found.failure else "unknown"
        verdict, kind = f"not verified: {reason}", "bad"
    rows: list[Row] = []
    certificate = found.certificate
    if certificate is not None:
        rows = [
            ("Subject", certificate.subject_dn),
            ("Valid", f"{certificate.not_before} to {certificate.not_after}"),
            ("Serial number", certificate.serial),
            ("SHA-256 fingerprint", certificate.fingerprint_sha256),
        ]
    clause = clause_of(found.failure, revoked=found.revoked)
    # The clause has a sentence for it already.
    is_said = clause is not None and found.detail.lower() == clause.meaning.lower().rstrip(".")
    return ShownCertificate(
        verdict=verdict,
        kind=kind,
        detail="" if is_said else found.detail,
        clause=clause,
        rows=tuple(rows),
        path=tuple(one.subject_dn for one in found.path),
    )


def _readings(found: Explanation, names: _Names) -> Iterator[ShownReading]:
    first = found.readings[0].verdict if found.readings else None
    told_other = False
    for index, one in enumerate(found.readings):
        differs = one.verdict is not first
        yield _reading(one, names, is_told=index == 0 or (differs and not told_other))
        told_other = told_other or differs


def _reading(one: ReadingExplained, names: _Names, *, is_told: bool) -> ShownReading:
    numbered = list(enumerate(one.rules, 1)) if is_told else []
    reached = [each for each in numbered if each[1].outcome is not RuleOutcome.NOT_REACHED]
    behind = numbered[len(reached) :]
    # What does not match is what says least.
    telling = sorted(reached, key=lambda each: each[1].outcome is RuleOutcome.NOT_MATCHED)
    kept = sorted(telling[:MAX_RULES], key=lambda each: each[0])
    return ShownReading(
        path=_text(one.path),
        blocked=one.verdict is Verdict.DENY,
        ended_by=names.of(one.ended_by) if one.ended_by else "",
        rules=tuple(_rule(*each, one.ended_by, names) for each in kept),
        left_out=len(reached) - len(kept),
        behind=tuple(_rule(*each, one.ended_by, names) for each in behind[:MAX_RULES]),
        left_out_behind=max(0, len(behind) - MAX_RULES),
        is_told=is_told,
    )


def _rule(position: int, rule: RuleExplained, ended_by: str, names: _Names) -> ShownRule:
    outcome, kind = _OUTCOMES[rule.outcome]
    counted = rule.outcome in (RuleOutcome.MATCHED, RuleOutcome.COUNTED)
    if counted and rule.action is Action.BLOCK:
        kind = "bad"
    decides = rule.ref == ended_by and counted
    note = names.note(rule.ref)
    return ShownRule(
        position=position,
        name=names.of(rule.ref),
        ref=rule.ref,
        rule_id="" if note is None else note.rule_id,
        of_account=note is not None and note.of_account,
        action=rule.action.value,
        outcome=f"{outcome}, and decides" if decides else outcome,
        kind=kind,
        why=_why(rule, names),
        expression=rule.expression,
        line=None if rule.traced is None else line_of(rule.traced),
        decides=decides,
    )


def _why(rule: RuleExplained, names: _Names) -> str:
    if rule.outcome is RuleOutcome.SKIPPED:
        return f"The rule “{names.of(rule.skipped_by)}” leaves it out."
    return UNSURE if rule.matches is None else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
