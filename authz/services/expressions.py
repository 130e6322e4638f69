# SPDX-License-Identifier: Apache-2.0
"""Expressions that are not in a rule yet: checked, formatted and explained for their author.

Nothing here writes. What an expression may use is in `expression_catalogue`. Whoever calls may send
anything, so all of it is bounded: an expression by what the language allows, an evaluation by what
it may cost at most, before it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.certs.trust import AuthorityModel, compile_trust
from authz.errors import ForbiddenError, InvalidInputError, SettingsError
from authz.policy.budget import MAX_WORK
from authz.policy.fields import scheme_for
from authz.policy.lint import authorities_of
from authz.rules import ListKind, ListModel, Role, compile_list, format_expression, lint, parse
from authz.rules.trace import trace
from authz.rules.trace_cost import trace_cost
from authz.sources.field_values import parse_with_lists, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.geo import GeoLookup
    from authz.rules import Expression, Finding, KnownAuthority, Value
    from authz.rules.trace import Traced
    from authz.store.engine import Store
    from authz.store.records import List
    from authz.store.session import Session

#: Items of lists that are read to explain one expression.
MAX_ITEMS: Final = 10_000

#: What a rule of an action means for whom its condition is true of.
_ROLES: Final = {"block": Role.BLOCK, "skip": Role.ADMIT, "log": Role.LOG}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedExpression:
    """An expression that can be used, and what is probably not meant in it."""

    expression: Expression
    findings: tuple[Finding, ...]


def check_expression(
    store: Store, zone_id: str, source: str, *, action: str | None = None, geo: GeoLookup | None
) -> CheckedExpression:
    """Read an expression as a rule of a zone would have it.

    Args:
        action: `block`, `skip` or `log`, what the rule is to do; None when that is not known.

    Raises:
        ExpressionError: it cannot be used.
    """
    with store.read() as session:
        lists = [one for one in session.lists.all() if f"${one.name}" in source]
        authorities = _authorities_of(session, zone_id)
    known = {one.name: compile_list(_without_items(one)) for one in lists}
    expression = parse(source, scheme_for(geo), known)
    role = None if action is None else _ROLES[action]
    return CheckedExpression(
        expression=expression, findings=lint(expression, role=role, authorities=authorities)
    )


def explain_expression(
    store: Store, source: str, fields: Any, lists: Any, *, may_read_lists: bool = True
) -> Traced:
    """What every part of an expression gives.

    Args:
        fields: values by name, as JSON (sources.field_values); others are empty.
        lists: lists by name, each with its `kind` and `items`; others are the store's.
        may_read_lists: whether what is in them is for whoever asks: the answer tells it.

    Raises:
        ExpressionError: it cannot be used.
        ForbiddenError: it names a list of the store.
        PolicyError: an item is not of its list's kind.
        InvalidInputError: a field is none or has another type; or it takes too long.
    """
    values = _values_of(fields)
    given = dict(lists)
    with store.read() as session:
        for one in session.lists.all():
            if one.name not in given and f"${one.name}" in source:
                if not may_read_lists:
                    raise ForbiddenError(
                        f"the token may not read the items of ${one.name}",
                        hint='give it the permission to read lists, or give items: "lists": {"'
                        f'{one.name}": {{"kind": "{one.kind}", "items": […]}}}}',
                    )
                given[one.name] = {"kind": one.kind, "items": _items(session, one)}
    expression = parse_with_lists(source, given)
    _check_cost(expression, values)
    return trace(expression, values)


def checked_object(checked: CheckedExpression) -> dict[str, Any]:
    """An expression that can be used, as JSON."""
    expression = checked.expression
    return {
        "valid": True,
        "expression": format_expression(expression),
        "fields": sorted(expression.fields),
        "warnings": [
            finding_object(one, expression.source) for one in checked.findings if one.certain
        ],
        "notes": [
            finding_object(one, expression.source) for one in checked.findings if not one.certain
        ],
    }


def finding_object(found: Finding, source: str) -> dict[str, Any]:
    """Something that is probably not meant, as JSON: `suggestion` is what to use instead."""
    start = found.span[0]
    return {
        "code": found.code,
        "message": found.message,
        "suggestion": found.suggestion,
        "hint": found.hint,
        "line": source.count("\n", 0, start) + 1,
        "column": start - source.rfind("\n", 0, start),
        "span": found.span,
    }


def _without_items(one: List) -> ListModel:
    # What is in a list does not matter to whether it can be used.
    return ListModel(name=one.name, kind=ListKind(one.kind))


def _items(session: Session, one: List) -> list[str]:
    if one.items > MAX_ITEMS:
        raise InvalidInputError(
            f"the list ${one.name} has {one.items} items, which are too many to look through here",
            hint='give those that matter: "lists": {"'
            + one.name
            + '": {"kind": "'
            + one.kind
            + '", "items": […]}}',
        )
    return list(session.lists.values(one.id))


def _authorities_of(session: Session, zone_id: str) -> tuple[KnownAuthority, ...]:
    """The authorities of the zone's host that has the most of them."""
    by_host: dict[str, list[str]] = {}
    for association in session.hosts.all(zone_id):
        by_host.setdefault(association.hostname, []).append(association.authority_id)
    wanted = max(by_host.values(), key=len, default=[])
    if not wanted:
        return ()
    names = {one.id: one.name for one in session.authorities.all()}
    ders: dict[str, list[bytes]] = {one: [] for one in wanted}
    for certificate in session.authorities.certificates():
        if certificate.authority_id in ders:
            ders[certificate.authority_id].append(certificate.der)
    models = [
        AuthorityModel(name=names[one], certificates=tuple(some)) for one, some in ders.items()
    ]
    return authorities_of(compile_trust(models))


def _values_of(given: Any) -> Mapping[str, Value]:
    try:
        return values_of(given)
    except SettingsError as error:
        # Those of a command are settings; here they came with the call.
        raise InvalidInputError(error.message, hint=error.hint) from None


def _check_cost(expression: Expression, values: Mapping[str, Value]) -> None:
    """Make sure that explaining takes no longer than judging a request may.

    Raises:
        InvalidInputError: it does.
    """
    if trace_cost(expression, values) > MAX_WORK:
        raise InvalidInputError(
            "explaining the expression with these values takes too long",
            hint="give shorter values, or explain a part of it",
        )
