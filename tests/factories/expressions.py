# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for typed expressions (as text) and for the values they read.

Small alphabets on purpose: comparisons of generated literals with generated values must come out
true often enough to mean something.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from authz.rules import Array, Bool, Bytes, Int, Ip, Map, Type
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules import Value

_BYTES: Final = st.sampled_from(
    [b"", b"a", b"A", b"ab", b"aB", b"ba", b"a.b", b"b\n", b"\xff", "é".encode(), b"%61+", b"YQ=="]
)
_INTS: Final = st.sampled_from([0, 1, 2, 3, 10, 443, -1, 2**63 - 1, -(2**63)])
_IPS: Final = st.sampled_from(
    ["0.0.0.0", "10.0.0.1", "10.0.0.9", "255.255.255.255", "::", "::ffff:10.0.0.1", "2001:db8::1"]
)
_KEYS: Final = st.sampled_from([b"a", b"b", b"Z"])


def values_of(kind: Type) -> st.SearchStrategy[Value]:
    """Values of a type."""
    if isinstance(kind, Array):
        return st.lists(values_of(kind.of), max_size=3).map(tuple)
    if isinstance(kind, Map):
        return st.dictionaries(_KEYS, values_of(kind.of), max_size=3)
    if kind == Bool:
        return st.booleans()
    if kind == Int:
        return _INTS
    return _BYTES if kind == Bytes else _IPS.map(ip_address)


contexts: Final = st.fixed_dictionaries(
    {name: values_of(field.type) for name, field in SCHEME.fields.items()}
)


