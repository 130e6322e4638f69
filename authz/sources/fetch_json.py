# SPDX-License-Identifier: Apache-2.0
"""JSON of a server that the operator named, and forms posted to it: OpenID Connect providers.

Bounded and judged as `fetch` does it. Whatever the status of an answer to a form is, it is the
caller's to judge: a token endpoint says with 400 why it refuses (RFC 6749 §5.2). Redirects are not
followed, and nothing crosses a network in clear text.
"""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any, Final, NoReturn

from authz.errors import FetchError, SettingsError
from authz.settings.dashboard import is_loopback
from authz.sources.fetch import Fetcher
from authz.sources.fetch_connection import Deadline, look_up
from authz.sources.fetch_hosts import AllowedHosts, NamedBy
from authz.sources.fetch_url import FetchUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

#: One answer: a discovery document has some kilobytes, a set of keys a few more.
MAX_JSON_BYTES: Final = 256 * 1024
#: One question, from the look-up of its host to the last byte.
JSON_SECONDS: Final = 8.0

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class JsonFetcher(Fetcher):
    """Asks a provider, and whoever else it names that may be asked; keeps nothing.

    Args:
        allowed: hosts and networks that may be asked besides the public ones.
        authorities: a PEM file, of the servers' certificates; None for the system's.
        where: the setting that names it.

    Raises:
        SettingsError: an entry of `allowed` is none, or the file cannot be used.
    """

    size_hint = "is it the address of the provider?"
    time_hint = "is there a network, and does the provider answer others?"
    trust_hint = "name the file of its authority, or add it to the system's"

    def __init__(
        self,
        *,
        allowed: Iterable[str] = (),
        authorities: Path | None = None,
        where: str | None = None,
        seconds: float = JSON_SECONDS,
        resolve: Callable[[str, int], Sequence[str]] = look_up,
    ) -> None:
        super().__init__(
            allowed=AllowedHosts.parse(allowed),
            max_bytes=MAX_JSON_BYTES,
            timeout_seconds=seconds,
            tls=None if authorities is None else _trusting(authorities, where),
            resolve=resolve,
        )

    def json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """What a URL has; the status of the answer must be 200.

        Raises:
            FetchError: it cannot be had, or is no JSON; `where` is the URL.
        """
        status, value = self._asked("GET", url, headers or {}, None)
        if status != 200:
            raise FetchError(
                f"the server answered with status {status}",
                where=url,
                hint="curl -i shows what is there",
            )
        return value

    def posted(self, url: str, form: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Status and JSON of the answer to a form (application/x-www-form-urlencoded).

        Raises:
            FetchError: there is none; `where` is the URL.
        """
        return self._asked("POST", url, {**_FORM, **headers}, form.encode())

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Any]:
        place = parse_url(url)
        if place.scheme != "https" and not is_loopback(place.host):
            raise FetchError(
                "would be asked in clear text", where=place.text, hint="its address must be https"
            )
        accept = {"Accept": "application/json", **headers}
        deadline = Deadline(self._timeout)
        with self._exchange(method, place, NamedBy.OPERATOR, deadline, accept, body) as response:
            if 300 <= response.status < 400:
                raise FetchError(
                    "redirects a question", where=place.text, hint="name the URL that it leads to"
                )
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                # A few kilobytes can unpack to gigabytes, and nothing was to be packed.
                raise _no_json(place)
            return response.status, _parsed(place, self._body(place, response, MAX_JSON_BYTES))


def _trusting(authorities: Path, where: str | None) -> ssl.SSLContext:
    try:
        # The system's authorities are not asked when there are some of the operator's.
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise SettingsError(
            f'"{authorities}" cannot be used: {(error.strerror or str(error)).lower()}',
            where=where,
            hint="name a PEM file with the provider's authority",
        ) from None


def _parsed(place: FetchUrl, body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise _no_json(place) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _no_json(place: FetchUrl) -> FetchError:
    return FetchError(
        "the answer is no JSON",
        where=place.text,
        hint="is it the address of the provider, and is there a proxy in between?",
    )
