# SPDX-License-Identifier: Apache-2.0
"""The latest answers to changes, each for a while, and until something else happens to the same.

An answer is good for a retry while it says how things are. What another change makes of it:

    PUT, PATCH    forgotten with any change of the same object, above or below it: done again
    PATCH of a certificate: the retry is refused then (412). It may restore what somebody revoked
                  since, or be one that never arrived: nobody can tell
    DELETE        what is gone stays gone; forgotten where the object is changed, so is there
    POST          forgotten where what it made is changed or deleted, not with others beside it:
                  or a retry would make a second one

The rulesets of a zone or of the account are one object: an entry point has two addresses.
Changes by other processes and by commands are not seen here: what takes trust away, and comes to
the same when done twice, is never remembered (`is_done_again`).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.api.problems import answer_to
from authz.errors import PreconditionError

if TYPE_CHECKING:
    from starlette.types import Send

    from authz.services.permissions import Grant

#: The SDK repeats at most twice, each time after at most 60 s without an answer and 60 s of waiting
#: (`Retry-After`): the last retry comes four minutes after the first attempt.
KEEP_SECONDS: Final = 300.0
#: Bodies that are remembered, in all, and how many: what is over goes first come, first go.
MAX_BYTES: Final = 32 * 1024 * 1024
MAX_ANSWERS: Final = 20_000

_CERTIFICATE: Final = re.compile(r"/client_certificates/[^/]+")
_ASSOCIATIONS: Final = "/certificate_authorities/hostname_associations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a change was answered with.

    Args:
        method, path: of the change.
        grants: what the token was allowed then; None: nobody knows.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = field(repr=False)
    method: str = ""
    path: str = ""
    grants: frozenset[Grant] | None = None

    async def send(self, send: Send) -> None:
        """Say it again, and that it is said again."""
        headers = [*self.headers, (b"idempotent-replayed", b"true")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Answers:
    """The latest answers, each for a while.

    Args:
        seconds, most, most_bytes: how long, how many, and how many bytes of bodies in all.
    """

    def __init__(
        self,
        *,
        seconds: float = KEEP_SECONDS,
        most: int = MAX_ANSWERS,
        most_bytes: int = MAX_BYTES,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._bytes = 0

    def keep(self, key: str, answer: Answer, at: float) -> None:
        """Remember an answer, if need be instead of the oldest ones."""
        self.forget(key)
        if len(answer.body) > self._most_bytes:
            return
        self._kept[key] = (at, answer)
        self._bytes += len(answer.body)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self.forget(next(iter(self._kept)))

    def find(self, key: str, at: float) -> Answer | None:
        """The answer that is remembered, None when there is none any more."""
        while self._kept:
            oldest = next(iter(self._kept))
            if at - self._kept[oldest][0] <= self._seconds:
                break
            self.forget(oldest)
        found = self._kept.get(key)
        return None if found is None else found[1]

    def forget(self, key: str) -> None:
        """Remember an answer no more."""
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1].body)

    def changed(self, key: str, method: str, path: str) -> None:
        """A change was done: of the answers to others, those that it makes untrue are forgotten."""
        untrue = [
            (other, at, answer)
            for other, (at, answer) in self._kept.items()
            if other != key and _is_untrue_after(answer, method, path)
        ]
        for other, at, answer in untrue:
            self.forget(other)
            if answer.method == "PATCH" and _CERTIFICATE.search(answer.path):
                refusal = _changed_since(answer)
                # At its place: what is there longest goes first.
                self._kept[other] = (at, refusal)
                self._kept.move_to_end(other, last=False)
                self._bytes += len(refusal.body)


def is_done_again(method: str, path: str) -> bool:
    """Whether a change is done again rather than answered as before, whoever did what meanwhile."""
    return (method == "DELETE" and _CERTIFICATE.search(path) is not None) or (
        method == "PUT" and path.endswith(_ASSOCIATIONS)
    )


def _is_untrue_after(answer: Answer, method: str, path: str) -> bool:
    mine = answer.path
    if _area_of(mine) != _area_of(path):
        return False
    below = path.startswith(f"{mine}/")
    if answer.method == "POST":
        if method == "POST":
            return False
        if below:
            return path[len(mine) + 1 :].partition("/")[0].encode() in answer.body
        return path == mine or _is_of_rulesets(path)
    if answer.method == "DELETE":
        return path == mine and method in ("PUT", "PATCH")
    return path == mine or below or mine.startswith(f"{path}/") or _is_of_rulesets(path)


def _area_of(path: str) -> list[str]:
    """Where two changes may be about the same: `/client/v4/zones/ID/rulesets`."""
    parts = path.split("/")
    return parts[: 5 if parts[3:4] == ["user"] else 6]


def _is_of_rulesets(path: str) -> bool:
    return _area_of(path)[-1] == "rulesets"


def _changed_since(answer: Answer) -> Answer:
    response = answer_to(
        PreconditionError(
            "the certificate was changed by another call since the first attempt",
            hint="read it, and ask anew for what it should be",
        )
    )
    return Answer(
        status=response.status_code,
        headers=list(response.raw_headers),
        body=bytes(response.body),
        method=answer.method,
        path=answer.path,
        grants=answer.grants,
    )
