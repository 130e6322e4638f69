# SPDX-License-Identifier: Apache-2.0
"""Many internationalised host names as A-labels (RFC 5891), in about two microseconds each.

What a name may be is for the package idna to judge, with the mapping of UTS 46. That takes 25 µs
and more for a name, mostly to look up the same characters again and again. So here idna is shown
each character once, and a label is good if its characters are so in any company (RFC 5891 4.2.3; in
labels from right to left, RFC 5893 2). What is then left to do is Punycode: names by the thousand
go through the URL parser in Rust that pydantic brings, which must not change any of the characters
either. All other names are left to idna itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final
from unicodedata import bidirectional, category, is_normalized, normalize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import Url

#: So many names are faster read one by one.
_FEW: Final = 500
#: Names in one call: some milliseconds, which other threads wait for.
_AT_ONCE: Final = 8192
_BLOCK: Final = 128
_MAX_LABEL: Final = 63  # RFC 1035 2.3.4
_MAX_NAME: Final = 253
_A_NAME: Final = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*")
#: Between names; no name has an empty label.
_GAP: Final = ".."
#: Behind them: a host that ends in a number would be an IPv4 address.
_END: Final = "x"


def to_ascii(names: Sequence[str]) -> list[str | None]:
    """What `idna.encode(name, uts46=True)` gives for each; None where idna has to be asked.

    Args:
        names: in lower case, without a dot at the end.
    """
    if len(names) <= _FEW:
        return [None] * len(names)
    characters = _Characters()
    found: list[str | None] = []
    for start in range(0, len(names), _AT_ONCE):
        some = characters.mapped(names[start : start + _AT_ONCE])
        good = list(filter(characters.pattern.fullmatch, some))
        encoded = _a_names(good)
        if len(good) < len(some):
            encoded = list(map(dict(zip(good, encoded, strict=True)).get, some))
        found += encoded
    return found


class _Characters:
    """What idna says about the characters that were seen, and about their neighbours.

    Attributes:
        pattern: what matches a name that is good without a doubt.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._mapping: dict[int, str] = {}
        self._changed: set[str] = set()
        self._good: defaultdict[str, list[int]] = defaultdict(list)
        self.pattern = re.compile("")

    def mapped(self, names: Sequence[str]) -> list[str]:
        """The names as UTS 46 maps them, "" for one that is too long; `pattern` is for these."""
        some = [name if len(name) <= _MAX_NAME else "" for name in names]
        used = set("".join(some))
        self._learn(used)
        if not (used.isdisjoint(self._changed) and is_normalized("NFC", ".".join(some))):
            some = [normalize("NFC", name.translate(self._mapping)) for name in some]
            self._learn(set("".join(some)))
        return some

    def _learn(self, used: set[str]) -> None:
        # By the block: a list's characters are close to each other, and the pattern stays short.
        blocks = {ord(character) // _BLOCK for character in used - self._known}
        for block in blocks:
            kinds: defaultdict[str, list[int]] = defaultdict(list)
            for code in range(block * _BLOCK, (block + 1) * _BLOCK):
                character = chr(code)
                self._known.add(character)
                self._mapping[code] = mapped = _mapped(character)
                if mapped != character:
                    self._changed.add(character)
                else:
                    kinds[_kind(character)].append(code)
            for kind, codes in kinds.items():
                if kind and _come_back(kind, codes):
                    self._good[kind] += codes
        if blocks:
            self.pattern = re.compile(_pattern(self._good))


def _mapped(character: str) -> str:
    import idna  # rarely needed, so not at start

    try:
        return idna.uts46_remap(character, std3_rules=False)
    except UnicodeError:
        return character  # It is disallowed, and good in no label.


def _kind(character: str) -> str:
    """The direction that a good character is written in, for a mark with "M"; else nothing."""
    import idna

    if character.isascii():
        return ""  # These are in the pattern as they are.
    mark = category(character).startswith("M")
    try:
        # A mark may not come first, but behind a digit: there is nothing that the two compose to.
        idna.check_label("1" + character if mark else character)
    except UnicodeError:
        return ""
    # What is good now only because it is alone (RFC 5892 A) has other directions than these.
    return bidirectional(character) + "M" * mark


def _come_back(kind: str, codes: Sequence[int]) -> bool:
    """Whether the parser, too, takes these characters as they are."""
    first = "1" if kind.endswith("M") else ""
    labels = [first + chr(code) for code in codes]
    url = _url(labels)
    return url is not None and url.unicode_host() == _GAP.join((*labels, _END))


def _pattern(kinds: Mapping[str, Sequence[int]]) -> str:
    of = defaultdict(str, {kind: _ranges(codes) for kind, codes in kinds.items()})
    first = "a-z0-9" + of["L"]
    more = first + of["LM"] + of["NSMM"]
    label = f"[{first}](?:[{more}-]*[{more}])?"
    letters, marks = of["R"] + of["AL"], of["NSMM"]
    if letters:
        # The last character is no hyphen, nor is the last one before the marks.
        label += f"|[{letters}](?:[{letters}{marks}0-9-]*[{letters}0-9])?"
        label += f"[{marks}]*" if marks else ""
    label = f"(?!..--)(?:{label})"
    return rf"{label}(?:\.{label})*"


def _ranges(codes: Sequence[int]) -> str:
    """Inside the brackets of a pattern."""
    codes = sorted(codes)
    firsts = [code for code, before in zip(codes, [-2, *codes], strict=False) if code - before > 1]
    lasts = [
        code for code, behind in zip(codes, [*codes[1:], -2], strict=True) if behind != code + 1
    ]
    return "".join(f"{chr(one)}-{chr(other)}" for one, other in zip(firsts, lasts, strict=True))


def _a_names(names: Sequence[str]) -> list[str | None]:
    """The names in Punycode; None for one that is too long or that the parser does not take."""
    url = _url(names)
    # One name from right to left makes others subject to RFC 5893 that are not on their own.
    urls = [url] if url else [_url([name]) for name in names]
    encoded = [
        name for url in urls for name in ((url.host or "").split(_GAP)[:-1] if url else [""])
    ]
    return [name if 0 < len(name) <= _MAX_LABEL else _if_short(name) for name in encoded]


def _if_short(name: str) -> str | None:
    return name if len(name) <= _MAX_NAME and _A_NAME.fullmatch(name) else None


def _url(names: Sequence[str]) -> Url | None:
    """One host that consists of the names."""
    from pydantic_core import Url

    try:
        return Url(f"http://{_GAP.join((*names, _END))}")
    except ValueError:
        return None
