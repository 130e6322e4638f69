# SPDX-License-Identifier: Apache-2.0
"""Primitive lexers: whitespace, names, numbers, byte strings, addresses.

Each takes the source, a position and the end, and returns a value and the position behind it, or
raises the ParseError with the exact place. They follow the reference engine character for
character (rules-language.md, grammar and surprises 1 to 38), which Python's own converters do not:
`int` takes "1_0", "+5" and full-width digits, `str.strip` takes U+001C. What stands where is the
parser's business; quoted texts are in strings.py.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from authz.rules.address_suggestions import hint_for_item
from authz.rules.ast import Interval
from authz.rules.literal_suggestions import hint_for_address, hint_for_ip, hint_for_number
from authz.rules.problems import Problem, found, shown
from authz.rules.types import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from authz.rules.types import Address

# Only space, carriage return and newline separate tokens; a tab is an error (surprise 1).
_SPACE: Final = re.compile(r"[ \r\n]*")
# A literal, even without its end, or white space between words. In a pattern, a quote in a class
# does not end the literal (surprise 67; strings.lex_pattern).
_WORD: Final = re.compile(
    r"""(?:matches|~)(?P<gap>[ \r\n]*)"(?:[^"\\\[]|\\.|\[(?:[^\]\\]|\\.)*+\]?)*+"?"""
    r"""|"(?:[^"\\]|\\.)*+"?|r(?P<hashes>#*)"(?:.*?"(?P=hashes)|.*)|(?P<space>[ \r\n]+)""",
    re.DOTALL,
)
# Unicode's White_Space, which Rust trims; str.strip() would also take U+001C to U+001F.
_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_NAME: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
# Digits are taken greedily as hexadecimal whatever the radix (surprise 6).
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]+")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:./]+")
_LIST_NAME: Final = re.compile(r"[a-z0-9_.]+")
_DECIMAL: Final = re.compile(r"[0-9]+")
_OCTAL: Final = re.compile(r"[0-7]+")
_DIGITS_OF: Final = {8: _OCTAL, 10: _DECIMAL, 16: _DIGITS}
_RADIX: Final = {8: "an octal", 10: "a decimal", 16: "a hexadecimal"}
_OCTET: Final = re.compile(r"0*(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])")


def trimmed(source: str) -> tuple[int, int]:
    """Where the expression starts and ends, without the white space around it (surprise 2)."""
    start = len(source) - len(source.lstrip(_WHITE_SPACE))
    return start, max(start, len(source.rstrip(_WHITE_SPACE)))


def too_long(source: str, start: int, end: int, limit: int) -> tuple[int, int] | None:
    """How long an expression is that has more than `limit` characters, and where they begin.

    White space outside literals counts as one character, however much of it there is: laying out an
    expression on many lines does not make it longer.
    """
    if end - start <= limit:
        return None
    length, beyond = end - start, start + limit
    for match in _WORD.finditer(source, start, end):
        spare = max(0, len(match["space"] or match["gap"] or "") - 1)
        length -= spare
        if match.start() < beyond:
            beyond += spare
    return (length, beyond) if length > limit else None


def skip_space(source: str, at: int, end: int) -> int:
    """The position of the next character that is not white space."""
    match = _SPACE.match(source, at, end)
    return match.end() if match else at


def lex_name(source: str, at: int, end: int) -> int:
    """The end of the identifier at this position; `at` itself if there is none."""
    match = _NAME.match(source, at, end)
    return match.end() if match else at


def lex_int(source: str, at: int, end: int) -> tuple[int, int]:
    """A signed 64-bit number: 0x hexadecimal, leading 0 octal, otherwise decimal (surprise 27)."""
    if source.startswith("0x", at, end):
        first, radix = at + 2, 16
    elif source.startswith("0", at, end):
        first, radix = at, 8
    else:
        # A minus sign forces decimal: -010 is -10.
        first, radix = at + source.startswith("-", at, end), 10
    match = _DIGITS.match(source, first, end)
    if not match:
        raise Problem.EXPECTED_INT.error(
            source,
            (at, min(at + 1, end)),
            found=found(source, at, end),
            hint=hint_for_number(source, at, end),
        )
    stop = match.end()
    if not _DIGITS_OF[radix].fullmatch(source, first, stop):
        hint = None
        if radix == 8:
            hint = "a number that starts with 0 is octal; drop the 0 for decimal"
        elif not source[at:stop].rstrip("abcdefABCDEF"):
            # The beginning of a word that is no number at all.
            hint = hint_for_number(source, at, end)
        elif source[at:stop].rstrip("abcdefABCDEF") != source[at:stop]:
            hint = "put a space after the number"
        raise Problem.PARSE_INT.error(
            source, (at, stop), hint=hint, text=shown(source[at:stop]), radix=_RADIX[radix]
        )
    value = int(source[first:stop], radix)
    if source.startswith("-", at, end):
        value = -value
    if not INT_MIN <= value <= INT_MAX:
        raise Problem.INT_RANGE.error(source, (at, stop), text=shown(source[at:stop]))
    return value, stop


