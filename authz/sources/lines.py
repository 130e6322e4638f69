# SPDX-License-Identifier: Apache-2.0
"""Files with one item a line: list items and revoked serial numbers.

UTF-8; blanks around an item are dropped, empty lines too; "#" begins a comment at the beginning of
a line or after a blank. Written for a million lines in less than a second, in steps that do not
keep the process's other threads waiting; a line's number is only found out when it is wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEX: Final = re.compile(r"[0-9A-Fa-f]+(?::[0-9A-Fa-f]+)*")
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]*")

#: Characters that are split into lines with one call, which takes some milliseconds.
_PIECE: Final = 2**20

#: RFC 5280 section 4.1.2.2: at most 20 octets.
MAX_SERIAL_DIGITS: Final = 40
_MAX_SERIAL: Final = 16**MAX_SERIAL_DIGITS - 1


def read_items(data: bytes) -> list[str]:
    """Every item.

    Raises:
        PolicyError: the file is not UTF-8 (the message names the line), or it has no bytes at all:
            that is what a file looks like whose writer has just begun, or failed.
    """
    items: list[str] = []
    for lines in _pieces(_text(data)):
        items += _items(lines)
    return items


def line_numbers(data: bytes) -> list[int]:
    """The line of every item, from 1. Raises what `read_items` does."""
    return [number for number, _ in _numbered(data)]


def read_serials(data: bytes) -> list[int]:
    """Every item as a serial number.

    Raises:
        PolicyError: as `read_items`, or an item is none; the message names the line.
    """
    serials: list[int] = []
    for lines in _pieces(_text(data)):
        items = _items(lines)
        plain = _DIGITS.fullmatch("".join(items)) is not None
        numbers = [int(item, 16) for item in items] if plain else []
        if not plain or (numbers and not 0 < min(numbers) <= max(numbers) <= _MAX_SERIAL):
            return _serials(data)
        serials += numbers
    return serials


def _serials(data: bytes) -> list[int]:
    """The same for every way of writing them, slowly."""
    serials: list[int] = []
    for number, text in _numbered(data):
        try:
            serials.append(parse_serial(text))
        except PolicyError as error:
            raise PolicyError(f"line {number}: {error.message}", hint=error.hint) from None
    return serials


def _text(data: bytes) -> str:
    if not data:
        raise PolicyError(
            "is empty", hint="if that is meant, write a comment line, for example: # none"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError(
            f"line {line} is not UTF-8 text", hint="is it a list with one item a line?"
        ) from None


def _pieces(text: str) -> Iterator[list[str]]:
    """The lines, some thousand at a time."""
    start = 0
    while start <= len(text):
        end = text.find("\n", start + _PIECE)
        end = len(text) if end < 0 else end
        # Only line feeds end a line here; str.splitlines knows eight more characters that do.
        yield text[start:end].split("\n")
        start = end + 1


def _items(lines: list[str]) -> list[str]:
    return [
        item
        for line in lines
        if (item := line.strip() if "#" not in line else _without_comment(line.strip()))
    ]


def _numbered(data: bytes) -> Iterator[tuple[int, str]]:
    first = 1
    for lines in _pieces(_text(data)):
        for number, line in enumerate(lines, first):
            for item in _items([line]):
                yield number, item
        first += len(lines)


def parse_serial(text: str) -> int:
    """A certificate's serial number: hexadecimal in either case, colons between bytes allowed.

    Raises:
        PolicyError: it is not one.
    """
    # int() alone would take signs, blanks, underscores and a prefix as well.
    if not _HEX.fullmatch(text):
        hint = 'hexadecimal digits, as in "0A1B2C" or "0a:1b:2c"'
        if text[:2].lower() == "0x":
            hint = "leave the 0x out"
        raise PolicyError(f'"{text[:60]}" is no serial number', hint=hint)
    digits = text.replace(":", "").lstrip("0")
    if len(digits) > MAX_SERIAL_DIGITS:
        raise PolicyError(
            f'"{text[:60]}" is longer than any serial number',
            hint="at most 20 octets (RFC 5280); is it a fingerprint?",
        )
    if not digits:
        raise PolicyError("the serial number is zero", hint="RFC 5280 asks for a positive one")
    return int(digits, 16)


def _without_comment(item: str) -> str:
    if item.startswith("#"):
        return ""
    return re.split(r"\s#", item, maxsplit=1)[0].rstrip()
