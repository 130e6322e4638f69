# SPDX-License-Identifier: Apache-2.0
"""What a field's value is computed from: one reading of one request, and who its client is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from authz.rules import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.client import Client
    from authz.policy.facts import RequestFacts
    from authz.policy.geo import GeoLookup

T = TypeVar("T")

#: Gives the random bytes of one check; called once at most, and only if a rule reads them.
Seed: TypeAlias = "Callable[[], bytes]"


class RequestValues(dict[str, Value]):
    """The ingredients of field values, and the values that were computed so far.

    Made from the values that the client brings along (`Client.values`); the attributes are set by
    whoever makes it. No `__init__`: one of these is made for every check.

    Attributes:
        facts: the request.
        client: who sent it.
        site: the name of the site that answers.
        path: the reading of the path (policy.paths), without the query.
        at: Unix seconds.
        geo: None when no GeoIP database is configured.
        seed: where random bytes come from, called when a rule first reads them.
    """

    __slots__ = ("_shared", "at", "client", "facts", "geo", "path", "seed", "site")

    facts: RequestFacts
    client: Client
    site: str
    path: bytes
    at: float
    geo: GeoLookup | None
    seed: Seed
    _shared: dict[Callable[[Any], Any], Any]

    def once(self, compute: Callable[[RequestValues], T]) -> T:
        """What `compute` makes of the request, computed at its first use. Not of the path."""
        shared = self.shared
        if compute not in shared:
            shared[compute] = compute(self)
        found: T = shared[compute]
        return found

    @property
    def shared(self) -> dict[Callable[[Any], Any], Any]:
        """What was taken apart once for several fields; the readings of one request share it."""
        try:
            return self._shared
        except AttributeError:
            # Most rules need none.
            self._shared = {}
            return self._shared

    def header(self, name: bytes, separator: bytes = b", ") -> bytes:
        """All lines of one header, joined; `b""` when there is none."""
        return separator.join(self.header_lines(name))

    def header_lines(self, name: bytes) -> list[bytes]:
        """The lines of one header, in order."""
        return [value for key, value in self.facts.headers if key == name]

    @property
    def query(self) -> bytes:
        """The query of the request, without `?`; `b""` when there is none."""
        return self.facts.path.partition(b"?")[2]
