# SPDX-License-Identifier: Apache-2.0
"""What a snapshot was compiled into, kept by what it was compiled from.

The next snapshot takes from here what did not change: the objects themselves, because others keep
by their identity what they know of them (who a client is by a `TrustBundle`, for one). Holds what
one snapshot uses and no more. What is compiled out of what is in policy.snapshot.

Where something stands is no part of what it is: a line at the top of a policy changes no rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authz.certs.trust import compile_trust
from authz.policy.rule_index import needed_by
from authz.rules import compile_expression, compile_list, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authz.certs.trust import AuthorityModel, TrustBundle
    from authz.policy.budget import Budget
    from authz.policy.model import RuleModel
    from authz.policy.ruleset import Ruleset
    from authz.rules import Filter, ListModel, NamedList, Scheme
    from authz.rules.necessary import Conditions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteRules:
    """The rules of a site, compiled: they are the same wherever the same rules are.

    `expressions` are those of all its rules, in order, of disabled ones as well.
    """

    expressions: tuple[CompiledExpression, ...]
    ruleset: Ruleset
    budget: Budget


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    models: tuple[AuthorityModel, ...]
    bundle: TrustBundle


@dataclass(frozen=True, slots=True, eq=False)
class CompiledExpression:
    """An expression, compiled.

    Args:
        needed: what an index of rules can find it by.
        lists: those that it may name, as they were when it was compiled.
    """

    filter: Filter
    needed: Conditions
    lists: frozenset[NamedList]


class Parts:
    """The compiled parts of one snapshot; while it is made, those of `earlier` stand in.

    Attributes:
        scheme: what the expressions were parsed against.
    """

    __slots__ = (
        "_bundles",
        "_earlier",
        "_expressions",
        "_lists",
        "_rules",
        "_seen",
        "_trusts",
        "scheme",
    )

    def __init__(self, scheme: Scheme, earlier: Parts | None = None) -> None:
        self.scheme = scheme
        self._earlier = earlier
        self._lists: dict[ListModel, NamedList] = {}
        self._bundles: dict[tuple[AuthorityModel, ...], _Bundle] = {}
        self._expressions: dict[str, CompiledExpression] = {}
        self._rules: dict[tuple[Any, ...], SiteRules] = {}
        # By the identity of the models: sites that share their rules are many.
        self._seen: dict[int, SiteRules] = {}
        self._trusts: dict[int, TrustBundle] = {}
        if earlier is not None and earlier.scheme.fields.keys() != scheme.fields.keys():
            # With other fields, an expression may be wrong that was right; lists and trust stay.
            self._earlier = Parts(scheme)
            self._earlier._lists, self._earlier._bundles = earlier._lists, earlier._bundles

    def finish(self) -> None:
        """Forget the earlier parts: the snapshot is made."""
        self._earlier = None
        self._seen, self._trusts = {}, {}

    def named_list(self, model: ListModel) -> NamedList:
        """The list, compiled.

        Raises:
            PolicyError: its name or an item cannot be used.
        """
        key = replace(model, where="", file="", lines=())
        kept = self._lists.get(key)
        if kept is None:
            kept = None if self._earlier is None else self._earlier._lists.get(key)
            self._lists[key] = kept = kept or compile_list(model)
        return kept

    def bundle(self, models: tuple[AuthorityModel, ...], *, placed: bool) -> TrustBundle:
        """Whom these authorities verify.

        Args:
            placed: the notes of the bundle must say where these `models` stand.

        Raises:
            CertificateError: a certificate or CRL cannot be used.
        """
        seen = self._trusts.get(id(models))
        if seen is not None:
            return seen
        key = tuple(replace(model, where="") for model in models)
        kept = self._bundles.get(key)
        if kept is None and self._earlier is not None:
            kept = self._earlier._bundles.get(key)
        if kept is None or (placed and kept.bundle.notes and kept.models != models):
            kept = _Bundle(models, compile_trust(models))
        self._bundles[key] = kept
        self._trusts[id(models)] = kept.bundle
        return kept.bundle

    def expression(self, text: str, lists: Mapping[str, NamedList]) -> CompiledExpression:
        """The expression, compiled.

        Raises:
            ExpressionError: it cannot be used.
        """
        # A name in a string is no list, and does no harm here.
        named = (name for name in lists if f"${name}" in text) if "$" in text else ()
        asked = frozenset(lists[name] for name in named)
        kept = self._expressions.get(text)
        if kept is None and self._earlier is not None:
            kept = self._earlier._expressions.get(text)
        if kept is None or kept.lists != asked:
            parsed = parse(text, self.scheme, lists)
            kept = CompiledExpression(compile_expression(parsed), needed_by(parsed), asked)
        self._expressions[text] = kept
        return kept

    def rules(
        self,
        models: Sequence[RuleModel],
        expression_of: Callable[[RuleModel], CompiledExpression],
        make: Callable[[tuple[CompiledExpression, ...]], SiteRules],
    ) -> SiteRules:
        """These rules, compiled: `expression_of` each, and `make` of all where they are new."""
        seen = self._seen.get(id(models))
        if seen is not None:
            return seen
        expressions = tuple(map(expression_of, models))
        key = tuple(map(_content, models))
        kept = self._rules.get(key)
        if kept is None and self._earlier is not None:
            kept = self._earlier._rules.get(key)
        if kept is None or kept.expressions != expressions:
            kept = make(expressions)
        self._rules[key] = self._seen[id(models)] = kept
        return kept

    def release(self) -> list[object]:
        """All that was kept, for whoever frees it piece by piece; then nothing is."""
        pieces: list[object] = []
        for kept in (self._expressions, self._rules, self._lists, self._bundles):
            pieces += kept.values()
            kept.clear()
        return pieces


def _content(rule: RuleModel) -> tuple[Any, ...]:
    """What decides; a description does not, nor does a place in a file."""
    return rule.ref, rule.expression, rule.action, rule.enabled, rule.response, rule.skip
