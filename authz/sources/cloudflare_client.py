# SPDX-License-Identifier: Apache-2.0
"""Calls of Cloudflare's API, for reading only: what came, or an error that says what to do.

    client = CloudflareClient("https://api.cloudflare.com/client/v4", token)
    for zone in client.pages("/zones"): …

The address is the operator's own, so that every host is asked, private ones as well; TLS is
verified. A call is repeated when it was one too many (429) or failed at the other side (5xx). What
is read, and what it means, is in cloudflare_reader. RFC 9110 §10.2.3 (Retry-After).
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError

from authz import __version__
from authz.errors import FetchError
from authz.sources.cloudflare_bounds import Taken
from authz.sources.fetch_connection import (
    Deadline,
    PinnedConnection,
    as_literal,
    look_up,
    prepared,
    tls_context,
)
from authz.sources.fetch_url import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from authz.sources.fetch_url import FetchUrl

#: One answer: a page of a list has at most some hundred kilobytes.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
MAX_PAGES: Final = 10_000
CALL_SECONDS: Final = 60.0
#: Everything together.
TOTAL_SECONDS: Final = 1800.0
ATTEMPTS: Final = 5
#: Whoever asks for more patience than that is asked again by a person.
MAX_WAIT_SECONDS: Final = 120.0
_PAGE: Final = 50
_PIECE: Final = 64 * 1024

#: What a token needs for a call, as Cloudflare names it.
_PERMISSIONS: Final = {
    re.compile(r"/zones/[^/]+/rulesets"): "Zone / WAF / Read",
    re.compile(r"/zones/[^/]+/"): "Zone / SSL and Certificates / Read",
    re.compile(r"/zones"): "Zone / Zone / Read",
    re.compile(r"/accounts/[^/]+/rulesets"): "Account / Account WAF / Read",
    re.compile(r"/accounts/[^/]+/rules/lists"): "Account / Account Filter Lists / Read",
    re.compile(r"/accounts/"): "Account / SSL and Certificates / Read",
}


class CloudflareClient:
    """Reads from one API with one token; keeps the time that is left, and counts what came.

    Args:
        base: the address that the paths of calls follow.
        tls: how the server is verified; by the system's authorities unless given.
        resolve: the addresses of a host and port.
        wait: waits so many seconds.

    Raises:
        FetchError: the base is no address, or the token would cross a network in clear text.
    """

    def __init__(
        self,
        base: str,
        token: str,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Callable[[str, int], Sequence[str]] = look_up,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            place = parse_url(base)
        except FetchError as error:
            error.hint = 'write "https://api.cloudflare.com/client/v4", or your own address of it'
            raise
        if place.scheme == "http" and not _is_here(place.host):
            raise FetchError(
                "the token would cross the network in clear text",
                where=place.text,
                hint="use https",
            )
        self.base = base.rstrip("/")
        self._token = token
        self._tls = None if tls is None else prepared(tls)
        self._resolve = resolve
        self._wait = wait
        self._deadline = Deadline(TOTAL_SECONDS)
        self._taken = Taken()

    def get(self, path: str, **query: str | int) -> Any:
        """The `result` of a call.

        Raises:
            FetchError: there is none; `where` is the call.
        """
        return self._envelope(path, query).get("result")

    def single(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """A list that comes in one piece; raises what `get` does."""
        return self._listed(path, query)

    def pages(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """A list by its page numbers, until a page is empty; raises what `get` does."""
        first: object = None
        for page in range(1, MAX_PAGES + 1):
            asked = {"page": page, "per_page": _PAGE, **query}
            found = self._listed(path, asked)
            if not found:
                return
            if page > 1 and found[0].get("id") == first:
                raise _endless(_call(path, asked))
            first = found[0].get("id")
            yield from found
        raise _endless(_call(path, query))

    def cursors(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """A list by its cursors, until there is no further one; raises what `get` does."""
        seen: set[str] = set()
        cursor = ""
        while True:
            asked = {**query, **({"cursor": cursor} if cursor else {})}
            envelope = self._envelope(path, asked)
            yield from self._counted(envelope, path, asked)
            cursor = _cursor(envelope)
            if not cursor:
                return
            if cursor in seen or len(seen) >= MAX_PAGES:
                raise _endless(_call(path, asked))
            seen.add(cursor)

    def _listed(self, path: str, query: Mapping[str, str | int]) -> list[dict[str, Any]]:
        return self._counted(self._envelope(path, query), path, query)

    def _counted(
        self, envelope: Mapping[str, Any], path: str, query: Mapping[str, str | int]
    ) -> list[dict[str, Any]]:
        """The objects of a list, counted."""
        call = _call(path, query)
        found = _objects(envelope, call)
        self._taken.objects(path, len(found), call)
        return found

    def _envelope(self, path: str, query: Mapping[str, str | int]) -> dict[str, Any]:
        call = _call(path, query)
        place = parse_url(f"{self.base}{path}" + (f"?{urlencode(query)}" if query else ""))
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                status, headers, body = self._ask(place)
            except ssl.SSLCertVerificationError as error:
                raise FetchError(
                    f"the server's certificate is not good: {error.verify_message}",
                    where=call,
                    hint="add its authority to the system's",
                ) from error
            except (OSError, HTTPError, http.client.HTTPException) as error:
                if last or self._is_over():
                    raise _unreachable(place, call, error) from error
                self._wait(_backoff(attempt))
                continue
            retried = status == 429 or status >= 500
            if retried and not last:
                self._wait(self._patience(headers, attempt, call))
                continue
            self._taken.answer(path, body, call)
            return _checked(status, body, call, path)
        raise AssertionError("the last attempt returns or raises")

    def _patience(self, headers: Mapping[str, str], attempt: int, call: str) -> float:
        """How long to wait before the next attempt."""
        asked = _retry_after(headers.get("retry-after", ""))
        if asked is not None and asked > MAX_WAIT_SECONDS:
            raise FetchError(
                f"asks to come back in {asked:.0f} seconds", where=call, hint="try again later"
            )
        seconds = _backoff(attempt) if asked is None else asked
        try:
            left = self._deadline.left()
        except TimeoutError:
            left = 0.0
        if seconds >= left:
            raise _too_long(call)
        return seconds

    def _is_over(self) -> bool:
        try:
            self._deadline.left()
        except TimeoutError:
            return True
        return False

    def _ask(self, place: FetchUrl) -> tuple[int, Mapping[str, str], bytes]:
        deadline = Deadline(min(CALL_SECONDS, self._deadline.left()))
        addresses = as_literal(place.host) or self._resolve(place.host, place.port)
        context = None
        if place.scheme == "https":
            self._tls = self._tls or tls_context()
            context = self._tls
        connection = PinnedConnection(place, addresses, deadline, context)
        with closing(connection):
            connection.request(
                "GET",
                place.target,
                headers={
                    "Host": place.authority,
                    "Authorization": f"Bearer {self._token}",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": f"authz/{__version__}",
                    "Connection": "close",
                },
                preload_content=False,
                decode_content=False,
            )
            with closing(connection.getresponse()) as response:
                body = bytearray()
                for piece in response.stream(_PIECE, decode_content=False):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise FetchError(
                            f"has more than {MAX_ANSWER_BYTES} bytes",
                            where=place.text,
                            hint="is it the address of the API?",
                        )
                headers = {name.lower(): value for name, value in response.headers.items()}
                return response.status, headers, bytes(body)


def _checked(status: int, body: bytes, call: str, path: str) -> dict[str, Any]:
    """The envelope of a good answer."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    fine = isinstance(envelope, dict)
    errors = envelope.get("errors") if isinstance(envelope, dict) else None
    if not 200 <= status < 300:
        raise FetchError(
            f"answered with status {status}{_told(errors)}", where=call, hint=_hint(status, path)
        )
    if not fine or not isinstance(envelope, dict) or envelope.get("success") is False:
        what = f"did not succeed{_told(errors)}" if fine else "is no answer of Cloudflare's API"
        raise FetchError(what, where=call, hint="does --api end in /client/v4?")
    return envelope


