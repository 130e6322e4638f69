# SPDX-License-Identifier: Apache-2.0
"""The oracle of the corpus: applications that read a request in their own ways.

    reached(site, request)    what in a request lands on something that the site guards, and how

Nothing here comes from the code under test, or knows of rules. Each `_READERS` entry is a kind of
server that exists: one that decodes a path once more than the proxy did, one that takes parameters
off its segments, one that stops at a NUL. If any of them would serve what is guarded, then the
request must not have reached it without a good certificate.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.attack.corpus import Fields, Guards, Site


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as an application gets it; names of headers as they arrived."""

    method: bytes
    target: bytes
    host: bytes
    headers: Fields = ()
    body: bytes = b""
    trailers: Fields = field(default=())


# --- paths ---------------------------------------------------------------------------------------


def _dots(path: bytes) -> bytes:
    """Dot segments and repeated slashes resolved, as a file system does."""
    normal = posixpath.normpath(b"/" + path.lstrip(b"/"))
    return normal + b"/" if path.endswith((b"/", b"/.", b"/..")) and normal != b"/" else normal


def _parameters(path: bytes) -> bytes:
    return b"/".join(segment.split(b";")[0] for segment in path.split(b"/"))


def _backslashes(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def _fragment(path: bytes) -> bytes:
    return path.split(b"#")[0]


def _nul(path: bytes) -> bytes:
    return path.split(b"\0")[0]


def _query(path: bytes) -> bytes:
    return path.split(b"?")[0]


def _reference(path: bytes) -> bytes:
    """As a reference (RFC 3986 4.2): what stands behind `//` is a host."""
    return b"/" + path[2:].partition(b"/")[2] if path.startswith(b"//") else path


def _url(path: bytes) -> bytes:
    """As the URL parser of browsers, Node and Python reads it (WHATWG URL 4.4)."""
    return path.strip(bytes(range(0x21))).translate(None, b"\t\r\n")


_READERS: Final[dict[str, tuple[Callable[[bytes], bytes], ...]]] = {
    "takes it as it is": (),
    "resolves dots": (_dots,),
    "decodes": (unquote_to_bytes,),
    "decodes, resolves dots": (unquote_to_bytes, _dots),
    "resolves dots, decodes": (_dots, unquote_to_bytes),
    "decodes twice, resolves dots": (unquote_to_bytes, unquote_to_bytes, _dots),
    "Tomcat: parameters off, decodes, resolves dots": (_parameters, unquote_to_bytes, _dots),
    "decodes, parameters off, resolves dots": (unquote_to_bytes, _parameters, _dots),
    "resolves dots, parameters off": (_dots, _parameters),
    "decodes twice, parameters off, resolves dots": (
        *(unquote_to_bytes, unquote_to_bytes, _parameters, _dots),
    ),
    "IIS: backslash is slash, decodes, resolves dots": (
        *(_backslashes, unquote_to_bytes, _backslashes, _dots),
    ),
    "decodes twice, backslash is slash, resolves dots": (
        *(unquote_to_bytes, unquote_to_bytes, _backslashes, _dots),
    ),
    "C: stops at NUL": (unquote_to_bytes, _nul, _dots),
    "C: decodes twice, stops at NUL": (unquote_to_bytes, unquote_to_bytes, _nul, _dots),
    "stops at a fragment": (_fragment, _dots),
    "decodes, stops at a fragment": (unquote_to_bytes, _fragment, _dots),
    "decodes, stops at a query": (unquote_to_bytes, _query, _dots),
    "takes it for a reference": (_reference, _dots),
    "decodes, takes it for a reference": (unquote_to_bytes, _reference, _dots),
    "decodes, takes it for a URL": (unquote_to_bytes, _url, _dots),
    "decodes twice, takes it for a URL": (unquote_to_bytes, unquote_to_bytes, _url, _dots),
}


def paths(target: bytes) -> Iterable[tuple[str, bytes]]:
    """Which server takes a request target for which path."""
    if re.match(rb"[A-Za-z][A-Za-z0-9+.-]*://", target):
        # Absolute form (RFC 9112 3.2.2).
        target = b"/" + target.split(b"://", 1)[1].partition(b"/")[2]
    path = target.split(b"?")[0]
    for name, steps in _READERS.items():
        read = path
        for step in steps:
            read = step(read)
        yield name, read


# --- hosts ---------------------------------------------------------------------------------------


def hosts(host: bytes) -> Iterable[tuple[str, bytes]]:
    """Which server takes a Host for which name."""
    for several, parts in (("one", (host,)), ("a list", host.split(b","))):
        for part in parts:
            for decoding, text in (("as it is", part), ("decoded", unquote_to_bytes(part))):
                name = text.strip(b" \t").split(b"\0")[0].rpartition(b"@")[2].lower()
                name = re.sub(rb":.*", b"", name) if b"[" not in name else name
                yield f"{several}, {decoding}", name.rstrip(b".")


# --- the rest ------------------------------------------------------------------------------------


def _header(request: Request, name: str) -> Iterable[tuple[str, bytes]]:
    """Lines of a header, as CGI tells names apart, and joined as RFC 9110 5.2 says."""
    found = [
        value.strip(b" \t\r\n")
        for key, value in request.headers
        if key.lower().replace(b"_", b"-").strip() == name.encode()
    ]
    for value in found:
        yield "a line", value
    if found:
        yield "joined", b", ".join(found)


def _pairs(text: bytes, separators: bytes, name: str, *, decoded: bool) -> Iterable[bytes]:
    for piece in re.split(b"[" + separators + b"]", text):
        key, _, value = piece.strip(b" ").partition(b"=")
        if decoded:
            key, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in (key, value))
        if key == name.encode():
            yield value


