# SPDX-License-Identifier: Apache-2.0
"""A syntax tree as JSON-able values, for whoever builds expressions without reading them.

    {"kind": "comparison", "expression": "http.host eq \\"a\\"", "type": "Bool", "span": [0, 16],
     "operator": "eq",
     "left": {"kind": "field", "expression": "http.host", "type": "Bytes", "span": [0, 9],
              "field": "http.host", "indexes": []},
     "right": {"kind": "literal", "expression": "\\"a\\"", "span": [13, 16], "value": "a"}}

Every part has its canonical text and its place in the source. Texts are written as in trace_json.
The way back is the text: there is one grammar, the parser's.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any

from authz.rules.ast import (
    EACH,
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Interval,
    ItemSet,
    ListRef,
    Literal,
    Not,
    Quantifier,
    RegexLiteral,
    Truth,
    WildcardLiteral,
)
from authz.rules.formatter import format_argument, format_bytes, format_logical, format_right

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Expression, Logical, Right, Span, Step
    from authz.rules.functions.model import LiteralValue


def ast_json(expression: Expression) -> dict[str, Any]:
    """The tree of an expression."""
    return _condition(expression.root)


def _condition(node: Logical) -> dict[str, Any]:
    found = _part("constant", format_logical(node), node.span) | {"type": str(node.type)}
    match node:
        case Constant():
            found["value"] = node.value
        case Truth():
            found |= {"kind": "test", "operand": _access(node.operand)}
        case Comparison():
            found |= {
                "kind": "comparison",
                "operator": node.operator.value,
                "left": _access(node.left),
                "right": _right(node.right),
            }
        case Not():
            found |= {"kind": "not", "operand": _condition(node.operand)}
        case Combination():
            found["kind"] = node.logic.value
            found["operands"] = [_condition(one) for one in node.operands]
        case Quantifier():
            found |= {"kind": node.quantity.value, "argument": _argument(node.argument)}
    return found


def _argument(argument: Argument) -> dict[str, Any]:
    if isinstance(argument, Access):
        return _access(argument)
    return _right(argument) if isinstance(argument, Literal) else _condition(argument)


def _access(access: Access) -> dict[str, Any]:
    base = access.base
    found = _part("field", format_argument(access), access.span)
    found |= {"type": str(access.type), "indexes": [_step(one) for one in access.steps]}
    if isinstance(base, FieldRef):
        return found | {"field": base.field.name}
    return found | {
        "kind": "call",
        "function": base.function.name,
        "arguments": [_argument(one) for one in base.arguments],
    }


def _step(step: Step) -> int | str | dict[str, str]:
    """A position, `*` for every element, or the key of a map."""
    if step is EACH:
        return "*"
    return {"key": _text(step)} if isinstance(step, bytes) else step


def _right(right: Right) -> dict[str, Any]:
    found = _part("literal", _text_of(right), right.span)
    match right:
        case Literal():
            found["value"] = _value(right.value)
        case ItemSet():
            found |= {"kind": "set", "items": [_item(one) for one in right.items]}
        case ListRef():
            found |= {"kind": "list", "list": right.name}
        case RegexLiteral():
            found |= {"kind": "regex", "value": right.pattern}
        case WildcardLiteral():
            found |= {"kind": "wildcard", "value": _text(right.pattern)}
    return found


def _text_of(right: Right) -> str:
    return format_argument(right) if isinstance(right, Literal) else format_right(right)


def _item(item: bytes | Interval) -> Any:
    if isinstance(item, bytes):
        return _text(item)
    first, last = _value(item.first), _value(item.last)
    return first if first == last else {"first": first, "last": last}


def _value(value: LiteralValue) -> int | str:
    if isinstance(value, bytes):
        return _text(value)
    return str(value) if isinstance(value, IPv4Address | IPv6Address) else value


def _text(value: bytes) -> str:
    return format_bytes(value)[1:-1]


def _part(kind: str, text: str, span: Span) -> dict[str, Any]:
    return {"kind": kind, "expression": text, "span": list(span)}