def _told(errors: object) -> str:
    """Cloudflare's own words: `: 10000 Authentication error`."""
    found = [
        f"{one.get('code', '')} {one.get('message', '')}".strip()
        for one in (errors if isinstance(errors, list) else [])[:3]
        if isinstance(one, dict)
    ]
    text = "; ".join(found)[:500]
    return f": {text}" if text else ""


def _hint(status: int, path: str) -> str:
    if status in (401, 403):
        needed = next(
            (name for pattern, name in _PERMISSIONS.items() if pattern.match(path)), "Read"
        )
        return f"is the token right, and has it the permission {needed}?"
    if status == 404:
        return "is --api right, and does the token see this zone or account?"
    if 300 <= status < 400:
        return "redirects are not followed: name the address that it leads to"
    return "Cloudflare's status page says whether the API has trouble"


def _objects(envelope: Mapping[str, Any], call: str) -> list[dict[str, Any]]:
    found = envelope.get("result")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FetchError("the result is no list", where=call, hint="is --api right?")
    return found


def _cursor(envelope: Mapping[str, Any]) -> str:
    info = envelope.get("result_info")
    if not isinstance(info, dict):
        return ""
    cursors = info.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else info.get("cursor")
    return after if isinstance(after, str) else ""


def _call(path: str, query: Mapping[str, str | int]) -> str:
    return f"GET {path}" + (f"?{urlencode(query)}" if query else "")


def _backoff(attempt: int) -> float:
    return float(min(0.5 * 2**attempt, 8.0))


def _retry_after(text: str) -> float | None:
    """Seconds: as a number, or until a date. RFC 9110 §10.2.3."""
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _endless(call: str) -> FetchError:
    return FetchError(
        "answers with the same page again and again",
        where=call,
        hint="is --api the address of Cloudflare's API?",
    )


def _too_long(call: str) -> FetchError:
    return FetchError(
        f"reading took longer than {TOTAL_SECONDS:g} s",
        where=call,
        hint="read fewer zones at a time: --zone",
    )


def _unreachable(place: FetchUrl, call: str, error: Exception) -> FetchError:
    timed_out = isinstance(error, TimeoutError) or "timed out" in str(error).lower()
    reason = "took too long" if timed_out else f"cannot be reached: {str(error)[:200].lower()}"
    return FetchError(f"{place.host} {reason}", where=call, hint="does the API run there (--api)?")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in {"localhost", "ip6-localhost"}
