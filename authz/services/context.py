# SPDX-License-Identifier: Apache-2.0
"""What every use case shares: identifiers, the audit row, and finding what a person named."""

from __future__ import annotations

import dataclasses
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from authz.errors import InvalidInputError, NotFoundError
from authz.settings.problems import did_you_mean
from authz.store.records import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.records import Account, Authority, Zone
    from authz.store.session import Session


class Named(Protocol):
    """An object with a name and an identifier."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


_Named = TypeVar("_Named", bound=Named)

#: Longest name and label, in characters: what the tables keep.
MAX_NAME = 255


def new_id() -> str:
    """A new identifier: 32 hexadecimal digits."""
    return uuid.uuid4().hex


def audit(
    session: Session,
    action: str,
    *,
    actor: str,
    at: float,
    of: tuple[str, str],
    zone_id: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Keep who did what, in the transaction that does it.

    Args:
        of: the kind of object and its identifier.
        before, after: the object then and now (`facts_of`), without any secret.
    """
    object_type, object_id = of
    session.audit.add(
        AuditEntry(
            id=new_id(),
            at=at,
            actor=actor,
            action=action,
            object_type=object_type,
            object_id=object_id,
            zone_id=zone_id,
            before=before,
            after=after,
        )
    )


def facts_of(record: Any) -> dict[str, Any]:
    """A record as the audit log keeps it: no bytes (certificates, encrypted keys) in it."""
    return {
        field.name: _plain(value)
        for field in dataclasses.fields(record)
        if not isinstance(value := getattr(record, field.name), bytes)
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value) if isinstance(value, StrEnum) else value


def account_of(session: Session) -> Account:
    """The account: a store has one."""
    return session.zones.accounts()[0]


def zone_of(session: Session, named: str) -> Zone:
    """The zone with this name or identifier.

    Raises:
        NotFoundError: there is none.
    """
    zones = session.zones.all()
    wanted = named.lower().removesuffix(".")
    for zone in zones:
        if wanted == zone.name or named == zone.id:
            return zone
    raise NotFoundError(
        f'there is no zone "{named}"', hint=did_you_mean(named, [one.name for one in zones])
    )


def authority_of(session: Session, named: str) -> Authority:
    """The authority with this name, this identifier, or its only beginning of 6 or more digits.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: several identifiers begin like that.
    """
    return find_named("authority", session.authorities.all(), named)


def find_named(what: str, records: Sequence[_Named], named: str) -> _Named:
    """The one of these with a name or identifier; raises what `authority_of` does."""
    # Identifiers first: an authority whose name is another one's identifier is not that one.
    by_name = [one for one in records if named == one.id] or [
        one for one in records if named == one.name
    ]
    if by_name:
        return by_name[0]
    near = [one for one in records if len(named) >= 6 and one.id.startswith(named.lower())]
    if len(near) > 1:
        raise InvalidInputError(
            f'{len(near)} identifiers begin with "{named}"', hint="write more of it, or the name"
        )
    if not near:
        names = [one.name for one in records]
        raise NotFoundError(
            f'there is no {what} "{named}"',
            hint=did_you_mean(named, names) if names else f"there is no {what} at all yet",
        )
    return near[0]


def checked_name(what: str, text: str) -> str:
    """A name or label that people gave something, blanks at its ends dropped.

    Raises:
        InvalidInputError: it is empty, too long, or has control characters.
    """
    name = text.strip()
    if not name:
        raise InvalidInputError(f"the {what} is empty", hint="write what people will know it by")
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInputError(
            f"the {what} is too long or has control characters",
            hint=f"at most {MAX_NAME} printable characters",
        )
    return name