def _quoted(value: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" if byte > 126 else chr(byte) for byte in value) + '"'


# Without the forms that are read as another type where an argument stands (surprise 55).
_arguments: Final = st.one_of(
    _BYTES.map(_quoted), st.sampled_from(['r"a"', 'r#"a"b"#', "a1:62", '"\\141"', '"\\"\\\\"'])
)
_texts: Final = st.one_of(_arguments, st.just("61:62"))
_numbers: Final = st.one_of(_INTS.map(str), st.sampled_from(["0x1", "010", "-0"]))
_patterns: Final = st.sampled_from(
    ['"a"', '"^a.*"', '"(?i)B$"', '"a**"', '"(a(?i)b|c)"', '"[\\"]"', 'r"\\xff"', '"é+"', '""']
)
_wildcards: Final = st.sampled_from(['"a"', '"*"', '"a*"', '"*B"', '"a*b"', '"*a*"', r'r"a\*"'])
_text_items: Final = st.lists(_texts, max_size=4).map(lambda items: "{" + " ".join(items) + "}")
_number_items: Final = st.lists(
    st.one_of(_numbers, st.sampled_from(["1..3", "-1..2", "443..443"])), max_size=4
).map(lambda items: "{" + " ".join(items) + "}")
_address_items: Final = st.lists(
    st.one_of(_IPS, st.sampled_from(["10/8", "10.0.0.0/24", "10.0.0.0..10.0.0.5", "::/0"])),
    max_size=4,
).map(lambda items: "{" + " ".join(items) + "}")
_ordering: Final = st.sampled_from(["eq", "==", "ne", "!=", "ge", "<=", "gt", "<"])


def _steps(draw: st.DrawFn, kind: Type, *, each: bool) -> tuple[str, Type]:
    """Indexes down to a simple type, one of them `[*]` if `each`."""
    text, starred = "", False
    while isinstance(kind, Array | Map):
        last = not isinstance(kind.of, Array | Map)
        star = each and ((last and not starred) or draw(st.booleans()))
        if star:
            text, starred = text + "[*]", True
        elif isinstance(kind, Map):
            text += f'["{draw(_KEYS).decode()}"]'
        else:
            text += f"[{draw(st.integers(0, 2))}]"
        kind = kind.of
    return text, kind


@st.composite
def _access(draw: st.DrawFn, each: bool, depth: int) -> tuple[str, Type]:
    """A value of a simple type, mapped or not."""
    choice = draw(st.integers(0, 5)) if depth > 0 else 0
    if choice <= 2:
        fields = [
            field
            for field in SCHEME.fields.values()
            if not each or isinstance(field.type, Array | Map)
        ]
        field = draw(st.sampled_from(fields))
        text, kind = _steps(draw, field.type, each=each)
        return field.name + text, kind
    inner, kind = draw(_access(each, depth - 1))
    star = "[*]" if each else ""
    if kind == Ip:
        return f"cidr({inner}, 8, 16){star}", Ip
    if kind != Bytes:
        return (f"coalesce({inner}, {inner}){star}", kind) if not each else (inner, kind)
    other, other_kind = draw(_access(False, depth - 1))
    extra = other if other_kind == Bytes else draw(_arguments)
    function = draw(
        st.sampled_from(
            [
                f"lower({inner})",
                f"upper({inner})",
                f"concat({inner}, {extra})",
                f"decode_base64({inner})",
                f'url_decode({inner}, "r")',
                f"substring({inner}, 1)",
                f"remove_bytes({inner}, {extra})",
            ]
        )
    )
    if draw(st.booleans()):
        return f"len({inner}){star}", Int
    return function + star, Bytes


@st.composite
def _comparison(draw: st.DrawFn, each: bool, depth: int) -> str:
    left, kind = draw(_access(each, depth))
    if kind == Bool:
        return left
    if kind == Int:
        operator = draw(st.one_of(_ordering, st.sampled_from(["in", "&", "bitwise_and"])))
        right = draw(_number_items if operator == "in" else _numbers)
    elif kind == Ip:
        operator = draw(st.one_of(_ordering, st.just("in")))
        right = draw(_address_items if operator == "in" else _IPS)
    else:
        operator = draw(
            st.one_of(
                _ordering,
                st.sampled_from(["in", "contains", "~", "matches", "wildcard", "strict wildcard"]),
            )
        )
        right = draw(
            _text_items
            if operator == "in"
            else _patterns
            if operator in ("~", "matches")
            else _wildcards
            if "wildcard" in operator
            else _texts
        )
    return f"{left} {operator} {right}"


@st.composite
def _answers(draw: st.DrawFn, depth: int) -> str:
    """A condition of type Array(Bool)."""
    choice = draw(st.integers(0, 5)) if depth > 0 else 0
    if choice <= 1:
        return draw(_comparison(True, depth))
    if choice == 2:
        return draw(st.sampled_from(["test.flags", 'test.flag_lists["a"]', "test.flag_map[*]"]))
    if choice == 3:
        return "not " + draw(_answers(depth - 1))
    if choice == 4:
        inner, kind = draw(_access(True, depth - 1))
        return f"starts_with({inner}, {draw(_arguments)})" if kind == Bytes else "test.flags[*]"
    return _joined(draw, [draw(_answers(depth - 1)) for _ in range(draw(st.integers(2, 3)))])


def _joined(draw: st.DrawFn, operands: list[str]) -> str:
    text = operands[0]
    for operand in operands[1:]:
        logic = draw(st.sampled_from(["and", "or", "xor", "&&", "||", "^^"]))
        text += f" {logic} {operand}"
    return f"({text})"


@st.composite
def conditions(draw: st.DrawFn, depth: int = 4) -> str:
    """A condition of type Bool."""
    choice = draw(st.integers(0, 6)) if depth > 0 else 0
    if choice <= 2:
        return draw(_comparison(False, min(depth, 2)))
    if choice == 3:
        return draw(st.sampled_from(["not ", "!", "not not "])) + draw(conditions(depth - 1))
    if choice == 4:
        quantity = draw(st.sampled_from(["any", "all"]))
        answers = draw(_answers(depth - 1))
        # A mapped Bool is no array of answers when given directly (surprise 53).
        bare = "[*]" in answers and " " not in answers and not answers.startswith("starts_with(")
        if bare or draw(st.booleans()):
            answers = f"({answers})"
        return f"{quantity}({answers})"
    return _joined(draw, [draw(conditions(depth - 1)) for _ in range(draw(st.integers(2, 3)))])
