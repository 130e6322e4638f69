# SPDX-License-Identifier: Apache-2.0
"""The URL and the body of a curl command, as curl reads and makes them.

RFC 3986; for what people leave out of a URL, curl's manual. Files that a body is to be read from
are left out, and a note says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote_plus, unquote

from authz.errors import InvalidInputError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_NO_URL: Final = re.compile(r"[\x00-\x20\x7f]")
_PORTS: Final = {"http": "80", "https": "443"}
#: Between the parts of a form. curl draws a new one each time.
BOUNDARY: Final = "------------------------0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """Where a request goes.

    Args:
        authority: host and port as they are sent.
        user: `name:password` of the URL, None without any.
        sni: None without TLS, `""` for an address.
    """

    scheme: str
    authority: str
    path: str
    user: str | None
    sni: str | None
    notes: tuple[str, ...] = ()


def read_url(text: str, default_scheme: str, *, as_is: bool, literal: bool) -> Url:
    """The parts of a URL.

    Args:
        default_scheme: where it has none.
        as_is: dot segments stay (--path-as-is).
        literal: brackets and braces are not expanded (--globoff).

    Raises:
        InvalidInputError: it is none, or not one of HTTP.
    """
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else default_scheme.lower()
    rest = text[found.end() :] if found else text
    if scheme not in _PORTS:
        raise InvalidInputError(
            f'"{scheme[:20]}" is not HTTP', hint="paste a command for an https:// or http:// URL"
        )
    if _NO_URL.search(text):
        raise InvalidInputError(
            "the URL has blanks or control characters", hint="write %20 for a blank"
        )
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    authority, behind = rest[:end], rest[end:]
    user: str | None = None
    if "@" in authority:
        user, _, authority = authority.rpartition("@")
        user = unquote(user, errors="surrogateescape")
    host, port = _host_and_port(authority)
    path, mark, query = behind.partition("#")[0].partition("?")
    path = path or "/"
    if not as_is:
        path = remove_dot_segments(path)
    return Url(
        scheme=scheme,
        authority=host if port in ("", _PORTS[scheme]) else f"{host}:{port}",
        path=_ascii(path) + mark + query,
        user=user,
        sni=(None if scheme == "http" else "" if _is_address(host) else host.rstrip(".")),
        notes=_globs(behind, literal=literal),
    )


def remove_dot_segments(path: str) -> str:
    """RFC 3986 5.2.4, as curl does it before it sends a path."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for index, segment in enumerate(segments):
        if segment not in (".", ".."):
            kept.append(segment)
            continue
        if segment == ".." and kept:
            kept.pop()
        if index == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)


def _ascii(path: str) -> str:
    """A path as curl sends it: escapes for what is not ASCII (of the query it sends the bytes)."""
    if path.isascii():
        return path
    return "".join(
        chr(one) if one < 0x80 else f"%{one:02x}" for one in path.encode("utf-8", "surrogateescape")
    )


def _host_and_port(authority: str) -> tuple[str, str]:
    host, port = authority, ""
    if authority.startswith("["):
        inside, bracket, behind = authority.partition("]")
        host, port = inside + bracket, behind.removeprefix(":")
        is_wrong = not bracket or (behind != "" and not behind.startswith(":"))
    else:
        host, _, port = authority.partition(":")
        is_wrong = False
    if is_wrong or not host or (port and not (port.isascii() and port.isdigit())):
        raise InvalidInputError(
            f'"{authority[:60]}" is no host of a URL', hint="paste a command with https://HOST/PATH"
        )
    return host, port.lstrip("0") or ("0" if port else "")


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _globs(behind: str, *, literal: bool) -> tuple[str, ...]:
    if literal or not any(one in behind for one in "{}[]"):
        return ()
    return ("The URL has braces or brackets, which curl would expand; they are taken as they are.",)


@dataclass(slots=True)
class Body:
    """The body that the options for data make, in their order."""

    pieces: list[bytes] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    is_json: bool = False
    is_form: bool = False
    notes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.pieces or self.is_form)

    def add(self, option: str, value: str) -> None:
        """One more option, by its long name."""
        if option in ("form", "form-string"):
            self.is_form = True
            self._add_part(value, is_literal=option == "form-string")
            return
        if option == "json":
            self.is_json = True
        if option == "data-urlencode":
            piece, notes = encoded(value)
            self.notes += notes
        elif option != "data-raw" and value.startswith("@"):
            self.notes.append(f"--{option} @…: no file is read here, the body is without it.")
            piece = b""
        else:
            piece = value.encode("utf-8", "surrogateescape")
        # --json puts nothing between the pieces.
        if self.pieces and option != "json":
            piece = b"&" + piece
        self.pieces.append(piece)

    def content(self) -> tuple[bytes, str]:
        """The body and its type; `""` for none."""
        if self.is_form:
            if self.pieces:
                raise InvalidInputError(
                    "the command has both -d and -F", hint="curl takes one of the two"
                )
            end = f"--{BOUNDARY}--\r\n".encode()
            return b"".join(self.parts) + end, f"multipart/form-data; boundary={BOUNDARY}"
        if not self.pieces:
            return b"", ""
        kind = "application/json" if self.is_json else "application/x-www-form-urlencoded"
        return b"".join(self.pieces), kind

    def _add_part(self, value: str, *, is_literal: bool) -> None:
        name, equals, content = value.partition("=")
        if not equals:
            raise InvalidInputError(f'-F "{value[:40]}" has no "="', hint='write -F "name=value"')
        if content[:1] in ("@", "<") and not is_literal:
            self.notes.append(f"-F {name[:40]}: no file is read here, its part is empty.")
            content = ""
        content, kind = (content, "") if is_literal else _without_attributes(content)
        shown = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{shown}"\r\n{kind}\r\n'
        self.parts.append((head + content + "\r\n").encode("utf-8", "surrogateescape"))


def _without_attributes(content: str) -> tuple[str, str]:
    """The content of a part, and the line for its type: what is behind a semicolon is about it."""
    text, *attributes = content.split(";")
    kinds = [one.strip()[5:] for one in attributes if one.strip().lower().startswith("type=")]
    return text, f"Content-Type: {kinds[0]}\r\n" if kinds else ""


def encoded(value: str) -> tuple[bytes, list[str]]:
    """What --data-urlencode makes of its value, and notes: `content`, `name=content`, files."""
    name, equals, content = value.partition("=")
    if not equals:
        if "@" in value:
            name = value.partition("@")[0]
            note = "--data-urlencode …@…: no file is read here, the body is without it."
            return (f"{name}=".encode() if name else b""), [note]
        return quote_plus(value.encode("utf-8", "surrogateescape"), safe="").encode(), []
    escaped = quote_plus(content.encode("utf-8", "surrogateescape"), safe="")
    return f"{name}={escaped}".encode("utf-8", "surrogateescape") if name else escaped.encode(), []
