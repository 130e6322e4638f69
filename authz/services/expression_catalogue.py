# SPDX-License-Identifier: Apache-2.0
"""What an expression may be built from: fields, operators, functions and lists, with examples.

For an expression builder, which offers what fits, and for the reference pages. The grammar itself
is the parser's; here is what to tell people about it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ExpressionError
from authz.policy.fields import CATALOGUE, scheme_for
from authz.rules import Array, Bool, Bytes, Field, Int, Ip, Map, Scheme, parse
from authz.rules.ast import Logic, Operator
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS
from authz.rules.functions.model import ArgumentKind
from authz.rules.literals import NOTATIONS
from authz.rules.parser import LOGIC_NOTATIONS, NOT_NOTATIONS
from authz.rules.types import Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.geo import GeoLookup
    from authz.rules import Function
    from authz.rules.functions.model import Parameter
    from authz.store.engine import Store

OPERATOR_MEANINGS: Final[Mapping[Operator, str]] = {
    Operator.IN: "The value is in a set `{…}` or in a list `$name`. Items are separated by spaces, "
    "may be ranges (`1..5`, `10.0.0.1..10.0.0.9`) and networks (`10.0.0.0/8`); there may be none.",
    Operator.EQ: "Equal, byte for byte. Addresses of two families are never equal.",
    Operator.NE: "Not equal. False of a missing value, as every comparison.",
    Operator.GE: "Greater or equal; texts by their bytes, addresses within one family.",
    Operator.LE: "Less or equal; texts by their bytes, addresses within one family.",
    Operator.GT: "Greater; texts by their bytes, addresses within one family.",
    Operator.LT: "Less; texts by their bytes, addresses within one family.",
    Operator.BITWISE_AND: "The two numbers have a bit in common.",
    Operator.CONTAINS: "The literal is somewhere in the value.",
    Operator.MATCHES: "A [regular expression](rules-language.md#regular-expressions) matches "
    "somewhere in the value.",
    Operator.WILDCARD: "The whole value fits a pattern in which `*` stands for any bytes, in "
    r"either case of ASCII letters. `\*` is a star, `\\` a backslash; `?` is a question mark.",
    Operator.STRICT_WILDCARD: "As `wildcard`, in the case as written. One space between the words.",
}
LOGIC_MEANINGS: Final[Mapping[Logic, str]] = {
    Logic.OR: "One of them is true. Binds loosest.",
    Logic.XOR: "An odd number of them is true. Binds tighter than `or`, looser than `and`.",
    Logic.AND: "All of them are true. Binds tightest of the three.",
}
NOT_MEANING: Final = (
    "Turns a condition around; answer by answer for an array. Binds tighter "
    "than all of the above, and looser than a comparison."
)

_LITERALS: Final = {Bytes: '"a"', Int: "1", Ip: "10.0.0.1"}
_SCHEME: Final = Scheme(fields={kind.name: Field(kind.name, kind) for kind in _LITERALS})

#: The right side of an example, where any text would not do.
_EXAMPLES: Final = {
    "cf.tls_client_auth.cert_fingerprint_sha256": f'"{"af" * 32}"',
    "cf.tls_client_auth.cert_fingerprint_sha1": f'"{"93" * 20}"',
    "cf.tls_client_auth.cert_issuer_dn": '"CN=Acme CA,O=Acme,C=US"',
    "cf.tls_client_auth.cert_issuer_ski": '"8204924CF49D471E855862706D889F58F6B784D3"',
    "cf.tls_client_auth.cert_serial": '"527E0F20A20EA2A4146C78390F34CE7AF0878CA4"',
    "cf.tls_client_auth.cert_ski": '"27846FAE6EAC4A8DAD9101B519CF1EB460242831"',
    "cf.tls_client_auth.cert_subject_dn": '"CN=alice,O=Acme,C=US"',
    "http.host": '"api.example.com"',
    "http.request.full_uri": '"https://api.example.com/admin"',
    "http.request.method": '"POST"',
    "http.request.uri": '"/admin?page=2"',
    "http.request.uri.path": '"/admin"',
    "http.request.version": '"HTTP/2"',
    "ip.src": "192.0.2.1",
    "ip.src.asnum": "64496",
    "ip.src.country": '"DE"',
}


def list_fields(geo: GeoLookup | None) -> list[dict[str, Any]]:
    """Every field; `available` says whether it has a source in this installation."""
    here = scheme_for(geo)
    return [
        {
            "name": row.field.name,
            "type": str(row.field.type),
            "description": row.field.doc,
            "source": row.source,
            "hexadecimal": row.field.hex,
            "example": example_of(row.field),
            "operators": list(operators_for(_element(row.field.type))),
            "functions": list(functions_for(row.field.type)),
            "available": row.field.name in here.fields,
            "unavailable_because": here.refused.get(row.field.name),
        }
        for row in CATALOGUE
    ]


def list_operators() -> list[dict[str, Any]]:
    """Every operator, its notations, and the types that it works on."""
    comparisons = [
        {
            "name": operator.value,
            "kind": "comparison",
            "notations": list(texts),
            "description": OPERATOR_MEANINGS[operator],
            "types": [kind.name for kind in _LITERALS if operator.value in operators_for(kind)],
        }
        for operator, texts in NOTATIONS.items()
    ]
    logic = [
        _logical(one.value, texts, LOGIC_MEANINGS[one]) for one, texts in LOGIC_NOTATIONS.items()
    ]
    return [*comparisons, *logic, _logical(NOT_NOTATIONS[0], NOT_NOTATIONS, NOT_MEANING)]


def list_functions() -> list[dict[str, Any]]:
    """Every function with its parameters; `any` and `all` are grammar, and among them."""
    quantifiers = [
        {
            "name": name,
            "signature": f"{name}(Array(Bool)) → Bool",
            "description": f"Whether {how} answer of a condition with [*] is true.",
            "limits": "",
            "parameters": [_quantified()],
            "returns": "Bool",
        }
        for name, how in (("all", "every"), ("any", "some"))
    ]
    return quantifiers + [
        {
            "name": one.name,
            "signature": signature(one),
            "description": one.doc,
            "limits": one.limits,
            "parameters": [_parameter(parameter, need) for parameter, need in _parameters(one)],
            "returns": returns(one),
        }
        for _, one in sorted(CUSTOM_RULES_FUNCTIONS.items())
    ]


def list_names(store: Store) -> list[dict[str, Any]]:
    """The account's lists, as `$name` can name them."""
    with store.read() as session:
        return [
            {"name": one.name, "kind": one.kind, "num_items": one.items}
            for one in session.lists.all()
        ]


