# SPDX-License-Identifier: Apache-2.0
"""What values a field or a function's result can have, as far as that is known for certain.

The shapes are those of the fields' definitions (Cloudflare's, and ours in policy/fields_*.py):
a port has 16 bits, a host is lower case, there are four versions of HTTP. Nothing is said of what
a client may send in another form than is usual: a method in small letters is unusual, not
impossible. Whether a condition is constant because of this is for lint_literals and lint_cells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from authz.rules.ast import Access, Call, FieldRef
from authz.rules.lint_fault import Fault, Place
from authz.rules.lint_hosts import host_fault
from authz.rules.lint_names import one_line_fault, rfc2253_fault
from authz.rules.types import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.rules.types import Address

_TLS: Final = "cf.tls_client_auth."
FAILURE: Final = "authz.cert.failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and the greatest number that a value can be, and why."""

    lowest: int
    highest: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All texts that a value can be, and why there are no others."""

    all: frozenset[bytes]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelling:
    """Bytes that a value never has, and how to write a text without them."""

    never: re.Pattern[bytes]
    why: str
    mend: Callable[[bytes], bytes]


_NUMBERS: Final = Bounds(lowest=INT_MIN, highest=INT_MAX, why="numbers have 64 bits and a sign")
_LENGTHS: Final = Bounds(lowest=0, highest=INT_MAX, why="a length is never negative")
_PRESENT: Final = Bounds(
    lowest=1,
    highest=INT_MAX,
    why="what is there has a value, and of a name that is missing no comparison is true",
)
_PORTS: Final = Bounds(lowest=0, highest=2**16 - 1, why="ports go from 0 to 65535")
# RFC 6793: AS numbers have 32 bits.
_NETWORKS: Final = Bounds(lowest=0, highest=2**32 - 1, why="AS numbers go from 0 to 4294967295")
_BOUNDS: Final = {
    "cf.edge.server_port": _PORTS,
    "authz.peer.port": _PORTS,
    "http.request.timestamp.msec": Bounds(
        lowest=0, highest=999, why="milliseconds go from 0 to 999"
    ),
    "http.request.body.size": Bounds(lowest=0, highest=INT_MAX, why="a size is never negative"),
    "ip.src.asnum": _NETWORKS,
    "ip.geoip.asnum": _NETWORKS,
    "cf.threat_score": Bounds(lowest=0, highest=0, why="the score is always 0 here"),
}

_ALWAYS_EMPTY: Final = Words(all=frozenset({b""}), why="the value is always empty here")
_CONTINENTS: Final = Words(
    all=frozenset({b"", b"AF", b"AN", b"AS", b"EU", b"NA", b"OC", b"SA"}),
    why="continents are AF, AN, AS, EU, NA, OC and SA",
)
#: Whoever presents no certificate has this failure, and nobody else.
ABSENT_FAILURE: Final = b"absent"
#: The words of authz.certs.failure, which is not to be known here; a test compares them.
FAILURES: Final = frozenset(
    {
        ABSENT_FAILURE,
        b"malformed",
        b"too_large",
        b"unsupported",
        b"expired",
        b"not_yet_valid",
        b"unknown_issuer",
        b"bad_signature",
        b"wrong_usage",
        b"constraint_violated",
        b"crl_stale",
        b"ocsp_missing",
    }
)
_WORDS: Final = {
    # Envoy writes these and no others; empty when it does not say.
    "http.request.version": Words(
        all=frozenset({b"", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2", b"HTTP/3"}),
        why="versions are HTTP/1.0, HTTP/1.1, HTTP/2 and HTTP/3",
    ),
    "cf.worker.upstream_zone": _ALWAYS_EMPTY,
    "cf.zone.plan": _ALWAYS_EMPTY,
    "cf.hostname.metadata": _ALWAYS_EMPTY,
    "ip.src.continent": _CONTINENTS,
    "ip.geoip.continent": _CONTINENTS,
    FAILURE: Words(
        all=FAILURES | {b""}, why="there is no such failure (being revoked is none, for example)"
    ),
}


def _upper_hex(text: bytes) -> bytes:
    return re.sub(rb"[:\s-]", b"", text).upper()


def _lower_hex(text: bytes) -> bytes:
    return re.sub(rb"[:\s-]", b"", text).lower()


_SMALL: Final = re.compile(rb"[a-z]")
_CAPITAL: Final = re.compile(rb"[A-Z]")
_EXTENSION: Final = _Spelling(
    never=re.compile(rb"[A-Z./]"),
    why="an extension is lower case and without the dot",
    mend=lambda text: text.removeprefix(b".").lower(),
)
_COUNTRY: Final = _Spelling(
    never=_SMALL, why="country codes are two capital letters", mend=bytes.upper
)
_HEADER_NAMES: Final = _Spelling(
    never=_CAPITAL, why="header names are lower case here", mend=bytes.lower
)
# A sent path ends at the question mark; a decoded reading of it (`%3F`) may have one.
_SENT_PATH: Final = _Spelling(
    never=re.compile(rb"\?"), why="the path has no query", mend=lambda text: text
)
_UPPER_HEX: Final = _Spelling(
    never=re.compile(rb"[^0-9A-F]"), why="the value is upper-case hex digits", mend=_upper_hex
)
_LOWER_HEX: Final = _Spelling(
    never=re.compile(rb"[^0-9a-f]"), why="the value is lower-case hex digits", mend=_lower_hex
)
_SPELLINGS: Final = {
    "http.request.uri.path.extension": _EXTENSION,
    "raw.http.request.uri.path.extension": _EXTENSION,
    "raw.http.request.uri.path": _SENT_PATH,
    "ip.src.country": _COUNTRY,
    "ip.geoip.country": _COUNTRY,
    "http.request.headers.names": _HEADER_NAMES,
    **dict.fromkeys(
        (_TLS + name for name in ("cert_serial", "cert_issuer_serial", "cert_ski")), _UPPER_HEX
    ),
    _TLS + "cert_issuer_ski": _UPPER_HEX,
    _TLS + "cert_fingerprint_sha256": _LOWER_HEX,
    _TLS + "cert_fingerprint_sha1": _LOWER_HEX,
    "authz.cert.spki_sha256": _LOWER_HEX,
}
_CALLS: Final = {
    "lower": _Spelling(never=_CAPITAL, why="lower() gives no capital letters", mend=bytes.lower),
    "upper": _Spelling(never=_SMALL, why="upper() gives no small letters", mend=bytes.upper),
}

# What a value begins with, unless it is one of the texts behind it.
_BEGINNINGS: Final = {
    "http.request.uri.path": (b"/", (b"", b"*")),
    "raw.http.request.uri.path": (b"/", (b"", b"*")),
}
# Names to values: a name that is there has at least one.
_GROUPED: Final = frozenset(
    {
        "http.request.headers",
        "http.request.cookies",
        "http.request.uri.args",
        "raw.http.request.uri.args",
        "http.request.body.form",
        "http.request.body.multipart",
    }
)
# Texts of a form that takes more than a table to tell: of the field, the literal, and its place.
_SHAPES: Final[Mapping[str, Callable[[str, bytes, Place], Fault | None]]] = {
    "http.host": lambda _, text, place: host_fault(text, place),
    **{
        f"{_TLS}cert_{whose}_dn{form}": fault
        for whose in ("subject", "issuer")
        for form, fault in (
            ("", rfc2253_fault),
            ("_rfc2253", rfc2253_fault),
            ("_legacy", one_line_fault),
        )
    },
}
# What is different for an address that came as IPv4 in IPv6: the fields show it as IPv4.
_PLAIN_ADDRESSES: Final = frozenset({"ip.src", "cf.edge.server_ip"})


def bounds_of(access: Access) -> Bounds:
    """The numbers that a value of type Int can be."""
    base = access.base
    if isinstance(base, Call):
        if base.function.name != "len":
            return _NUMBERS
        return _LENGTHS if grouped_key(base) is None else _PRESENT
    return _NUMBERS if access.steps else _BOUNDS.get(base.field.name, _NUMBERS)


def grouped_key(call: Call) -> tuple[Access, bytes] | None:
    """For the values that a map has under a name, as the first argument: the map and the name."""
    values = call.arguments[0] if call.arguments else None
    if not isinstance(values, Access) or not isinstance(values.base, FieldRef):
        return None
    if values.base.field.name not in _GROUPED or len(values.steps) != 1:
        return None
    (key,) = values.steps
    whole = replace(values, steps=(), type=values.base.type)
    return (whole, key) if isinstance(key, bytes) else None


def words_of(access: Access) -> Words | None:
    """The texts that a value of type Bytes can be, when they are few and known."""
    base = access.base
    return _WORDS.get(base.field.name) if isinstance(base, FieldRef) and not access.steps else None


def never_equal(access: Access, text: bytes) -> Fault | None:
    """Why a value is never this text; hex fields are lint_hex's business."""
    words = words_of(access)
    if words is not None and text not in words.all:
        near = [word for word in words.all if word.lower() == text.lower()]
        return Fault(why=words.why, fixed=near[0] if near else None)
    return None if access.hex else never_like(access, text, Place.WHOLE)


