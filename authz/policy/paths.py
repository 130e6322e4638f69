# SPDX-License-Identifier: Apache-2.0
"""The readings of a request path (architecture 4.7).

Envoy, this service and the upstream may read one path differently: `/x/%2e%2e;/admin` is `/admin`
to some servers and nothing special to others. `readings` lists what a path can be taken for, so
that the authorizer can insist that all of them are allowed. It does not decide anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.rules.regex import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

#: More readings than this and the path is ambiguous without looking at the rules.
MAX_READINGS = 32

#: Bytes looked at while making them; a path of 2 KiB with 20 readings stays below. A longer search
#: would hold the thread that answers everybody (8 ns a byte here).
MAX_WORK = 512 * 1024

#: "Fully decoded, once and twice".
_MAX_DECODES = 2

# What makes readers disagree: %, ;, \, //, a segment that starts with a dot, #, blanks, controls.
_SUSPECT = re.compile(rb"[%;\\#\x00-\x20\x7f]|//|/\.")
# Read in one way only: segments that are not empty (but the last) and do not begin with a dot, of
# bytes that nobody decodes or cuts at.
_PLAIN = r"/|(?:/[^%;\\#\x00-\x20\x7f/.][^%;\\#\x00-\x20\x7f/]*)+/?"

#: True for a path that has one reading for certain: quicker than asking for its readings. This
#: engine takes half of what `re` does (measured).
is_plain: Callable[[bytes], bool] = compile_regex(rf"\A(?:{_PLAIN})\z").is_match

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_PARAMETERS = re.compile(rb";[^/]*")
_SLASHES = re.compile(rb"/{2,}")
_AUTHORITY = re.compile(rb"\A//[^/]*/?")
# WHATWG URL 4.4: what its parser takes off the end, and out of the middle.
_BLANKS_AND_CONTROLS = bytes(range(0x21))
_LINE_BREAKS = b"\t\n\r"

# RFC 3986 2.3: decoding these never changes what a path identifies.
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


#: "?", as a number: looking for one byte is several times faster than looking for a string of one.
_QUESTION_MARK = 0x3F


def target_of(path: bytes) -> bytes:
    """The path of a request target, without its query."""
    return path.partition(b"?")[0] if _QUESTION_MARK in path else path


def _decode(path: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), path)


def _decode_unreserved(path: bytes) -> bytes:
    def replace(found: re.Match[bytes]) -> bytes:
        byte = int(found[1], 16)
        return bytes((byte,)) if byte in _UNRESERVED else found[0]

    return _ESCAPE.sub(replace, path)


def _strip_parameters(path: bytes) -> bytes:
    return _PARAMETERS.sub(b"", path)


def _backslash_as_slash(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def _cut_at_fragment(path: bytes) -> bytes:
    return path.partition(b"#")[0]


def _cut_at_question_mark(path: bytes) -> bytes:
    # Of what was sent, the query is off already: this one was encoded.
    return path.partition(b"?")[0]


def _cut_at_nul(path: bytes) -> bytes:
    return path.partition(b"\0")[0]


def _without_blanks(path: bytes) -> bytes:
    """As the URL parsers of Node, browsers and Python read it, once somebody has decoded it."""
    return path.translate(None, _LINE_BREAKS).rstrip(_BLANKS_AND_CONTROLS)


def _without_authority(path: bytes) -> bytes:
    """RFC 3986 4.2: to whoever reads it as a reference, `//x/admin` is `/admin` of host x."""
    return _AUTHORITY.sub(b"/", path)


def _merge_slashes(path: bytes) -> bytes:
    return _SLASHES.sub(b"/", path)


def _remove_dot_segments(path: bytes) -> bytes:
    """RFC 3986 5.2.4 for an absolute path."""
    if b"/." not in path:
        return path
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment in {b".", b".."}:
            if segment == b".." and kept:
                kept.pop()
            if last:
                kept.append(b"")
        else:
            kept.append(segment)
    return b"/" + b"/".join(kept)


# Steps that come to an end, as none makes a path longer; decoding could be counted among them, but
# nobody decodes for ever.
_STEPS: tuple[Callable[[bytes], bytes], ...] = (
    _decode_unreserved,
    _strip_parameters,
    _backslash_as_slash,
    _cut_at_fragment,
    _cut_at_question_mark,
    _cut_at_nul,
    _without_blanks,
    _without_authority,
    _merge_slashes,
    _remove_dot_segments,
)


def readings(path: bytes) -> tuple[bytes, ...] | None:
    """Every way to read `path` (without query), the path as sent first.

    One element for an ordinary path. None when there are more than `MAX_READINGS`, or finding them
    takes more than `MAX_WORK`: nobody sends such a path in good faith.
    """
    if _SUSPECT.search(path) is None or not path.startswith(b"/"):
        return (path,)
    # Every order and choice of the steps, as a closure: (reading, number of full decodes).
    found: dict[bytes, None] = {path: None}
    seen = {(path, 0)}
    pending = [(path, 0)]
    work = 0
    while pending:
        reading, decodes = pending.pop()
        work += len(reading) * (len(_STEPS) + 1)
        if work > MAX_WORK:
            return None
        following = [(step(reading), decodes) for step in _STEPS]
        if decodes < _MAX_DECODES:
            following.append((_decode(reading), decodes + 1))
        for state in following:
            if state in seen:
                continue
            seen.add(state)
            found[state[0]] = None
            if len(found) > MAX_READINGS:
                return None
            pending.append(state)
    return tuple(found)
