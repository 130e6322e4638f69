# SPDX-License-Identifier: Apache-2.0
"""Files with one item a line: list items and revoked serial numbers.

UTF-8; blanks around an item are dropped, empty lines too; "#" begins a comment at the beginning of
a line or after a blank. Written for a million lines in well under three seconds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEX: Final = re.compile(r"[0-9A-Fa-f]+(?::[0-9A-Fa-f]+)*")

#: RFC 5280 section 4.1.2.2: at most 20 octets.
MAX_SERIAL_DIGITS: Final = 40


def items_of(data: bytes) -> Iterator[tuple[int, str]]:
    """Every item with its line number, from 1.

    Raises:
        PolicyError: the file is not UTF-8 (the message names the line), or it has no bytes at all:
            that is what a file looks like whose writer has just begun, or failed.
    """
    if not data:
        raise PolicyError(
            "is empty", hint="if that is meant, write a comment line, for example: # none"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError(
            f"line {line} is not UTF-8 text", hint="is it a list with one item a line?"
        ) from None
    # Only line feeds end a line here; str.splitlines knows eight more characters that do.
    for number, raw in enumerate(text.split("\n"), 1):
        item = raw.strip()
        if "#" in item:
            item = _without_comment(item)
        if item:
            yield number, item


def serials_of(items: Iterable[tuple[int, str]]) -> tuple[int, ...]:
    """Serial numbers of `(line, text)` items.

    Raises:
        PolicyError: one is wrong; the message names the line.
    """
    serials: list[int] = []
    for number, text in items:
        try:
            serials.append(parse_serial(text))
        except PolicyError as error:
            raise PolicyError(f"line {number}: {error.message}", hint=error.hint) from None
    return tuple(serials)


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
