# SPDX-License-Identifier: Apache-2.0
"""API tokens by the hash of the token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from authz.store.records import Token
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables import tokens

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_READERS: Final[Readers] = {"scopes": lambda text: tuple(json.loads(text))}


class Tokens:
    """Tokens of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token: Token) -> None:
        """Keep a new token."""
        self._connection.execute(insert(tokens).values(values_of(token)))

    def update(self, token: Token) -> None:
        """Keep its name, hash, scopes and times as they are in `token`."""
        values = values_of(token, but=("id", "created_at"))
        self._connection.execute(update(tokens).where(tokens.c.id == token.id).values(values))

    def used(self, token_id: str, at: float) -> None:
        """Note when it was last used."""
        self._connection.execute(
            update(tokens).where(tokens.c.id == token_id).values(last_used_at=at)
        )

    def all(self) -> list[Token]:
        """Every token, the oldest first."""
        query = select(*columns_of(Token, tokens)).order_by(tokens.c.created_at, tokens.c.id)
        return [record_of(Token, row, _READERS) for row in self._connection.execute(query)]

    def get(self, token_id: str) -> Token | None:
        """The token with this identifier."""
        return self._one(tokens.c.id == token_id)

    def by_sha256(self, sha256: str) -> Token | None:
        """The token with this hash."""
        return self._one(tokens.c.sha256 == sha256)

    def _one(self, condition: ColumnElement[Any]) -> Token | None:
        query = select(*columns_of(Token, tokens)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Token, row, _READERS)
