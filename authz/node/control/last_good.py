# SPDX-License-Identifier: Apache-2.0
"""What was enforced last, with what is revoked now: for a store whose rest cannot be enforced.

A rule or a certificate in the store that cannot be used is no reason to let revoked certificates
pass, or those of a distrusted authority (last_trusted.py). Nothing is read but certificates, lists
of serial numbers and what was distrusted. What was restored meanwhile stays revoked: that waits
until the content can be enforced again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.node.control.last_trusted import without_distrusted
from authz.node.control.takeover import revoked_of
from authz.services.same_key import BesideKeys, KeysOf, listed_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from authz.policy.model import PolicyModel
    from authz.services.model import StoreModel
    from authz.services.revoked import Listed
    from authz.store.session import Session


def with_revocations(
    session: Session, built: StoreModel, keys: Collection[str] = ()
) -> StoreModel | None:
    """What was built last with the lists of now and without what is distrusted now, None when that
    changes nothing.

    It says the same moment as before: whoever continues from it reads every change since then.

    Args:
        keys: those of the policy file, which `StoreModel.by_key` is wanted for.
    """
    revoked = revoked_of(built)
    revoked.follow(session)
    beside, keys_of = BesideKeys(), KeysOf()
    trusted = without_distrusted(session, built)
    wanted = beside.keys(trusted) | set(keys)
    authorities: dict[str, dict[str, None]] = {}
    for one in session.authorities.certificates():
        for key in keys_of.of([one.der]) & wanted:
            authorities.setdefault(key, {})[one.authority_id] = None
    by_key = {
        key: tuple(revoked.of(session, one) for one in authorities[key])
        for key in sorted(authorities)
    }
    of_file = {key: lists for key, lists in by_key.items() if key in set(keys)}
    model = beside.add(trusted, by_key)
    before = (*_lists(trusted), *(one for some in built.by_key.values() for one in some))
    after = (*_lists(model), *(one for some in of_file.values() for one in some))
    same = list(map(_content, before)) == list(map(_content, after))
    if same and trusted is built.model:
        return None
    return replace(built, model=model, by_key=of_file)


def _lists(model: PolicyModel) -> Iterator[Listed]:
    return (listed_of(authority) for site in model.sites for authority in site.trust)


def _content(listed: Listed) -> tuple[object, ...]:
    return listed.base, frozenset(listed.added), frozenset(listed.restored)
