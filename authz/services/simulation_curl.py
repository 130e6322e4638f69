# SPDX-License-Identifier: Apache-2.0
"""A curl command as the request that it would send: what people write, and browsers copy.

The words are shell_words.py, the options simulation_curl_options.py, the URL and the body
simulation_curl_parts.py. Nothing is run, fetched or opened: files that a command names are left
out, and the notes say so. Meanings are those of curl's manual
(https://curl.se/docs/manpage.html).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.services.pasted import Kind, Pasted
from authz.services.shell_words import split
from authz.services.simulation_curl_options import OPTIONS, Effect
from authz.services.simulation_curl_parts import Body, Url, encoded, read_url
from authz.settings.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.services.simulated_request import Headers
    from authz.services.simulation_curl_options import Option

#: What curl calls itself; which version sends the request is nobody's to know.
AGENT: Final = "curl/8.5.0"

_PROTOCOLS: Final = {
    "http0.9": "HTTP/1.0",
    "http1.0": "HTTP/1.0",
    "http1.1": "HTTP/1.1",
    "http2": "HTTP/2",
    "http2-prior-knowledge": "HTTP/2",
    "http3": "HTTP/3",
    "http3-only": "HTTP/3",
}
_NOTES: Final = {
    Effect.CERTIFICATE: "{}: the client certificate is chosen beside, no file is read.",
    Effect.ROUTE: "{}: where the connection goes does not count here.",
    Effect.FILE: "{}: no file is read here, what is in it is missing.",
}


def read_curl(text: str) -> Pasted:
    """The request of a command.

    Raises:
        InvalidInputError: it is no curl command, or one that curl would refuse; or it needs a
            shell to run or replace something.
    """
    command = split(text.strip().removeprefix("$ "))
    name, *words = command.words or ("",)
    if name.rpartition("/")[2].lower() not in ("curl", "curl.exe"):
        raise InvalidInputError(
            f'the command is "{name[:40]}" and not curl',
            hint="paste a command that begins with curl",
        )
    if "^" in words or any(word.startswith("^") for word in words):
        raise InvalidInputError(
            "the command is written for Windows' command line",
            hint='copy it again with "Copy as cURL (bash)"',
        )
    reading = _Reading()
    reading.read(words)
    if command.rest:
        shown = command.rest[:20].splitlines()[0]
        reading.notes.append(
            f"The shell ends the command at “{shown}”: what stands there was left out. "
            "Put a URL with & or ; into quotes."
        )
    return reading.request()


@dataclass(slots=True)
class _Reading:
    """What the options have said so far."""

    url: str = ""
    method: str = ""
    protocol: str | None = None
    proto_default: str = "http"
    target: str | None = None
    query: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    body: Body = field(default_factory=Body)
    agent: str = AGENT
    referer: str = ""
    authorization: str = ""
    ranges: str = ""
    client: str | None = None
    is_get: bool = False
    is_head: bool = False
    is_upload: bool = False
    as_is: bool = False
    literal: bool = False
    compressed: bool = False
    notes: list[str] = field(default_factory=list)

    def read(self, words: list[str]) -> None:
        """Take every option and URL of a command."""
        remaining = iter(words)
        options = True
        for word in remaining:
            if options and word == "--":
                options = False
            elif options and word.startswith("--"):
                self._long(word, remaining)
            elif options and word.startswith("-") and word != "-":
                if not self._short(word, remaining):
                    return
            else:
                self._take_url(word)
            if options and word == "--next":
                return

    def _long(self, word: str, remaining: Iterator[str]) -> None:
        option = OPTIONS.get(word)
        is_off = option is None and word.startswith("--no-")
        if is_off:
            option = OPTIONS.get(f"--{word.removeprefix('--no-')}")
        if option is None or (is_off and option.takes_value):
            name = word.partition("=")[0]
            raise InvalidInputError(
                f"{name[:60]} is no option of curl",
                hint="curl takes values behind a blank, not behind ="
                if name in OPTIONS
                else did_you_mean(name, [one for one in OPTIONS if one.startswith("--")]),
            )
        value = _value(word, None, remaining) if option.takes_value else ""
        if not is_off:
            self._apply(option, word, value)

    def _short(self, word: str, remaining: Iterator[str]) -> bool:
        """The letters of one word, the value of the last one behind it or in the next word."""
        letters = word[1:]
        for index, letter in enumerate(letters):
            written = f"-{letter}"
            option = OPTIONS.get(written)
            if option is None:
                raise InvalidInputError(
                    f"{written} (in {word[:40]}) is no option of curl", hint="leave it out"
                )
            if option.takes_value:
                self._apply(option, written, _value(written, letters[index + 1 :], remaining))
                return True
            self._apply(option, written, "")
            if option.effect is Effect.ANOTHER:
                return False
        return True

    def _apply(self, option: Option, written: str, value: str) -> None:
        if option.effect is Effect.ANOTHER:
            self.notes.append(f"{written}: the requests behind it were left out.")
        elif option.effect in _NOTES:
            self.notes.append(_NOTES[option.effect].format(written))
        elif option.effect is Effect.REQUEST:
            _APPLY[option.name](self, value)

    def _take_url(self, url: str) -> None:
        if self.url:
            self.notes.append(f"A second URL was left out: {url[:60]}")
        else:
            self.url = url

    def take_cookie(self, value: str) -> None:
        """-b: cookies, or without "=" a file of them."""
        if "=" in value:
            self.cookies.append(value)
        else:
            self.notes.append("-b: no file is read here, its cookies are missing.")

    def take_user(self, value: str) -> None:
        """-u: a name and a password."""
        if ":" not in value:
            self.notes.append("-u: curl would ask for the password; it is empty here.")
            value += ":"
        token = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
        self.authorization = f"Basic {token}"

    def take_url_query(self, value: str) -> None:
        """--url-query: as --data-urlencode; a "+" in front means that it is encoded already."""
        if value.startswith("+"):
            self.query.append(value[1:])
        else:
            text, note = encoded(value)
            self.query.append(text.decode("utf-8", "surrogateescape"))
            self.notes += note

    # --- the request ------------------------------------------------------------------------------

    def request(self) -> Pasted:
        """What all of them together send."""
        if not self.url:
            raise InvalidInputError(
                "the command has no URL", hint="paste the whole command, with https://…"
            )
        url = read_url(self.url, self.proto_default, as_is=self.as_is, literal=self.literal)
        body, content_type = self.body.content()
        path = self._path(url, body)
        if self.is_get:
            body, content_type = b"", ""
        if url.user is not None and not self.authorization:
            self.take_user(url.user)
        headers, host = self._headers(content_type)
        return Pasted(
            kind=Kind.CURL,
            host=host or url.authority,
            method=self.method or self._usual_method(),
            path=path,
            scheme=url.scheme,
            protocol=self.protocol or ("HTTP/2" if url.scheme == "https" else "HTTP/1.1"),
            headers=headers,
            body=body,
            source_address=self.client,
            sni=url.sni,
            notes=tuple(dict.fromkeys((*self.notes, *url.notes, *self.body.notes))),
        )

    def _usual_method(self) -> str:
        if self.is_head:
            return "HEAD"
        if self.is_upload:
            return "PUT"
        return "POST" if self.body and not self.is_get else "GET"

    def _path(self, url: Url, body: bytes) -> str:
        added = list(self.query)
        if self.is_get and body:
            added.insert(0, body.decode("utf-8", "surrogateescape"))
        path = url.path if self.target is None else self.target
        if not added:
            return path
        before, mark, query = path.partition("?")
        return f"{before}?{'&'.join([*([query] if mark and query else []), *added])}"

    def _headers(self, content_type: str) -> tuple[Headers, str]:
        """Every header, and the host where one of them says so."""
        usual = {
            "authorization": self.authorization,
            "user-agent": self.agent,
            "accept": "application/json" if self.body.is_json else "*/*",
            "referer": self.referer,
            "cookie": ";".join(self.cookies),
            "range": f"bytes={self.ranges}" if self.ranges else "",
            "accept-encoding": "deflate, gzip, br, zstd" if self.compressed else "",
            "content-type": content_type,
        }
        given: list[tuple[str, str]] = []
        host = ""
        for line in self.headers:
            name, value, is_removal = _header(line)
            if name == "host":
                host = value
            elif is_removal:
                usual.pop(name, None)
            elif name.startswith(":"):
                self.notes.append(
                    f"The pseudo header {name} was left out: it is not curl's to set."
                )
            else:
                usual.pop(name, None)
                given.append((name, value))
        return (*((name, value) for name, value in usual.items() if value), *given), host


def _header(line: str) -> tuple[str, str, bool]:
    """Name, value, and whether it says that there shall be none."""
    pseudo = ":" if line.startswith(":") else ""
    name, colon, value = line[len(pseudo) :].partition(":")
    if colon:
        return pseudo + name.strip().lower(), value.strip(), not value.strip()
    # "Name;" is a header with nothing in it.
    name, semicolon, rest = line.partition(";")
    if semicolon and not rest.strip():
        return name.strip().lower(), "", False
    raise InvalidInputError(f'"{line[:60]}" is no header', hint='write -H "Name: value"')


def _value(written: str, attached: str | None, remaining: Iterator[str]) -> str:
    """The value of an option: the rest of its word, or the next one."""
    if attached:
        return attached
    try:
        return next(remaining)
    except StopIteration:
        raise InvalidInputError(
            f"{written} has no value behind it", hint="paste the whole command"
        ) from None


def _flag(name: str) -> Callable[[_Reading, str], None]:
    return lambda reading, _: setattr(reading, name, True)


def _text(name: str) -> Callable[[_Reading, str], None]:
    return lambda reading, value: setattr(reading, name, value)


def _data(name: str) -> Callable[[_Reading, str], None]:
    return lambda reading, value: reading.body.add(name, value)


def _protocol(name: str) -> Callable[[_Reading, str], None]:
    return lambda reading, _: setattr(reading, "protocol", _PROTOCOLS[name])


def _nothing(_reading: _Reading, _value: str) -> None:
    """It changes nothing that a rule sees."""


def _upload(reading: _Reading, _value: str) -> None:
    reading.is_upload = True
    reading.notes.append("-T: no file is read here, the body is empty.")


def _referer(reading: _Reading, value: str) -> None:
    reading.referer = value.removesuffix(";auto")


def _header_line(reading: _Reading, value: str) -> None:
    if value.startswith("@"):
        reading.notes.append("-H @…: no file is read here, its headers are missing.")
    else:
        reading.headers.append(value)


#: What the options with Effect.REQUEST do.
_APPLY: Final[dict[str, Callable[[_Reading, str], None]]] = {
    "request": _text("method"),
    "header": _header_line,
    **{
        name: _data(name)
        for name in (
            "data",
            "data-ascii",
            "data-raw",
            "data-binary",
            "data-urlencode",
            "json",
            "form",
            "form-string",
        )
    },
    "get": _flag("is_get"),
    "head": _flag("is_head"),
    "upload-file": _upload,
    "user-agent": _text("agent"),
    "referer": _referer,
    "cookie": _Reading.take_cookie,
    "user": _Reading.take_user,
    "oauth2-bearer": lambda reading, value: setattr(reading, "authorization", f"Bearer {value}"),
    "compressed": _flag("compressed"),
    "range": _text("ranges"),
    "url": _Reading._take_url,
    "url-query": _Reading.take_url_query,
    "request-target": _text("target"),
    "path-as-is": _flag("as_is"),
    **{name: _protocol(name) for name in _PROTOCOLS},
    "proto-default": _text("proto_default"),
    "haproxy-clientip": _text("client"),
    "tr-encoding": _nothing,
    "basic": _nothing,
    "globoff": _flag("literal"),
}
