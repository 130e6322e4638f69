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

    `path` is the reading of the path (policy.paths), without the query. `at` is Unix seconds, `geo`
    None when no GeoIP database is configured. `seed` is where random bytes come from; without one
    there are none.
    """

    __slots__ = ("at", "client", "facts", "geo", "path", "seed", "shared", "site")

    def __init__(
        self,
        facts: RequestFacts,
        client: Client,
        site: str,
        path: bytes,
        at: float,
        geo: GeoLookup | None = None,
        seed: Seed = bytes,
    ) -> None:
        super().__init__()
        self.facts: RequestFacts = facts
        self.client: Client = client
        self.site: str = site
        self.path: bytes = path
        self.at: float = at
        self.geo: GeoLookup | None = geo
        self.seed: Seed = seed
        #: What was taken apart once for several fields; the readings of one request share it.
        self.shared: dict[Callable[[Any], Any], Any] = {}

    def once(self, compute: Callable[[RequestValues], T]) -> T:
        """What `compute` makes of the request, computed at its first use. Not of the path."""
        if compute not in self.shared:
            self.shared[compute] = compute(self)
        found: T = self.shared[compute]
        return found

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
