# SPDX-License-Identifier: Apache-2.0
"""A fetcher without a network, and a sink without files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.errors import FetchError
from authz.sources.fetch import Fetched, Fetcher, NotModified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.certs.authority import OcspStatus
    from authz.sources.fetch_targets import AuthorityId
    from authz.sources.fetched import Stored


class StubFetcher(Fetcher):
    """Answers with what `answers` has for a URL: bytes, an answer, or a function of the question.

    Attributes:
        asked: the URL and the options of every question.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, **options: Any) -> Fetched | NotModified:
        answer = self._answer(url, options)
        return Fetched(body=answer) if isinstance(answer, bytes) else answer

    def post(self, url: str, body: bytes, *_: Any, **options: Any) -> Fetched:
        return Fetched(body=self._answer(url, {**options, "body": body}))

    def _answer(self, url: str, options: dict[str, Any]) -> Any:
        self.asked.append((url, options))
        answer = self.answers.get(url)
        if answer is None:
            raise FetchError("cannot be reached", where=url, hint="is it there?")
        return answer(options) if callable(answer) else answer


class MemorySink:
    """Keeps everything; `full` makes writing fail."""

    def __init__(self) -> None:
        self.crls: dict[str, Stored] = {}
        self.answers: dict[AuthorityId, tuple[OcspStatus, ...]] = {}
        self.full = False
        self.writes = 0

    def stored(self, url: str) -> Stored | None:
        return self.crls.get(url)

    def store(self, stored: Stored) -> None:
        self._write(lambda: self.crls.update({stored.header.url: stored}))

    def statuses(self, authority: AuthorityId) -> tuple[OcspStatus, ...]:
        return self.answers.get(authority, ())

    def store_statuses(self, authority: AuthorityId, statuses: Iterable[OcspStatus]) -> None:
        self._write(lambda: self.answers.update({authority: tuple(statuses)}))

    def _write(self, change: Callable[[], None]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.writes += 1
        change()
