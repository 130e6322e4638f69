# SPDX-License-Identifier: Apache-2.0
"""CRLs, CA certificates and OCSP over HTTP, for whoever has to verify what the embedded CA issued.

    GET, HEAD /crl/ID.crl  /crl/ID-delta.crl  /ca/ID.crt      RFC 5280 §4.2.1.13, RFC 2585
    POST      /ocsp                                           RFC 6960 appendix A.1
    GET, HEAD /ocsp/BASE64                                    RFC 6960 appendix A.1, RFC 5019 §5, §6

Plain HTTP on a port of its own: everything is signed, and https would need what it serves first
(RFC 5280 §8). Nothing else is there, no list of what is there, and nothing secret. What is served
is made in `ca_publisher` and held in `documents`.
"""

from __future__ import annotations

import base64
import binascii
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from authz.node.bounded_http import BoundedServer, Limits, Reply, Request, listen
from authz.node.control.documents import etag_of
from authz.services.publication_urls import ocsp_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.node.control.ca_publisher import CaPublisher
    from authz.settings import ListenAddress

#: Requests come from other networks, answers may have megabytes and go to slow ones. Whoever reads
#: too slowly makes room when all connections are taken.
LIMITS: Final = Limits(
    connections=128, request_seconds=5.0, connection_seconds=120.0, safe_seconds=5.0
)

#: How long caches may keep a CRL that is replaced when something is revoked.
MAX_AGE: Final = 300

_OCSP_TYPE: Final = "application/ocsp-response"
_OCSP: Final = ocsp_url("")
_NO_STORE: Final = (("Cache-Control", "no-store"),)
_RETRY: Final = (*_NO_STORE, ("Retry-After", "5"))


class PublicationServer(BoundedServer):
    """Serves what `publisher` has from a daemon thread until `stop`.

    Args:
        listen_at: a TCP address; port 0 lets the system choose.
        url: under which address others know it (`publication.url`); its path may precede.

    Raises:
        TransportError: the address is taken, not ours, or not allowed.
    """

    def __init__(
        self,
        listen_at: ListenAddress,
        publisher: CaPublisher,
        *,
        url: str | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._publisher = publisher
        self._prefix = "" if url is None else urlsplit(url).path.rstrip("/")
        self._clock = clock
        super().__init__(
            listen(
                listen_at.host,
                listen_at.port,
                purpose="CRLs and OCSP",
                hint="choose another address with publication.listen",
            ),
            self._answer,
            name="publication",
            methods=("GET", "HEAD", "POST"),
            limits=limits,
        )

    def _answer(self, request: Request) -> Reply:
        path = request.target.partition("?")[0]
        if self._prefix and path.startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix)
        if path == _OCSP:
            if request.method != "POST":
                return _not_allowed("POST")
            return self._ocsp(request, request.body, keep=False)
        if request.method == "POST":
            return _not_allowed("GET, HEAD") if self._is_there(path) else _not_found()
        if path.startswith(f"{_OCSP}/"):
            asked = _decoded(path.removeprefix(f"{_OCSP}/"))
            return _not_found() if asked is None else self._ocsp(request, asked, keep=True)
        return self._document(request, path)

    def _is_there(self, path: str) -> bool:
        return path in (self._publisher.documents.by_path or {}) or path.startswith(f"{_OCSP}/")

    def _document(self, request: Request, path: str) -> Reply:
        documents = self._publisher.documents.by_path
        if documents is None:
            return _unavailable("nothing was read from the store yet")
        found = documents.get(path)
        if found is None:
            return _not_found()
        at = self._clock()
        if found.replaced and at >= found.until:
            return _unavailable("what there is is not in force any more")
        age = int(max(0.0, found.until - at))
        return _cacheable(
            request,
            found.body,
            found.content_type,
            found.etag,
            since=found.since,
            at=at,
            age=min(age, MAX_AGE) if found.replaced else age,
        )

    def _ocsp(self, request: Request, asked: bytes, *, keep: bool) -> Reply:
        reply = self._publisher.ocsp(asked, keep=keep)
        at = self._clock()
        if reply.next_update is None or not keep:
            # RFC 5019 §6: what says nothing of a certificate is not kept, and caches keep no POST.
            return Reply(status=200, body=reply.body, content_type=_OCSP_TYPE, headers=_NO_STORE)
        return _cacheable(
            request,
            reply.body,
            _OCSP_TYPE,
            etag_of(reply.body),
            since=reply.this_update,
            at=at,
            age=int(max(0.0, reply.next_update - at)),
        )


def _cacheable(
    request: Request,
    body: bytes,
    content_type: str,
    etag: str,
    *,
    since: float,
    at: float,
    age: int,
) -> Reply:
    """An answer that caches may keep for `age` seconds, or that what the client has is it."""
    headers = (
        ("Cache-Control", f"max-age={age}, public, no-transform, must-revalidate"),
        ("ETag", etag),
        ("Last-Modified", formatdate(since, usegmt=True)),
        ("Expires", formatdate(at + age, usegmt=True)),
    )
    if _matches(request.headers.get("If-None-Match", ""), etag):
        return Reply(status=304, headers=headers)
    return Reply(status=200, body=body, content_type=content_type, headers=headers)


def _matches(condition: str, etag: str) -> bool:
    """Whether If-None-Match names this tag, or any (RFC 9110 §13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in condition.split(",")]
    return etag in named or named == ["*"]


def _decoded(text: str) -> bytes | None:
    """The request in a path: base64, which may be URL-encoded; not everybody does that."""
    try:
        return base64.b64decode(unquote_to_bytes(text), validate=True)
    except (binascii.Error, ValueError):
        return None


def _not_allowed(allowed: str) -> Reply:
    return Reply(status=405, body=f"{allowed}\n".encode(), headers=(*_NO_STORE, ("Allow", allowed)))


def _not_found() -> Reply:
    return Reply(status=404, body=b"there is no such thing\n", headers=_NO_STORE)


def _unavailable(why: str) -> Reply:
    return Reply(status=503, body=f"{why}\n".encode(), headers=_RETRY)