def example_of(field: Field) -> str:
    """An expression that reads a field."""
    name, kind = field.name, field.type
    if kind == Bool:
        return name
    path, quantified = name, False
    if isinstance(kind, Map):
        path, kind = f'{path}["name"]', kind.of
    while isinstance(kind, Array):
        path, kind, quantified = f"{path}[*]", kind.of, True
        if isinstance(kind, Array):
            # Only one [*] is needed to look at the first of each.
            path, kind = f"{path}[0]", kind.of
    literal = _EXAMPLES.get(name) or _literal(field, kind)
    compared = f"{path} eq {literal}"
    return f"any({compared})" if quantified else compared


@cache
def operators_for(kind: Type) -> tuple[str, ...]:
    """The names of the comparisons that take a value of this type."""
    if kind not in _LITERALS:
        return ()
    found = []
    for operator in NOTATIONS:
        literal = _LITERALS[kind]
        right = f"{{{literal}}}" if operator is Operator.IN else literal
        try:
            parse(f"{kind.name} {operator.value} {right}", _SCHEME, {})
        except ExpressionError:
            continue
        found.append(operator.value)
    return tuple(found)


@cache
def functions_for(kind: Type) -> tuple[str, ...]:
    """The names of the functions whose first argument such a field may be, or its elements."""
    return tuple(
        name
        for name, one in sorted(CUSTOM_RULES_FUNCTIONS.items())
        if (first := one.parameter(0)) is not None
        and first.kind is not ArgumentKind.LITERAL
        and (first.takes(kind) or first.takes(_element(kind)))
    )


def signature(function: Function) -> str:
    """`name(parameter: Type, …) → Type`."""
    parameters = [
        *(_written(one) for one in function.parameters),
        *(f"[{_written(one)}]" for one in function.optional),
    ]
    if function.variadic is not None:
        parameters += [_written(function.variadic)] * function.variadic_minimum + ["…"]
    return f"{function.name}({', '.join(parameters)}) → {returns(function)}"


def returns(function: Function) -> str:
    """The type of a function's result, in words where it depends on the arguments."""
    if isinstance(function.returns, Type):
        return str(function.returns)
    return "Bool" if function.name == "has_value" else "the type of the arguments"


def _written(parameter: Parameter) -> str:
    kind = {
        ArgumentKind.ANY: "",
        ArgumentKind.LITERAL: ", a literal",
        ArgumentKind.NOT_LITERAL: ", no literal",
    }[parameter.kind]
    return f"{parameter.name}: {parameter.expects}{kind}"


def _parameters(function: Function) -> list[tuple[Parameter, str]]:
    found = [(one, "required") for one in function.parameters]
    found += [(one, "optional") for one in function.optional]
    return found if function.variadic is None else [*found, (function.variadic, "repeated")]


def _parameter(parameter: Parameter, need: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.expects,
        "takes": parameter.kind.value,
        "need": need,
    }


def _quantified() -> dict[str, Any]:
    return {
        "name": "condition",
        "type": "Array(Bool)",
        "takes": "a condition with [*]",
        "need": "required",
    }


def _logical(name: str, notations: tuple[str, ...], means: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "logical",
        "notations": list(notations),
        "description": means,
        "types": ["Bool"],
    }


def _element(kind: Type) -> Type:
    while kind.element is not None:
        kind = kind.element
    return kind


def _literal(field: Field, kind: Type) -> str:
    if kind == Bytes:
        return '"0a1b2c3d"' if field.hex else '"value"'
    return "443" if kind == Int else "192.0.2.1"
