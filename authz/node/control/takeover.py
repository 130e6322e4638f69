# SPDX-License-Identifier: Apache-2.0
"""What a snapshot says to the one who takes over: the store's part of it, the file's part, and
which serial numbers of the store were revoked when it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from authz.errors import PolicyError
from authz.node.snapshot_file import Position, read_snapshot
from authz.policy.model import PolicyModel
from authz.services.model import SCOPE, StoreModel
from authz.services.revoked import Listed, RevokedSerials
from authz.services.same_key import KeysOf, listed_of

if TYPE_CHECKING:
    from authz.node.snapshot_file import SnapshotContent


def position_of(built: StoreModel, database: str) -> Position:
    """What a snapshot says about the moment it shows, and about the database that it is of."""
    return Position(
        store_id=built.store_id,
        revision=built.revision,
        authorities=dict(built.authorities),
        mark=built.mark,
        keys=tuple(built.by_key),
        database=database,
    )


def store_part(content: SnapshotContent) -> StoreModel | None:
    """What the store said when a snapshot was made, without what is of a policy file beside it."""
    position = content.position
    if position is None:
        return None
    return StoreModel(
        model=PolicyModel(
            sites=tuple(one for one in content.model.sites if one.scope == SCOPE),
            lists=tuple(one for one in content.model.lists if one.scope == SCOPE),
        ),
        store_id=position.store_id,
        revision=position.revision,
        authorities=position.authorities,
        mark=position.mark,
        by_key=_by_key(content.model, position.keys),
    )


def _by_key(model: PolicyModel, keys: tuple[str, ...]) -> dict[str, tuple[Listed, ...]]:
    """The store's lists for keys of the file, out of the file's authorities with these keys.

    The file's own serial numbers are among them: one that it has no more counts until the store
    can be read again.
    """
    found: dict[str, dict[int, Listed]] = {key: {} for key in keys}
    if keys:
        of = KeysOf()
        for authority in (one for site in model.sites if site.scope != SCOPE for one in site.trust):
            for key in of.of(authority.certificates) & found.keys():
                found[key].setdefault(id(authority), listed_of(authority))
    return {key: tuple(lists.values()) for key, lists in found.items()}


def revoked_of(built: StoreModel | None) -> RevokedSerials:
    """The revoked serial numbers of what was built last: only what changed since is read."""
    if built is None:
        return RevokedSerials()
    return RevokedSerials(
        store_id=built.store_id, revision=built.revision, mark=built.mark, listed=lists_of(built)
    )


def lists_of(built: StoreModel) -> dict[str, Listed]:
    """The lists of the store's authorities, by their identifiers."""
    return {
        identifier: listed_of(authority)
        for site in built.model.sites
        for authority in site.trust
        if (identifier := built.authorities.get(authority.name)) is not None
    }


def file_part(file: str | None) -> PolicyModel | None:
    """What the policy file said when a snapshot was made, None where there is none to be read."""
    if file is None:
        return None
    try:
        model = read_snapshot(Path(file)).model
    except PolicyError:
        return None
    return PolicyModel(
        sites=tuple(one for one in model.sites if one.scope != SCOPE),
        lists=tuple(one for one in model.lists if one.scope != SCOPE),
    )
