# SPDX-License-Identifier: Apache-2.0
"""What a distinguished name in a rule field can be, and literals that are in another form.

Two forms (Cloudflare's fields, authz.certs.names): RFC 2253, `CN=alice,O=Acme`, in the fields
`cert_subject_dn` and `…_rfc2253`, and OpenSSL's one line, `/O=Acme/CN=alice`, in `…_legacy`. Both
are printable ASCII. In the first, an unescaped comma stands between attributes only and no space
is beside it.
"""

from __future__ import annotations

import re
from typing import Final

from authz.rules.lint_fault import Fault, Place

_TLS: Final = "cf.tls_client_auth."
_BEYOND: Final = re.compile(rb"[^\x20-\x7e]")
# A comma with the backslashes before it, and spaces behind it.
_COMMA: Final = re.compile(rb"(\\*), +")
_AROUND_EQUALS: Final = re.compile(rb" = ")
_ONE_LINE: Final = re.compile(rb"(?:/[A-Za-z0-9.]+=[^/]*)+")
_FIRST_TYPE: Final = re.compile(rb"([^=,+/\\]*)=")
_TYPE: Final = re.compile(rb"(?<![^,+/])([A-Za-z]+)(?==)")
#: Types of attributes that are written in capital letters.
CAPITAL: Final = frozenset({b"CN", b"C", b"DC", b"L", b"O", b"OU", b"ST"})
_SPACES: Final = "no spaces stand beside the comma and the equals sign"
_LETTERS: Final = "CN, O, OU and the like are in capital letters"


def rfc2253_fault(name: str, text: bytes, place: Place) -> Fault | None:
    """Why no name in RFC 2253 form is this text or has it in a place."""
    if place in _AT_START and text.startswith(b"/"):
        one_line = place is Place.FIRST or _ONE_LINE.fullmatch(text)
        return Fault(
            why="the name is in the form CN=…,O=…",
            field=f"{_TLS}{_kind(name)}_legacy" if one_line else None,
        )
    why = _rfc2253_problem(text, place)
    if why is None:
        return None
    mended = _COMMA.sub(_without_spaces, _AROUND_EQUALS.sub(b"=", text))
    if place is Place.WHOLE:
        mended = _reversed(mended)
    mended = _BEYOND.sub(lambda found: b"\\%02X" % ord(found[0]), _capitals(mended))
    good = mended != text and _rfc2253_problem(mended, place) is None
    return Fault(why=why, fixed=mended if good else None)


def one_line_fault(name: str, text: bytes, place: Place) -> Fault | None:
    """Why no name in OpenSSL's one-line form is this text or has it in a place."""
    if place in _AT_START and text and not text.startswith(b"/"):
        is_name = _FIRST_TYPE.match(text) and b"/" not in text
        return Fault(
            why="the name is in the form /O=…/CN=…", field=_TLS + _kind(name) if is_name else None
        )
    lower = place in _AT_START and _has_small_type(text[1:])
    if not lower and not _BEYOND.search(text):
        return None
    mended = _BEYOND.sub(lambda found: b"\\x%02X" % ord(found[0]), text)
    return Fault(
        why=_LETTERS if lower else "what is no printable ASCII is escaped",
        fixed=_capitals(mended) if lower else mended,
    )


_AT_START: Final = (Place.WHOLE, Place.FIRST)


def _kind(name: str) -> str:
    return "cert_issuer_dn" if "issuer" in name else "cert_subject_dn"


def _rfc2253_problem(text: bytes, place: Place) -> str | None:
    if _BEYOND.search(text):
        return "what is no printable ASCII is escaped"
    if any(_is_separator(found, place) for found in _COMMA.finditer(text)):
        return _SPACES
    first = _FIRST_TYPE.match(text) if place in _AT_START else None
    if first is None:
        return None
    # A value that begins with a space has it escaped.
    if first[1].endswith(b" ") or text[first.end() :].startswith(b" "):
        return _SPACES
    return _LETTERS if _has_small_type(text) else None


def _is_separator(found: re.Match[bytes], place: Place) -> bool:
    """Whether a comma is not escaped, as far as it can be seen."""
    seen = found.start() > 0 or place in _AT_START
    return seen and len(found[1]) % 2 == 0


def _without_spaces(found: re.Match[bytes]) -> bytes:
    return found[0] if len(found[1]) % 2 else found[1] + b","


def _has_small_type(text: bytes) -> bool:
    first = _FIRST_TYPE.match(text)
    return first is not None and first[1].upper() in CAPITAL and first[1] not in CAPITAL


def _capitals(text: bytes) -> bytes:
    """The text with the best-known types of attributes as they are written."""

    def upper(found: re.Match[bytes]) -> bytes:
        return found[1].upper() if found[1].upper() in CAPITAL else found[1]

    return _TYPE.sub(upper, text)


def _reversed(text: bytes) -> bytes:
    """A name in the order of the certificate, as OpenSSL prints it, in that of RFC 2253."""
    parts = text.split(b",")
    ends_with_name = parts[-1].startswith(b"CN=") and not parts[0].startswith(b"CN=")
    return b",".join(reversed(parts)) if ends_with_name and b"\\" not in text else text
