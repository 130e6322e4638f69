# SPDX-License-Identifier: Apache-2.0
"""What a field's value is computed from: one reading of one request, and who its client is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.rules import Value

if TYPE_CHECKING:
    from authz.policy.client import Client
    from authz.policy.facts import RequestFacts


class RequestValues(dict[str, Value]):
    """The ingredients of field values, and the values that were computed so far.

    `path` is the reading of the path (policy.paths), without the query. `at` is Unix seconds.
    """

    __slots__ = ("at", "client", "facts", "path", "site")

    def __init__(
        self, facts: RequestFacts, client: Client, site: str, path: bytes, at: float
    ) -> None:
        super().__init__()
        self.facts: RequestFacts = facts
        self.client: Client = client
        self.site: str = site
        self.path: bytes = path
        self.at: float = at

    def header(self, name: bytes, separator: bytes = b", ") -> bytes:
        """All lines of one header, joined; `b""` when there is none."""
        return separator.join([value for key, value in self.facts.headers if key == name])

    @property
    def query(self) -> bytes:
        """The query of the request, without `?`; `b""` when there is none."""
        return self.facts.path.partition(b"?")[2]