def lex_int_item(source: str, at: int, end: int) -> tuple[Interval, int]:
    """A set item: a number or `a..b` (surprise 29)."""
    first, stop = lex_int(source, at, end)
    if not source.startswith("..", stop, end):
        return Interval(first=first, last=first), stop
    last, stop = lex_int(source, stop + 2, end)
    if last < first:
        raise Problem.RANGE_BOUNDS.error(source, (at, stop), text=shown(source[at:stop]))
    return Interval(first=first, last=last), stop


def parse_address(text: str) -> Address | None:
    """An address in strict notation, or None."""
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError:
        return None


def _address_text(source: str, at: int, end: int) -> int:
    match = _ADDRESS.match(source, at, end)
    if not match:
        raise Problem.EXPECTED_IP.error(
            source,
            (at, min(at + 1, end)),
            found=found(source, at, end),
            hint=hint_for_ip(source, at, end),
        )
    return match.end()


# An item of a set as it was probably meant: up to what ends one.
_ITEM: Final = re.compile(r"[^ \r\n{}]+")


def lex_ip(source: str, at: int, end: int) -> tuple[Address, int]:
    """An address as it stands after a comparison operator; no networks here (surprise 35)."""
    stop = _address_text(source, at, end)
    text = source[at:stop]
    address = parse_address(text)
    if address is None:
        raise Problem.PARSE_IP.error(
            source, (at, stop), text=shown(text), hint=hint_for_address(source, at, text)
        )
    return address, stop


def lex_ip_item(source: str, at: int, end: int) -> tuple[Interval, int]:
    """A set item: an address, a network, or `a..b` (surprises 35 to 37)."""
    stop = _address_text(source, at, end)
    text = source[at:stop]
    span = (at, stop)
    if ".." in text:
        left, _, right = text.partition("..")
        first, last = parse_address(left), parse_address(right)
        if first is None or last is None:
            raise Problem.PARSE_NETWORK.error(
                source,
                span,
                text=shown(text),
                hint="both ends of a range are whole addresses",
            )
        if type(first) is not type(last) or int(last) < int(first):
            raise Problem.RANGE_BOUNDS.error(source, span, text=shown(text))
        return Interval(first=first, last=last), stop
    network = _network(text)
    if network is None:
        item = _ITEM.match(source, at, end)
        raise Problem.PARSE_NETWORK.error(
            source,
            span,
            text=shown(text),
            hint=hint_for_item(item.group() if item else text),
        )
    base, width, bits = network
    hosts = 2 ** (width - bits) - 1
    make = IPv4Address if width == 32 else IPv6Address
    if base & hosts:
        hint = f"write {make(base & ~hosts)}/{bits}"
        raise Problem.HOST_BITS.error(source, span, text=shown(text), hint=hint)
    return Interval(first=make(base), last=make(base | hosts)), stop


def _network(text: str) -> tuple[int, int, int] | None:
    """Base, address width and prefix length of an address or network, or None."""
    address, slash, prefix = text.partition("/")
    width = 128 if ":" in address else 32
    base = _loose_ipv4(address) if width == 32 else parse_address(address)
    if base is None or (slash and not _DECIMAL.fullmatch(prefix)):
        return None
    # Leading zeros are fine here, and int() of a bounded text cannot take long.
    bits = int(prefix) if slash else width
    return (int(base), width, bits) if bits <= width else None


def _loose_ipv4(text: str) -> int | None:
    """An IPv4 address that may be cut short on the right, octets with leading zeros."""
    octets = text.split(".")
    if len(octets) > 4 or not all(_OCTET.fullmatch(octet) for octet in octets):
        return None
    return int.from_bytes(bytes(int(octet) for octet in octets).ljust(4, b"\0"), "big")


def lex_list_name(source: str, at: int, end: int) -> tuple[str, int]:
    """The name after `$`: no dot at either end (surprise 73)."""
    match = _LIST_NAME.match(source, at, end)
    name = match.group() if match else ""
    if not name or name[0] == "." or name[-1] == ".":
        raise Problem.LIST_NAME.error(
            source,
            (at, at + max(1, len(name))) if at < end else (at, at),
            found=found(source, at, end),
            hint="names consist of a-z, 0-9, _ and dots, without a dot at either end",
        )
    return name, at + len(name)
