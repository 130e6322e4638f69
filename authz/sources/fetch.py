# SPDX-License-Identifier: Apache-2.0
"""Fetching a CRL, or asking an OCSP responder, over HTTP: bounded in time, bytes and reach.

    fetcher = Fetcher(allowed=AllowedHosts.parse(settings.fetch.allowed_hosts))
    answer = fetcher.get("http://crl.example.com/ca.crl", named_by=NamedBy.OPERATOR)

A host is looked up once, all its addresses are judged, and the connection goes to one of those: a
name that changes in between (DNS rebinding) changes nothing. Redirects are judged anew. No proxies,
cookies or credentials, whatever the environment says. What comes back is bytes that somebody sent;
whether they are a CRL is for certs. RFC 9110.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from urllib3.exceptions import HTTPError

from authz import __version__
from authz.errors import FetchError
from authz.sources.fetch_connection import (
    Deadline,
    PinnedConnection,
    as_literal,
    look_up,
    prepared,
    tls_context,
)
from authz.sources.fetch_hosts import AllowedHosts, NamedBy
from authz.sources.fetch_url import FetchUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from urllib3.response import HTTPResponse

MAX_REDIRECTS: Final = 3
#: RFC 6960 appendix A.1. An answer about one certificate has one or two kilobytes.
OCSP_REQUEST: Final = "application/ocsp-request"
OCSP_RESPONSE: Final = "application/ocsp-response"
MAX_ANSWER_BYTES: Final = 64 * 1024

_PIECE: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ALLOW_HINT: Final = "if it is meant, add it to fetch.allowed_hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What was sent, and the validators to ask with next time (RFC 9110 §8.8)."""

    body: bytes
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """What we have is what there is."""


