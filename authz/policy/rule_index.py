# SPDX-License-Identifier: Apache-2.0
"""Which rules of a ruleset can match a request at all, without evaluating them (ADR 0022).

An index holds positions, nothing of the rules themselves: running what it finds is policy.ruleset.
What a rule needs in order to match is authz.rules.necessary. The answer has every rule that
matches, in order, and usually few others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from authz.rules.necessary import Key, necessary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authz.rules import Expression, Value
    from authz.rules.necessary import Condition, Conditions, Known

_TLS: Final = "cf.tls_client_auth."

#: Fields that cost little to read for a request, whether or not a rule asks for them then.
# Not among them: what has to be searched for (headers), split, encoded (RFC 9440) or looked up.
_FIELDS: Final = frozenset(
    {
        "http.host",
        "http.request.method",
        "http.request.uri",
        "http.request.uri.path",
        "http.request.uri.path.extension",
        "http.request.uri.query",
        "http.request.version",
        "raw.http.request.uri",
        "raw.http.request.uri.path",
        "cf.edge.server_port",
        "cf.zone.name",
        "authz.cert.failure",
        "authz.cert.spki_sha256",
        "authz.peer.port",
        "authz.site",
        "authz.tls.sni",
        *(
            _TLS + name
            for name in (
                "cert_fingerprint_sha1",
                "cert_fingerprint_sha256",
                "cert_issuer_dn",
                "cert_issuer_dn_legacy",
                "cert_issuer_dn_rfc2253",
                "cert_issuer_serial",
                "cert_issuer_ski",
                "cert_serial",
                "cert_ski",
                "cert_subject_dn",
                "cert_subject_dn_legacy",
                "cert_subject_dn_rfc2253",
            )
        ),
    }
)
#: The same, but text that has to become an address first: used where no other will do.
_ADDRESSES: Final = frozenset({"ip.src", "cf.edge.server_ip"})
INDEXED: Final = _FIELDS | _ADDRESSES

# Measured: a look-up costs about what evaluating two rules does, more when nobody else would have
# read the field.
_FEWEST: Final = 8
_FEWEST_BY_KEY: Final = 4
# Rules that share a constant; fewer are as good as one.
_CROWD: Final = 8
# Positions that are merged in advance take eight bytes each.
_MOST_MERGED: Final = 100_000
# How often a rule is looked at again, on average: it may need one of many constants.
_MOST_VISITS: Final = 8

#: What a constant leads to: the candidates, or somebody who knows them.
_Bucket: TypeAlias = "tuple[int, ...] | RuleIndex | _Late"
_Find: TypeAlias = "Callable[[Any], _Bucket | None]"


class RuleIndex:
    """Positions of rules by what the fields of a request are.

    Args:
        always: candidates whatever the request is, in order.
        lookups: fields, each with what leads from its value to a bucket. All buckets of a field
            together, and `always`, are the rules; `always` is part of every bucket.
    """

    __slots__ = ("_always", "_lookups")

    def __init__(self, always: tuple[int, ...], lookups: tuple[tuple[str, _Find], ...]) -> None:
        self._always = always
        self._lookups = lookups

    def candidates(self, values: Mapping[str, Value]) -> tuple[int, ...]:
        """The positions of the rules that may match, in order. Reads no field but the indexed."""
        found: tuple[int, ...] = ()
        for name, find in self._lookups:
            bucket = find(values[name])
            if bucket is None:
                continue
            more = bucket if isinstance(bucket, tuple) else bucket.candidates(values)
            found = _merged(found, more) if found else more
        return found or self._always


class _Late:
    """A bucket that is merged with the rest when somebody asks: there are too many of its kind."""

    __slots__ = ("_always", "_own")

    def __init__(self, own: tuple[int, ...], always: tuple[int, ...]) -> None:
        self._own = own
        self._always = always

    def candidates(self, _values: Mapping[str, Value]) -> tuple[int, ...]:
        """All of them, in order."""
        return _merged(self._own, self._always)


def _merged(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The positions of both, in order and once."""
    # Rules of a kind mostly stand together.
    if not one or not other or one[-1] < other[0]:
        return one + other
    return tuple(sorted({*one, *other}))


def index_of(expressions: Sequence[Expression], fewest: int = _FEWEST) -> RuleIndex | None:
    """An index of the rules with these expressions; None if it could leave out fewer than so many.

    Fewer rules are evaluated faster than found.
    """
    return index_by([needed_by(expression) for expression in expressions], fewest)


