# SPDX-License-Identifier: Apache-2.0
"""The revoked serial numbers of a store, followed from one transaction to the next.

A million of them are read once, packed, and after that only what changed (the log of changes). A
snapshot that shows an earlier moment of the same store saves even that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.serials import rebase, revise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.packed import Section
    from authz.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The list of one authority: a packed base and what changed since (certs.serials)."""

    base: Section | None = None
    added: tuple[int, ...] = ()
    restored: tuple[int, ...] = ()


class RevokedSerials:
    """The lists of the authorities that somebody asked for.

    Attributes:
        mark: what the last change was that was taken in.

    Args:
        store_id: which store `listed` are of.
        revision: at which moment.
        mark: what the last change was by then (`Revocations.mark`).
        listed: lists by the identifier of their authority.
    """

    def __init__(
        self,
        *,
        store_id: str = "",
        revision: int = 0,
        mark: str = "",
        listed: Mapping[str, Listed] | None = None,
    ) -> None:
        self.mark = mark
        self._store_id = store_id
        self._revision = revision
        self._listed = dict(listed or {})

    def follow(self, session: Session) -> bool:
        """Take in what changed up to the moment of `session`; whether it continues the one before.

        It does not when the store is another one, or was put back to what it had been.
        """
        # An earlier moment of the same store is one that was put back into place, and so is one
        # that came to this revision by other changes.
        same = (
            session.store_id == self._store_id
            and session.revision >= self._revision
            and session.revocations.mark(self._revision) == self.mark
        )
        changes = session.revocations.changes_after(self._revision) if same else None
        if changes is None:
            self._listed.clear()
        else:
            last: dict[str, dict[int, bool]] = {}
            for change in changes:
                last.setdefault(change.authority_id, {})[int(change.serial, 16)] = change.revoked
            for authority_id, states in last.items():
                known = self._listed.get(authority_id)
                if known is not None:
                    self._listed[authority_id] = _revised(known, states)
        self.mark = session.revocations.mark(session.revision)
        self._store_id, self._revision = session.store_id, session.revision
        return same

    def of(self, session: Session, authority_id: str) -> Listed:
        """The list of an authority at the moment that was followed to last."""
        known = self._listed.get(authority_id)
        if known is None:
            base, added, restored = rebase(None, list(session.revocations.serials(authority_id)))
            known = Listed(base=base, added=added, restored=restored)
            self._listed[authority_id] = known
        return known


def _revised(known: Listed, states: Mapping[int, bool]) -> Listed:
    base, added, restored = revise(
        known.base,
        known.added,
        known.restored,
        revoke=(serial for serial, revoked in states.items() if revoked),
        restore=(serial for serial, revoked in states.items() if not revoked),
    )
    return Listed(base=base, added=added, restored=restored)
