# SPDX-License-Identifier: Apache-2.0
"""What is revoked under one name of a key stays revoked under the others when that name goes.

While two authorities share a key, the list of each counts for both (`same_key`). When one of them
is removed, or the certificate by which they share it, the other one gets the list to keep. A
policy file beside the store cannot be given anything: who deletes is told (`lost_keys`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.services.same_key import KeysOf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from authz.store.records import Authority
    from authz.store.session import Session


def sharing(session: Session, authority_id: str, going: Collection[str]) -> list[Authority]:
    """The authorities that share a key with this one, and none any more without some certificates.

    Args:
        going: the identifiers of its certificates that are about to be removed.
    """
    keys = KeysOf()
    own: dict[str, set[str]] = {}
    gone: set[str] = set()
    for one in session.authorities.certificates():
        found = keys.of([one.der])
        if one.id in going:
            gone |= found
        else:
            own.setdefault(one.authority_id, set()).update(found)
    left = own.pop(authority_id, set())
    return [
        one
        for one in session.authorities.all()
        if (mine := own.get(one.id)) and mine & gone and not mine & left
    ]


def lost_keys(session: Session, authority_id: str) -> frozenset[str]:
    """The keys whose list goes with an authority: no other one here has them. Whoever trusts one of
    them in a policy file beside the store loses what is on the list; none where it is empty."""
    if not session.revocations.count(authority_id):
        return frozenset()
    keys = KeysOf()
    own, others = set[str](), set[str]()
    for one in session.authorities.certificates():
        (own if one.authority_id == authority_id else others).update(keys.of([one.der]))
    return frozenset(own - others)


def keep_list(
    session: Session, authority_id: str, going: Collection[str], at: float
) -> list[tuple[Authority, int]]:
    """Give the list of an authority to those that would lose it; who got how many more numbers.

    Args:
        going: as for `sharing`.
    """
    return [
        (one, session.revocations.copy(authority_id, one.id, at))
        for one in sharing(session, authority_id, going)
    ]


def told(kept: Iterable[tuple[Authority, int]]) -> dict[str, Any]:
    """The same for the audit log; nothing where nobody had to get anything."""
    found = [{"authority_id": one.id, "added": added} for one, added in kept if added]
    return {"list_kept_by": found} if found else {}
