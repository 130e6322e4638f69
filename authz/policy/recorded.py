# SPDX-License-Identifier: Apache-2.0
"""The decision on a request of which not everything was kept, made again: or that it cannot be.

`judge` goes the way of `authorize` (authorizer.py). Where a rule reads what was left out of a
recorded request, both of its answers are followed; if they end in the same verdict, that is the
verdict, and otherwise there is none. Nothing is ever guessed. What was left out is said by whoever
recorded it (extauthz.recording); this module knows which fields that concerns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.policy.authorizer import is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.decision import Reason, Verdict
from authz.policy.fields import PATH_FIELDS, FieldValues, field_values
from authz.policy.fields_body import EVERY_BODY_FIELD
from authz.policy.fields_metadata import JWT, METADATA
from authz.policy.model import Action
from authz.policy.paths import is_plain, target_of
from authz.policy.unknown import unknown_fields
from authz.rules.partial import UnknownMap, UnknownValueError, evaluate_partial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.policy.client import Client, ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.ruleset import CompiledRule
    from authz.policy.snapshot import Site, Snapshot
    from authz.rules import Value

#: The header that a field is read from.
_OF_HEADERS: Final = {
    "http.cookie": b"cookie",
    "http.request.cookies": b"cookie",
    "http.referer": b"referer",
    "http.user_agent": b"user-agent",
    "http.x_forwarded_for": b"x-forwarded-for",
    "http.request.accepted_languages": b"accept-language",
}
_HEADER_MAP: Final = "http.request.headers"
_HEADER_VALUES: Final = "http.request.headers.values"

_QUERY: Final = frozenset(
    {
        "http.request.uri",
        "http.request.full_uri",
        *(
            prefix + name
            for prefix in ("http.request.uri.", "raw.http.request.uri.")
            for name in ("query", "args", "args.values")
        ),
        "raw.http.request.uri",
        "raw.http.request.full_uri",
    }
)
_QUERY_NAMES: Final = frozenset({"http.request.uri.args.names", "raw.http.request.uri.args.names"})
_ARGUMENTS: Final = frozenset({"http.request.uri.args", "raw.http.request.uri.args"})
_RAW: Final = frozenset(
    {
        "raw.http.request.uri",
        "raw.http.request.uri.path",
        "raw.http.request.uri.path.extension",
        "raw.http.request.full_uri",
    }
)
_METADATA: Final = frozenset(row.field.name for row in (*JWT, *METADATA))

#: Rules whose answer is not known that are followed both ways; each doubles the ways at most.
MAX_FORKS: Final = 12

#: What a decision depends on when the request that was sent may have been too much to evaluate.
WHOLE_SIZE: Final = "the size of the whole request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What a recorded request does not have of the one that was sent.

    Args:
        headers: names whose values were left out.
        query, query_names: whether values of the query were, and parts that may be names.
        path: whether a part of the path was.
        host: whether something in front of an `@` in the host was.
        body: whether there was a body.
        cut: fields of the body that were unknown to whoever decided then, too.
        metadata: whether there was metadata of other filters.
        size: bytes of the whole CheckRequest; 0 when that is not known.
    """

    headers: frozenset[bytes] = frozenset()
    query: bool = False
    query_names: bool = False
    path: bool = False
    host: bool = False
    body: bool = False
    cut: frozenset[str] = frozenset()
    metadata: bool = False
    size: int = 0

    @property
    def anything(self) -> bool:
        """Whether anything is."""
        return bool(
            self.headers or self.query or self.path or self.host or self.body or self.metadata
        )

    def fields(self) -> frozenset[str]:
        """Fields of which nothing is known."""
        found: set[str] = {"cf.random_seed"}
        found.update(name for name, header in _OF_HEADERS.items() if header in self.headers)
        if self.headers:
            found.add(_HEADER_VALUES)
        if self.query:
            found |= _QUERY - _ARGUMENTS
        if self.query_names:
            found |= _QUERY_NAMES | _ARGUMENTS
        if self.path:
            found |= PATH_FIELDS | _RAW
        if self.host:
            found.add("raw.http.request.full_uri")
        if self.body:
            found |= EVERY_BODY_FIELD
        if self.metadata:
            found |= _METADATA
        return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What can be said of a recorded request.

    Args:
        verdict: None: that depends on what was left out.
        reason, site, rule, action: of the decision; of one of those that may have been made, when
            there are several with this verdict.
        reads: what is not recorded and matters, as expressions write it.
    """

    verdict: Verdict | None
    reason: str = ""
    site: str = ""
    rule: str = ""
    action: str = ""
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """One way for the rules to end."""

    verdict: Verdict
    reason: Reason
    rule: str = ""
    action: str = ""


class RecordedValues(FieldValues):
    """Field values of a recorded request: reading one that was left out raises
    UnknownValueError."""

    __slots__ = ("missing", "unknown")

    missing: Missing
    unknown: frozenset[str]

    def __missing__(self, name: str) -> Value:
        if name in self.unknown:
            raise UnknownValueError(name)
        value = super().__missing__(name)
        keys: Iterable[bytes] = ()
        if name == _HEADER_MAP:
            keys = self.missing.headers
        elif self.missing.query and name in _ARGUMENTS:
            assert isinstance(value, dict)
            keys = value
        if keys:
            assert isinstance(value, dict)
            value = self[name] = UnknownMap(value, frozenset(keys) & value.keys(), name)
        return value

    def read_as(self, path: bytes) -> RecordedValues:
        """The values of another reading of the same request."""
        return recorded_values(super().read_as(path), self.missing)


def recorded_values(values: FieldValues, missing: Missing) -> RecordedValues:
    """Values of a request that was recorded."""
    found = RecordedValues(values)
    found.missing = missing
    found.unknown = missing.fields()
    for name in found.unknown:
        # What is there in any case: the path.
        found.pop(name, None)
    found.path, found.facts, found.client = values.path, values.facts, values.client
    found.site, found.at, found.geo, found.seed = values.site, values.at, values.geo, values.seed
    found._shared = values.shared
    return found


def judge(
    snapshot: Snapshot,
    facts: RequestFacts,
    missing: Missing,
    at: float,
    client_of: ClientFunction = judged,
) -> Judged:
    """Decide a recorded request at Unix time `at`, as far as that can be done."""
    site = snapshot.hosts.find(facts.host)
    if site is None:
        return Judged(verdict=Verdict.DENY, reason=Reason.UNKNOWN_HOST.value)
    if snapshot.sni_matters and is_misdirected(snapshot, site, facts):
        return _refused(site, Reason.MISDIRECTED)
    client = client_of(facts, site.trust, at)
    if missing.path:
        # What stands behind a "#" may be read, and nobody knows what it is.
        return Judged(verdict=None, site=site.name, reads=("http.request.uri.path",))
    target = target_of(facts.path)
    paths = (target,) if is_plain(target) else path_readings(site, facts, target)
    if paths is None:
        return _refused(site, Reason.AMBIGUOUS_PATH)
    values = values_of(snapshot, site, client, facts, missing, at)
    if is_too_much(site, facts, values, len(paths)):
        if missing.anything:
            return Judged(verdict=None, site=site.name, reads=(WHOLE_SIZE,))
        return _refused(site, Reason.EVALUATION_BUDGET)
    return _by_rules(site, values, paths, cut_short(site, values, missing))


def values_of(
    snapshot: Snapshot,
    site: Site,
    client: Client,
    facts: RequestFacts,
    missing: Missing,
    at: float,
) -> RecordedValues:
    """The values that the rules of a site see of a recorded request."""
    target = target_of(facts.path)
    return recorded_values(
        field_values(facts, client, site.name, target, at, snapshot.geo), missing
    )


def cut_short(site: Site, values: RecordedValues, missing: Missing) -> frozenset[str]:
    """Fields that were unknown when the request was made, too (policy.unknown)."""
    if not site.may_be_unknown:
        return frozenset()
    read = site.ruleset.fields
    if not missing.body:
        return unknown_fields(values, read)
    # Of a body that was not kept, whoever recorded the request has said so.
    return unknown_fields(values, read - EVERY_BODY_FIELD) | (missing.cut & read)


def is_too_much(site: Site, facts: RequestFacts, values: RecordedValues, readings: int) -> bool:
    """Whether evaluating the rules on so many readings is more than any check may cost, or may be:
    of the whole request, nobody knows."""
    if _is_within(site, facts, values, readings):
        return False
    return values.missing.anything or site.budget.exceeded(facts, values, readings)


def _is_within(site: Site, facts: RequestFacts, values: RecordedValues, readings: int) -> bool:
    """Whether the request that was sent is surely within the budget."""
    size = values.missing.size or facts.size
    try:
        return site.budget.surely_within(size, readings, values)
    except UnknownValueError:
        return False


def _by_rules(
    site: Site, values: RecordedValues, paths: tuple[bytes, ...], cut: frozenset[str]
) -> Judged:
    """Allowed if every reading of the path is, by any way that the rules may end."""
    reads: set[str] = set()
    ends: list[_End] = []
    sure_to_be_denied = False
    may_be_allowed = True
    for position, path in enumerate(paths):
        found = list(ends_of(site, values if position == 0 else values.read_as(path), cut, reads))
        if position:
            found = [
                one
                if one.verdict is Verdict.ALLOW
                else _End(verdict=one.verdict, reason=Reason.AMBIGUOUS_PATH, rule=one.rule)
                for one in found
            ]
        verdicts = {one.verdict for one in found}
        may_be_allowed = may_be_allowed and Verdict.ALLOW in verdicts
        sure_to_be_denied = sure_to_be_denied or verdicts == {Verdict.DENY}
        ends += found
        if sure_to_be_denied:
            break
    denied = [one for one in ends if one.verdict is Verdict.DENY]
    if not sure_to_be_denied and denied:
        return Judged(verdict=None, site=site.name, reads=tuple(sorted(reads)))
    # Of a denial, the first reading that is denied says why.
    end = denied[0] if sure_to_be_denied else ends[0]
    return Judged(
        verdict=end.verdict,
        reason=end.reason.value,
        site=site.name,
        rule=end.rule,
        action=end.action,
        reads=tuple(sorted(reads)),
    )


def ends_of(
    site: Site, values: RecordedValues, cut: frozenset[str], reads: set[str]
) -> Iterator[_End]:
    """Every way that the rules may end, of one reading of the path; as Ruleset.run has it."""
    rules = site.ruleset.rules
    some = _candidates(site, values, cut)
    # Of the candidates, and what is skipped by then.
    waiting: list[tuple[int, frozenset[int]]] = [(0, frozenset())]
    # However many ways there are, a rule is evaluated once.
    answers: dict[int, bool | None] = {}
    forks = 0
    while waiting:
        place, skipped = waiting.pop()
        while place < len(some):
            position = some[place]
            rule, place = rules[position], place + 1
            if position in skipped or rule.action is Action.LOG:
                continue
            if position not in answers:
                answers[position] = _answer(rule, values, cut, reads)
            answer = answers[position]
            if answer is None:
                forks += 1
                if forks > MAX_FORKS:
                    # Too many to follow: anything may be.
                    yield _ended(rule)
                    yield _default(site)
                    yield _End(verdict=Verdict.ALLOW, reason=Reason.DEFAULT_ACTION)
                    yield _End(verdict=Verdict.DENY, reason=Reason.DEFAULT_ACTION)
                    return
                waiting.append((place, skipped))
            elif not answer:
                continue
            if rule.action is Action.BLOCK or rule.skips_rest:
                yield _ended(rule)
                break
            skipped |= rule.skipped_rules
        else:
            yield _default(site)


def _candidates(site: Site, values: RecordedValues, cut: frozenset[str]) -> Sequence[int]:
    """The rules that may match, in order."""
    index = site.ruleset.index
    if index is not None and not cut:
        try:
            return tuple(index.candidates(values))
        except UnknownValueError:
            pass  # all of them, then
    return range(len(site.ruleset.rules))


def _answer(
    rule: CompiledRule, values: RecordedValues, cut: frozenset[str], reads: set[str]
) -> bool | None:
    if cut and not cut.isdisjoint(rule.filter.fields):
        # Architecture 4.9, as it was when the request was made.
        return rule.action is Action.BLOCK
    return answer_of(rule, values, reads)


def answer_of(rule: CompiledRule, values: RecordedValues, reads: set[str]) -> bool | None:
    """Whether a rule matches; None when that depends on what was left out, and `reads` gets it."""
    try:
        return rule.filter.matches(values)
    except UnknownValueError:
        # The evaluator that can leave parts open takes its time: for these alone.
        return evaluate_partial(rule.filter.expression, values, reads)


def _ended(rule: CompiledRule) -> _End:
    verdict = Verdict.DENY if rule.action is Action.BLOCK else Verdict.ALLOW
    return _End(verdict=verdict, reason=Reason.RULE, rule=rule.ref, action=rule.action.value)


def _default(site: Site) -> _End:
    action = site.default_action.value
    verdict = Verdict.ALLOW if action == "allow" else Verdict.DENY
    return _End(verdict=verdict, reason=Reason.DEFAULT_ACTION, action=action)


def _refused(site: Site, reason: Reason) -> Judged:
    return Judged(verdict=Verdict.DENY, reason=reason.value, site=site.name)
