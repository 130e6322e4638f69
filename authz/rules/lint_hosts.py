# SPDX-License-Identifier: Apache-2.0
"""What `http.host` can be, and what a literal that it never is was meant for.

A host comes to the rules as a name of lower-case labels without port and final dot, names beyond
ASCII as A-labels, IPv6 addresses in their short form and in brackets (architecture 4.6); it is
empty where none is known. policy.hosts makes it so and is not to be known here: a property compares
the two. Of a literal that is only a part of the host, what is said holds wherever the part is.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from authz.rules.lint_fault import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LABEL: Final = rb"[a-z0-9_-]{1,63}"
_NAMES: Final = {
    Place.WHOLE: re.compile(rb"%b(?:\.%b)*" % (_LABEL, _LABEL)),
    Place.FIRST: re.compile(rb"%b(?:\.%b)*\.?" % (_LABEL, _LABEL)),
    Place.LAST: re.compile(rb"\.?%b(?:\.%b)*" % (_LABEL, _LABEL)),
    Place.WITHIN: re.compile(rb"\.|\.?%b(?:\.%b)*\.?" % (_LABEL, _LABEL)),
}
_LONGEST: Final = 253  # RFC 1035 2.3.4, in its textual form
# An address as a whole is looked at as one; its parts by their characters.
_ADDRESSES: Final = {
    Place.FIRST: re.compile(rb"\[[0-9a-f:.]*"),
    Place.LAST: re.compile(rb"[0-9a-f:.]*\]"),
    Place.WITHIN: re.compile(rb"\[?[0-9a-f:.]*|[0-9a-f:.]*\]"),
}
_SCHEME: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_PORT: Final = re.compile(rb"(?<!:):[0-9]*\Z")
_BARE_ADDRESS: Final = re.compile(rb"\[?([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\]?")
_WHY: Final[tuple[tuple[Callable[[bytes], object], str], ...]] = (
    (_SCHEME.match, "the host has no scheme"),
    (re.compile(rb"[/?#]").search, "the host has no path"),
    (re.compile(rb"@").search, "the host has no user name"),
    (re.compile(rb"\*").search, "the host has no star; the operator wildcard takes one"),
    (_BARE_ADDRESS.fullmatch, "an IPv6 address is in its short form and in brackets"),
    (_PORT.search, "the host has no port"),
    (re.compile(rb"[A-Z]").search, "the host is lower case"),
    (re.compile(rb"[^\x00-\x7f]").search, "the host is in ASCII, other names as A-labels (xn--…)"),
    (re.compile(rb"\.\Z").search, "the host has no dot at its end"),
    (re.compile(rb"\A\.").search, "the host does not begin with a dot"),
)


def host_fault(text: bytes, place: Place) -> Fault | None:
    """Why no host is this text or has it in a place, or None if one may."""
    if _is_possible(text, place):
        return None
    why = next((why for test, why in _WHY if test(text)), "this is no host name")
    bare = _bare(text)
    # A star at an open end of a part says nothing.
    whole = place is Place.WHOLE
    part = bare if whole else bare.rstrip(b"*") if place is Place.FIRST else bare.lstrip(b"*")
    # What an address begins with is no address yet.
    opened = (b"[" + text.lower(),) if place is Place.FIRST and b":" in text else ()
    for mended in (*opened, part, part.removesuffix(b".")):
        if mended and _is_possible(mended, place):
            return Fault(why=why, fixed=mended)
    pattern = b"*" + bare if bare.startswith(b".") else bare
    meant = whole and b"*" in pattern and _is_pattern(pattern)
    return Fault(why=why, pattern=pattern if meant else None)


def pattern_fault(pattern: bytes, parts: Sequence[bytes]) -> Fault | None:
    """Why no host fits a pattern of `wildcard`: it has these parts between its stars."""
    fault = next(filter(None, (host_fault(*one) for one in _placed(parts))), None)
    if fault is None:
        return None
    bare = _bare(pattern)
    return Fault(why=fault.why, fixed=bare if bare and _is_pattern(bare) else None)


def _placed(parts: Sequence[bytes]) -> list[tuple[bytes, Place]]:
    """The parts of a pattern with their places in what fits it."""
    if len(parts) == 1:
        return [(parts[0], Place.WHOLE)]
    middle = [(part, Place.WITHIN) for part in parts[1:-1]]
    return [(parts[0], Place.FIRST), *middle, (parts[-1], Place.LAST)]


def _is_pattern(text: bytes) -> bool:
    """Whether a text that is no host is a pattern that hosts fit, and not all of them."""
    return (
        text != b"*"
        and b"**" not in text
        and all(_is_possible(*one) for one in _placed(text.split(b"*")))
    )


def _is_possible(text: bytes, place: Place) -> bool:
    if not text:
        return True
    if text[:1] == b"[" and text[-1:] == b"]":
        # Both stand at the ends of a host only.
        return _address(text[1:-1]) == text
    if _NAMES[place].fullmatch(text):
        return len(text) <= _LONGEST
    address = _ADDRESSES.get(place)
    return address is not None and address.fullmatch(text) is not None


def _bare(text: bytes) -> bytes:
    """What is left without what no host has."""
    text = _SCHEME.sub(b"", text.strip(), count=1)
    text = re.split(rb"[/?#]", text, maxsplit=1)[0].rpartition(b"@")[2].lower()
    address = _BARE_ADDRESS.fullmatch(text)
    found = _address(address[1]) if address else None
    if found is not None:
        return found
    text = _PORT.sub(b"", text)
    if text[:1] == b"[" and text[-1:] == b"]":
        return _address(text[1:-1]) or text
    return text if text.isascii() else _a_labels(text) or text


def _address(text: bytes) -> bytes | None:
    """An IPv6 address as a host has it."""
    try:
        # A zone is no part of a Host (RFC 3986 3.2.2).
        return None if b"%" in text else f"[{IPv6Address(text.decode('ascii'))}]".encode()
    except ValueError:
        return None


def _a_labels(text: bytes) -> bytes | None:
    import idna  # rarely needed, so not at start

    try:
        return idna.encode(text.decode("utf-8"), uts46=True)
    except (UnicodeError, ValueError):  # idna.IDNAError is a UnicodeError
        return None
