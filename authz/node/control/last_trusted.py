# SPDX-License-Identifier: Apache-2.0
"""What was enforced last, without what was distrusted since.

Nothing is added, and only what the store says is gone goes: an authority that was distrusted, and
of the others a certificate that they have no more. An authority of which nothing can be read is
damaged, not distrusted, and stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.trust import read_certificates
from authz.errors import CertificateError
from authz.node.control.last_fetched import with_authorities
from authz.services.same_key import KeysOf

if TYPE_CHECKING:
    from authz.certs.authority import AuthorityModel
    from authz.policy.model import PolicyModel
    from authz.services.model import StoreModel
    from authz.store.session import Session


def without_distrusted(session: Session, built: StoreModel) -> PolicyModel:
    """The model without them; the same object when there are none."""
    distrusted = session.audit.distrusted()
    names = {one.name: one.id for one in session.authorities.all()} | dict(built.authorities)
    there: dict[str, set[bytes]] = {}
    for row in session.authorities.certificates():
        there.setdefault(row.authority_id, set()).add(row.der)
    now: dict[int, AuthorityModel] = {}
    for authority in (one for site in built.model.sites for one in site.trust):
        if id(authority) in now:
            continue
        # By its name, and, should that be another's by now, by what it is made of.
        ids = {one for one, ders in there.items() if not ders.isdisjoint(authority.certificates)}
        if authority.name in names:
            ids.add(names[authority.name])
        if not ids.isdisjoint(distrusted):
            continue
        left = set().union(*(there.get(one, ()) for one in ids))
        if not KeysOf().of(left):
            now[id(authority)] = authority
        elif (less := _with_only(authority, left)) is not None:
            now[id(authority)] = less
    return with_authorities(built.model, now)


def _with_only(authority: AuthorityModel, left: set[bytes]) -> AuthorityModel | None:
    """The authority with no certificates but these, None when it then verifies nobody."""
    if left.issuperset(authority.certificates):
        return authority
    read = [Certificate.from_der(der, allow_zero_serial=True) for der in authority.certificates]
    gone = {one.subject_raw for one in read if one.der not in left}
    kept = [one for one in read if one.der in left]
    while True:
        # What stood below one that went must not become an anchor.
        names = {one.subject_raw for one in kept}
        orphans = [
            one
            for one in kept
            if not one.is_self_issued and one.issuer_raw in gone and one.issuer_raw not in names
        ]
        if not orphans:
            break
        gone |= {one.subject_raw for one in orphans}
        kept = [one for one in kept if one not in orphans]
    certificates = tuple(one.der for one in kept)
    through = tuple(der for der in authority.through if der in certificates)
    if not certificates or (authority.through and not through):
        return None
    less = replace(authority, certificates=certificates, through=through)
    crls = tuple(der for der in authority.crls if _is_of(der, less))
    # Fewer CRLs than there should be: `strict` then denies, as for one that is missing.
    return replace(less, crls=crls, read_crls=())


def _is_of(crl: bytes, authority: AuthorityModel) -> bool:
    try:
        read_crl(crl, read_certificates(authority), where=authority.where)
    except CertificateError:
        return False
    return True