class Fetcher:
    """Asks servers; keeps nothing between two questions.

    Args:
        allowed: hosts and networks that may be asked besides the public ones.
        max_bytes: the largest body that is read.
        timeout_seconds: how long one question may take, redirects and all.
        tls: how servers are verified; by the system's authorities unless given.
        resolve: the addresses of a host and port.
    """

    #: What to do about a body that is too large, a server that is too slow, one that is not known.
    size_hint = "fetch.max_bytes is the limit"
    time_hint = "fetch.timeout_seconds is the limit for everything together"
    trust_hint = "add its authority to the system's; CRLs may be fetched over http as well"

    def __init__(
        self,
        *,
        allowed: AllowedHosts = AllowedHosts(),  # noqa: B008 - immutable
        max_bytes: int = 64 * 1024 * 1024,
        timeout_seconds: float = 30.0,
        tls: ssl.SSLContext | None = None,
        resolve: Callable[[str, int], Sequence[str]] = look_up,
    ) -> None:
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._timeout = timeout_seconds
        self._tls = None if tls is None else prepared(tls)
        self._resolve = resolve

    def get(
        self, url: str, *, named_by: NamedBy, etag: str = "", last_modified: str = ""
    ) -> Fetched | NotModified:
        """Fetch what a URL names, unless it is what these validators stand for.

        Raises:
            FetchError: it cannot be had; `where` is the URL that failed.
        """
        conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        headers = {name: value for name, value in conditions.items() if value}
        deadline = Deadline(self._timeout)
        place = parse_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask("GET", place, named_by, deadline, headers, None)
            if not isinstance(answer, FetchUrl):
                return answer
            if place.scheme == "https" and answer.scheme == "http":
                raise FetchError(
                    f"is redirected from https to {answer.text}",
                    where=place.text,
                    hint="name the http URL itself if that is meant",
                )
            place = answer
        raise FetchError(
            f"redirects more than {MAX_REDIRECTS} times",
            where=url,
            hint="name the URL that it leads to",
        )

    def post(
        self,
        url: str,
        body: bytes,
        content_type: str = OCSP_REQUEST,
        *,
        named_by: NamedBy,
        answer_type: str = OCSP_RESPONSE,
    ) -> Fetched:
        """Ask a responder; redirects are not followed.

        Raises:
            FetchError: there is no answer of this type; `where` is the URL.
        """
        place = parse_url(url)
        answer = self._ask(
            "POST",
            place,
            named_by,
            Deadline(self._timeout),
            {"Content-Type": content_type, "Accept": answer_type},
            body,
            answer_type,
        )
        if isinstance(answer, Fetched):
            return answer
        raise FetchError("redirects a question", where=url, hint="name the URL that it leads to")

    def _ask(
        self,
        method: str,
        url: FetchUrl,
        named_by: NamedBy,
        deadline: Deadline,
        headers: Mapping[str, str],
        body: bytes | None,
        answer_type: str = "",
    ) -> Fetched | NotModified | FetchUrl:
        with self._exchange(method, url, named_by, deadline, headers, body) as response:
            return self._read(url, response, headers, answer_type)

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: FetchUrl,
        named_by: NamedBy,
        deadline: Deadline,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Iterator[HTTPResponse]:
        """One request and its answer, whose body is still to be read."""
        try:
            addresses = self._addresses(url, named_by, deadline)
            connection = PinnedConnection(url, addresses, deadline, self._context(url))
            with closing(connection):
                connection.request(
                    method,
                    url.target,
                    body=body,
                    headers={
                        "Host": url.authority,
                        "Accept-Encoding": "identity",
                        "User-Agent": f"authz/{__version__}",
                        "Connection": "close",
                        **headers,
                    },
                    preload_content=False,
                    decode_content=False,
                )
                with closing(connection.getresponse()) as response:
                    yield response
        except ssl.SSLCertVerificationError as error:
            raise FetchError(
                f"the server's certificate is not good: {error.verify_message}",
                where=url.text,
                hint=self.trust_hint,
            ) from error
        except (OSError, HTTPError, http.client.HTTPException) as error:
            raise _unreachable(url, error, self._timeout, self.time_hint) from error

    def _addresses(self, url: FetchUrl, named_by: NamedBy, deadline: Deadline) -> Sequence[str]:
        """Where to connect to, all of it judged."""
        listed = self._allowed.has_host(url.host)
        if named_by is NamedBy.CERTIFICATE and not listed:
            raise FetchError(
                f"only a certificate names {url.host}", where=url.text, hint=_ALLOW_HINT
            )
        addresses = as_literal(url.host) or self._looked_up(url, deadline)
        for text in addresses:
            address = ip_address(text.partition("%")[0])
            refusal = self._allowed.refusal(url.host, address)
            if refusal:
                raise FetchError(refusal, where=url.text, hint=_ALLOW_HINT)
            if not (url.is_usual_port or listed or self._allowed.has_address(address)):
                raise FetchError(
                    f"port {url.port} is neither 80 nor 443", where=url.text, hint=_ALLOW_HINT
                )
        return addresses

    def _looked_up(self, url: FetchUrl, deadline: Deadline) -> Sequence[str]:
        """The addresses of a name. The system's resolver takes no time limit: a thread waits."""
        found: list[Sequence[str]] = []
        failed: list[OSError] = []

        def look() -> None:
            try:
                found.append(self._resolve(url.host, url.port))
            except (OSError, UnicodeError) as error:
                failed.append(OSError(str(error)))

        thread = threading.Thread(target=look, name="resolve", daemon=True)
        thread.start()
        thread.join(deadline.left())
        if found and found[0]:
            return found[0]
        if not failed and not found:
            raise TimeoutError("timed out")
        raise FetchError(
            f"{url.host} has no address", where=url.text, hint="is the name right? does DNS work?"
        )

    def _context(self, url: FetchUrl) -> ssl.SSLContext | None:
        if url.scheme != "https":
            return None
        if self._tls is None:
            self._tls = tls_context()
        return self._tls

    def _read(
        self,
        url: FetchUrl,
        response: HTTPResponse,
        asked: Mapping[str, str],
        answer_type: str,
    ) -> Fetched | NotModified | FetchUrl:
        status = response.status
        if status in _REDIRECTS and "location" in response.headers:
            return url.joined(response.headers["location"])
        if status == 304 and ("If-None-Match" in asked or "If-Modified-Since" in asked):
            return NotModified()
        if status != 200:
            raise FetchError(
                f"the server answered with status {status}",
                where=url.text,
                hint="curl -i shows what is there",
            )
        _check_content(url, response, answer_type)
        return Fetched(
            body=self._body(url, response, MAX_ANSWER_BYTES if answer_type else self._max_bytes),
            etag=_validator(response.headers.get("etag")),
            last_modified=_validator(response.headers.get("last-modified")),
        )

    def _body(self, url: FetchUrl, response: HTTPResponse, most: int) -> bytes:
        too_large = FetchError(f"has more than {most} bytes", where=url.text, hint=self.size_hint)
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > most:
            raise too_large
        body = bytearray()
        # Whatever the length says: what counts is what comes.
        for piece in response.stream(_PIECE, decode_content=False):
            body += piece
            if len(body) > most:
                raise too_large
        return bytes(body)


def _check_content(url: FetchUrl, response: HTTPResponse, answer_type: str) -> None:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        # A few kilobytes can unpack to gigabytes, and nothing was to be packed.
        raise FetchError(
            f"the server packed the answer ({encoding[:40]!a}) though it was not asked to",
            where=url.text,
            hint="have the server send CRLs without Content-Encoding",
        )
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (answer_type and kind != answer_type) or kind in {"text/html", "application/xhtml+xml"}:
        wanted = answer_type or "a CRL"
        raise FetchError(
            f"the answer is {ascii(kind[:80]) if kind else 'of no type'}, not {wanted}",
            where=url.text,
            hint="is it the address of the file itself, and is there a proxy in between?",
        )


def _validator(value: str | None) -> str:
    """A validator that can be sent back as it is; others are forgotten."""
    text = (value or "").strip()
    return text if len(text) <= 512 and text.isascii() and text.isprintable() else ""


def _unreachable(url: FetchUrl, error: Exception, timeout: float, time_hint: str) -> FetchError:
    said = str(error).lower()
    if isinstance(error, TimeoutError) or "timed out" in said:
        return FetchError(
            f"took longer than {timeout:g} s",
            where=url.text,
            hint=time_hint,
        )
    if isinstance(error, OSError):
        reason = (error.strerror or str(error) or type(error).__name__).lower()
        return FetchError(
            f"cannot be reached: {reason}", where=url.text, hint="does the server run there?"
        )
    return FetchError(
        "the answer is no complete HTTP response",
        where=url.text,
        hint="curl -v shows what the server sends",
    )