def never_like(access: Access, text: bytes, place: Place) -> Fault | None:
    """Why no value has this text in a place, as far as it is no matter of a few words."""
    base = access.base
    if isinstance(base, FieldRef):
        shape = _SHAPES.get(base.field.name)
        if shape is not None:
            return shape(base.field.name, text, place)
    fault = _misspelt(access, text)
    if fault is None and place in (Place.WHOLE, Place.FIRST):
        fault = _misplaced(access, text, whole=place is Place.WHOLE)
    return fault


def is_plain_address(access: Access) -> bool:
    """Whether an IPv4 client is never shown as an IPv6 address."""
    base = access.base
    return isinstance(base, FieldRef) and not access.steps and base.field.name in _PLAIN_ADDRESSES


def is_mapped(address: Address) -> bool:
    """Whether an address is IPv4 in IPv6, `::ffff:a.b.c.d`."""
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


def _misspelt(access: Access, text: bytes) -> Fault | None:
    base = access.base
    if isinstance(base, Call):
        spelling = _CALLS.get(base.function.name)
    else:
        spelling = _SPELLINGS.get(base.field.name)
    if spelling is None or not spelling.never.search(text):
        return None
    mended = spelling.mend(text)
    # A text that is gone, or still wrong, is no proposal.
    good = mended and mended != text and not spelling.never.search(mended)
    return Fault(why=spelling.why, fixed=mended if good else None)


def _misplaced(access: Access, text: bytes, *, whole: bool) -> Fault | None:
    base = access.base
    found = _BEGINNINGS.get(base.field.name) if isinstance(base, FieldRef) else None
    if found is None or not text:
        return None
    beginning, others = found
    possible = text in others if whole else any(other.startswith(text) for other in others)
    if text.startswith(beginning) or possible:
        return None
    return Fault(why=f'a path begins with "{beginning.decode()}"', fixed=beginning + text)
