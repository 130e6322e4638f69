# SPDX-License-Identifier: Apache-2.0
"""How much an import takes of an API: of each kind of call so many answers, objects and bytes, all
pages together. Whoever answers without end is left before memory is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from authz.errors import FetchError

_MIB: Final = 1024 * 1024

#: Objects and arrays that one answer can have, before anybody makes them.
MAX_PARTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How much may come of one kind of call.

    Args:
        what: for people.
        path: of the calls.
        objects: entries of lists, and what is asked for one by one.
    """

    what: str
    path: re.Pattern[str]
    answers: int = 100_000
    objects: int
    size: int


#: The first that fits a path. An item has some 200 bytes, a certificate some 4,000.
BOUNDS: Final = (
    Bound(what="zones", path=re.compile(r"/zones$"), objects=10_000, size=64 * _MIB),
    Bound(
        what="items of lists",
        path=re.compile(r"/accounts/[^/]+/rules/lists"),
        objects=1_000_000,
        size=256 * _MIB,
    ),
    Bound(
        what="client certificates",
        path=re.compile(r"/zones/[^/]+/client_certificates$"),
        objects=100_000,
        size=512 * _MIB,
    ),
    Bound(
        what="rulesets",
        path=re.compile(r"/(zones|accounts)/[^/]+/rulesets"),
        objects=100_000,
        size=128 * _MIB,
    ),
    Bound(what="authorities and hostnames", path=re.compile(r"/"), objects=100_000, size=64 * _MIB),
)


class Taken:
    """What came so far, by kind of call."""

    def __init__(self) -> None:
        self._answers: Counter[str] = Counter()
        self._objects: Counter[str] = Counter()
        self._size: Counter[str] = Counter()

    def answer(self, path: str, body: bytes, call: str) -> None:
        """An answer to a call came; it is not parsed yet.

        Raises:
            FetchError: it is more than there can be.
        """
        bound = _bound_of(path)
        self._answers[bound.what] += 1
        self._size[bound.what] += len(body)
        if self._answers[bound.what] > bound.answers:
            raise _too_much(f"{bound.answers} answers about {bound.what}", call)
        if self._size[bound.what] > bound.size:
            raise _too_much(f"{bound.size // _MIB} MiB of {bound.what}", call)
        if body.count(b"{") + body.count(b"[") > MAX_PARTS:
            raise _too_much(f"{MAX_PARTS} objects in one answer", call)

    def objects(self, path: str, count: int, call: str) -> None:
        """An answer had so many objects; raises what `answer` does."""
        bound = _bound_of(path)
        self._objects[bound.what] += count
        if self._objects[bound.what] > bound.objects:
            raise _too_much(f"{bound.objects} {bound.what}", call)


def _bound_of(path: str) -> Bound:
    return next(one for one in BOUNDS if one.path.match(path))


def _too_much(what: str, call: str) -> FetchError:
    return FetchError(
        f"sends more than {what}",
        where=call,
        hint="read fewer zones at a time (--zone); is --api the address of Cloudflare's API?",
    )