def _facets(guards: Guards, request: Request) -> Iterable[tuple[str, bytes]]:
    """The values that count for what is guarded, and who reads them so."""
    what, _, name = guards.what.partition(":")
    if what == "path":
        yield from paths(request.target)
    elif what == "host":
        yield from hosts(request.host)
    elif what == "method":
        yield "as it is", request.method
    elif what == "header":
        yield from _header(request, name)
    elif what == "cookie":
        for how, line in _header(request, "cookie"):
            for value in _pairs(line, b";", name, decoded=False):
                yield f"{how} of cookies", value
    elif what == "query":
        query = request.target.partition(b"?")[2].split(b"#")[0]
        for value in _pairs(query, b"&", name, decoded=guards.decoded):
            yield "an argument", value
    elif what == "form":
        for value in _pairs(request.body, b"&", name, decoded=guards.decoded):
            yield "a field", value
    elif what == "body":
        yield "the body", request.body


def _hits(guards: Guards, value: bytes) -> bool:
    values = guards.values
    if guards.fold:
        value, values = value.lower(), tuple(one.lower() for one in values)
    if guards.is_ == "equal":
        return value in values
    if guards.is_ == "unlike":
        return value not in values
    if guards.is_ == "beyond":
        return not value.startswith(values)
    if guards.is_ == "prefix":
        return value.startswith(values)
    if guards.is_ == "suffix":
        return value.endswith(values)
    assert guards.is_ == "contains", guards.is_
    return any(one in value for one in values)


def reached(site: Site, request: Request) -> list[str]:
    """Who, behind this site, would serve something that it guards; empty when nobody would."""
    guards = site.guards
    if guards is None:
        return []
    if guards.what == "everything":
        return ["everybody"]
    return [f"{who}: {value!r}" for who, value in _facets(guards, request) if _hits(guards, value)]


def sites_of(host: bytes, by_host: dict[bytes, Site], rest: Site) -> list[Site]:
    """The sites that a server may take a Host for."""
    return list(
        {id(site): site for _, name in hosts(host) for site in [by_host.get(name, rest)]}.values()
    )
