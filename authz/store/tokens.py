# SPDX-License-Identifier: Apache-2.0
"""API tokens by the hash of the token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, or_, select, update

from authz.store.access_tables import tokens
from authz.store.records import Token
from authz.store.rows import Readers, columns_of, record_of, values_of

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
        """Keep its name, hash, scopes and times as they are in `token`, but when it was used."""
        values = values_of(token, but=("id", "created_at", "last_used_at"))
        self._connection.execute(update(tokens).where(tokens.c.id == token.id).values(values))

    def used(self, token_id: str, at: float) -> None:
        """Note when it was last used; of two moments, the later one stays."""
        earlier = or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < at)
        self._connection.execute(
            update(tokens).where(tokens.c.id == token_id, earlier).values(last_used_at=at)
        )

    def lock(self) -> None:
        """Keep others from changing any token until this transaction ends.

        What is read after it is what was committed last. SQLite has one writer at a time anyway.
        """
        self._connection.execute(select(tokens.c.id).order_by(tokens.c.id).with_for_update())

    def all(self) -> list[Token]:
        """Every token, the oldest first."""
        query = select(*columns_of(Token, tokens)).order_by(tokens.c.created_at, tokens.c.id)
        return [record_of(Token, row, _READERS) for row in self._connection.execute(query)]

    def get(self, token_id: str) -> Token | None:
        """The token with this identifier."""
        return self._one(tokens.c.id == token_id)

    def held(self, token_id: str) -> Token | None:
        """The token as it was committed last; others change it when this transaction has ended."""
        self._connection.execute(
            select(tokens.c.id).where(tokens.c.id == token_id).with_for_update(read=True)
        )
        return self.get(token_id)

    def by_sha256(self, sha256: str) -> Token | None:
        """The token with this hash."""
        return self._one(tokens.c.sha256 == sha256)

    def _one(self, condition: ColumnElement[Any]) -> Token | None:
        query = select(*columns_of(Token, tokens)).where(condition)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Token, row, _READERS)
