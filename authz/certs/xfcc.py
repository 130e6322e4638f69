# SPDX-License-Identifier: Apache-2.0
"""The `x-forwarded-client-cert` header, read and written.

Envoy, "HTTP header manipulation": elements are separated by commas, one per proxy with the newest
last; an element is `Key=value` pairs separated by semicolons; a value with `,`, `;` or `=` in it
stands in double quotes, in which a double quote is written as backslash and quote. Keys are
case-insensitive. The JSON form is an array of objects with the same keys. Which element may be
believed is the caller's decision (architecture 4.5); nothing here trusts one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: More proxies in a row than anybody has; bounds what a hostile header costs.
MAX_ELEMENTS = 64

_REPEATABLE = frozenset({"by", "uri", "dns"})
#: Order and spelling that Envoy writes.
_SPELLING = {
    "by": "By",
    "hash": "Hash",
    "cert": "Cert",
    "chain": "Chain",
    "subject": "Subject",
    "issuer": "Issuer",
    "uri": "URI",
    "dns": "DNS",
}

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
#: An unquoted value may hold "=" (base64 in a hand-written one does), but no separator or quote.
_PLAIN = re.compile(r'[^,;"]*')
_KEY = re.compile(r"\s*([A-Za-z]+)=")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_QUOTES = re.compile(r'[,;="\\\s]')


@dataclass(frozen=True, slots=True, kw_only=True)
class XfccElement:
    """What one proxy said about the certificate of its client.

    `hash` is SHA-256 of the DER in lower-case hex; `cert` and `chain` are URL-encoded PEM as sent;
    `by`, `uri` and `dns` may repeat. `defect` is set, and everything else empty, for a header that
    cannot be read: half of it must not be believed.
    """

    by: tuple[str, ...] = ()
    hash: str = ""
    cert: str = ""
    chain: str = ""
    subject: str = ""
    issuer: str = ""
    uri: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    defect: str = ""


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its pairs."""


class _DefectError(Exception):
    """Unwinds the parser; never leaves this module."""


def parse_xfcc(value: bytes | str) -> tuple[XfccElement, ...]:
    """The elements of a header value, oldest proxy first; `()` for an empty one.

    Never raises: a value that cannot be read is a single element with a `defect`.
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = text.strip(" \t")
    if not text:
        return ()
    try:
        pairs = _read_json(text) if text[0] in "[{" else _read_text(text)
        if len(pairs) > MAX_ELEMENTS:
            raise _DefectError("has too many elements")
        # No `map`: to a tuple, a StopIteration out of an element would be the end of all elements.
        return tuple([_element(one) for one in pairs])
    except _DefectError as defect:
        return (XfccElement(defect=f"x-forwarded-client-cert {defect}"),)


def format_xfcc(elements: Iterable[XfccElement]) -> str:
    """The elements in TEXT form: what `parse_xfcc` reads back as the same elements."""
    return ",".join(
        ";".join(f"{_SPELLING[key]}={_quoted(key, text)}" for key, text in _pairs(element))
        for element in elements
    )


def format_xfcc_json(elements: Iterable[XfccElement]) -> str:
    """The elements in JSON form."""
    objects = []
    for element in elements:
        members: dict[str, object] = {}
        for key, spelling in _SPELLING.items():
            content = getattr(element, key)
            if content:
                members[spelling] = list(content) if key in _REPEATABLE else content
        objects.append(members)
    return json.dumps(objects, separators=(",", ":"))


def _pairs(element: XfccElement) -> Iterable[tuple[str, str]]:
    for key in _SPELLING:
        content = getattr(element, key)
        if isinstance(content, tuple):
            yield from ((key, text) for text in content)
        elif content:
            yield key, content


def _quoted(key: str, text: str) -> str:
    # Envoy always quotes Subject; an empty value must be seen, so it is quoted as well.
    if key != "subject" and text and not _NEEDS_QUOTES.search(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read_text(text: str) -> list[list[tuple[str, str]]]:
    """The pairs of each element of a TEXT form that does not end in a blank."""
    elements: list[list[tuple[str, str]]] = [[]]
    offset = 0
    while True:
        match = _KEY.match(text, offset)
        if match is None:
            raise _DefectError("has a pair without a key")
        key = match[1].lower()
        value, offset = _read_value(text, match.end())
        elements[-1].append((key, value))
        while offset < len(text) and text[offset] in " \t":
            offset += 1
        if offset == len(text):
            return elements
        separator = text[offset]
        offset += 1
        if separator == ",":
            elements.append([])
            # Counted here too: a list of a million elements is not built to be refused.
            if len(elements) > MAX_ELEMENTS:
                raise _DefectError("has too many elements")
        elif separator != ";":
            raise _DefectError("has text after a quoted value")
        elif offset == len(text):
            # A trailing semicolon separates nothing. Blanks behind it were stripped: looking for
            # them here would read the rest of the header once for each pair.
            return elements


def _read_value(text: str, offset: int) -> tuple[str, int]:
    if text[offset : offset + 1] == '"':
        match = _QUOTED.match(text, offset)
        if match is None:
            raise _DefectError("has a quote that does not end")
        return _ESCAPE.sub(r"\1", match[1]), match.end()
    plain = _PLAIN.match(text, offset)
    assert plain is not None
    if text[plain.end() : plain.end() + 1] == '"':
        raise _DefectError("has a quote in the middle of a value")
    return plain[0].rstrip(" \t"), plain.end()


def _read_json(text: str) -> list[list[tuple[str, str]]]:
    try:
        # Objects as pairs: a key that is there twice must be seen twice.
        document = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise _DefectError("is not JSON") from None
    objects = [document] if isinstance(document, _Pairs) else document
    if not objects:
        raise _DefectError("has no element")
    return [_members(item) for item in objects]


def _members(item: object) -> list[tuple[str, str]]:
    if not isinstance(item, _Pairs):
        raise _DefectError("has an element that is no object")
    pairs: list[tuple[str, str]] = []
    for key, content in item:
        values = content if isinstance(content, list) and key.lower() in _REPEATABLE else [content]
        for value in values:
            if not isinstance(value, str):
                raise _DefectError("has a value that is no string")
            pairs.append((key.lower(), value))
    return pairs


def _element(pairs: Sequence[tuple[str, str]]) -> XfccElement:
    single: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for key, value in pairs:
        if key not in _SPELLING:
            continue  # A key of a newer Envoy says nothing that we rely on.
        if key in _REPEATABLE:
            repeated.setdefault(key, []).append(value)
        elif key in single:
            # Two certificates in one element: whichever were taken, somebody chose it for us.
            raise _DefectError(f"has {_SPELLING[key]} twice in an element")
        else:
            single[key] = value
    return XfccElement(
        by=tuple(repeated.get("by", ())),
        uri=tuple(repeated.get("uri", ())),
        dns=tuple(repeated.get("dns", ())),
        hash=single.get("hash", "").lower(),
        cert=single.get("cert", ""),
        chain=single.get("chain", ""),
        subject=single.get("subject", ""),
        issuer=single.get("issuer", ""),
    )