def needed_by(expression: Expression) -> Conditions:
    """What the expression needs in order to be true, as an index can look it up."""
    return necessary(expression, INDEXED)


def index_by(known: list[Conditions], fewest: int = _FEWEST) -> RuleIndex | None:
    """The same, of rules that need this (`needed_by` each)."""
    if len(known) < fewest:
        return None
    builder = _Builder(known, fewest)
    return builder.index(tuple(range(len(known))), (), frozenset(), fewest)


class _Builder:
    """Builds the index of a ruleset, and those of crowded buckets in it."""

    def __init__(self, known: list[Conditions], fewest: int) -> None:
        self._known = known
        self._fewest_by_key = min(fewest, _FEWEST_BY_KEY)
        self._merges = _MOST_MERGED
        self._visits = _MOST_VISITS * len(known)

    def index(
        self,
        positions: tuple[int, ...],
        always: tuple[int, ...],
        used: frozenset[Key],
        fewest: int,
    ) -> RuleIndex | None:
        """An index of the rules at `positions`, by other keys than those that led to them."""
        known = [
            tuple(one for one in self._known[position] if used.isdisjoint(one))
            for position in positions
        ]
        chosen = dict(zip(positions, _chosen(known, self._fewest_by_key), strict=True))
        rest = tuple(position for position, condition in chosen.items() if condition is None)
        if len(positions) - len(rest) < fewest:
            return None
        always = _merged(always, rest)
        tables: dict[Key, dict[Known, list[int]]] = {}
        for position, condition in chosen.items():
            for key, constants in (condition or {}).items():
                table = tables.setdefault(key, {})
                for constant in constants:
                    table.setdefault(constant, []).append(position)
        lookups = tuple(
            (key.field, self._find(key, table, always, used)) for key, table in tables.items()
        )
        return RuleIndex(always, lookups)

    def _find(
        self,
        key: Key,
        table: dict[Known, list[int]],
        always: tuple[int, ...],
        used: frozenset[Key],
    ) -> _Find:
        buckets: dict[tuple[int, ...], _Bucket] = {}
        found: dict[Known, _Bucket] = {}
        for constant, positions in table.items():
            own = tuple(positions)
            if own not in buckets:
                buckets[own] = self._bucket(own, always, used | {key})
            found[constant] = buckets[own]
        read, find = key.reader(), found.get
        return find if read is None else lambda value: find(read(value))

    def _bucket(
        self, own: tuple[int, ...], always: tuple[int, ...], used: frozenset[Key]
    ) -> _Bucket:
        if self._fewest_by_key <= len(own) <= self._visits:
            self._visits -= len(own)
            index = self.index(own, always, used, self._fewest_by_key)
            if index is not None:
                return index
        size = len(own) + len(always)
        if size > self._merges:
            return _Late(own, always)
        self._merges -= size
        return _merged(own, always)


def _chosen(known: list[Conditions], fewest: int) -> list[Condition | None]:
    """For each rule the condition to find it by; None: it is always a candidate."""
    ranking = _Ranking(known)
    chosen = [ranking.best(conditions) for conditions in known]
    users = Counter(key for condition in chosen for key in condition or ())
    kept = {key for key, number in users.items() if number >= fewest}
    return [
        condition
        if condition is None or kept.issuperset(condition)
        else ranking.best(tuple(one for one in conditions if kept.issuperset(one)))
        for condition, conditions in zip(chosen, known, strict=True)
    ]


class _Ranking:
    """How well a condition tells its rule from the others of the ruleset."""

    def __init__(self, known: list[Conditions]) -> None:
        self._crowds: dict[Key, Counter[Known]] = {}
        self._users: Counter[Key] = Counter()
        for conditions in known:
            for condition in conditions:
                self._users.update(condition.keys())
                for key, constants in condition.items():
                    self._crowds.setdefault(key, Counter()).update(constants)

    def best(self, conditions: Conditions) -> Condition | None:
        """The one to find a rule by, None without any."""
        if len(conditions) < 2:
            return conditions[0] if conditions else None
        return min(conditions, key=self._rank)

    def _rank(self, condition: Condition) -> tuple[int, bool, int, int, int]:
        crowd = max(
            max(map(self._crowds[key].__getitem__, constants))
            for key, constants in condition.items()
        )
        slow = any(key.field in _ADDRESSES for key in condition)
        # What many rules can be found by takes one look-up for them all.
        users = min(self._users[key] for key in condition)
        size = sum(map(len, condition.values()))
        return crowd // _CROWD, slow, len(condition), -users, size
