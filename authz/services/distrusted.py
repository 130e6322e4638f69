# SPDX-License-Identifier: Apache-2.0
"""Which authorities were distrusted because of an incident, and not only retired.

The audit log says so, and never forgets it: no table has to be wider for it, it is known of what
was distrusted before, and a program of the release before, which takes such an authority for a
retired one, cannot undo it. How one is distrusted is in `distrust`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError
from authz.services.same_key import KeysOf
from authz.services.times import rfc3339_seconds
from authz.store.records import CertificateRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.authorities import KnownAuthority
    from authz.store.records import Authority, AuthorityCertificate
    from authz.store.session import Session

#: What an authority is shown as, in the place of its status.
DISTRUSTED: Final = "distrusted"

_SIGNING: Final = (CertificateRole.ISSUING, CertificateRole.PREVIOUS)

MAKE_ANOTHER: Final = "make another: authz ca create --name NEW"


def is_distrusted(authority: Authority, at: float) -> str:
    """The words of an error about one that was distrusted at that moment."""
    return (
        f"the authority {authority.name} was distrusted on {rfc3339_seconds(at)} because of an "
        "incident"
    )


def leaked_of(
    certificates: Sequence[AuthorityCertificate], *, is_taken: bool
) -> tuple[AuthorityCertificate, ...]:
    """Those of an authority's certificates whose key is believed no more.

    Of an uploaded authority, nobody here knows which key it is. Of an embedded one it is what signs
    clients, and where nothing follows, every key that is here.

    Args:
        is_taken: whether it is taken from its hosts, and nothing follows.
    """
    if not any(one.role is CertificateRole.ISSUING for one in certificates):
        return tuple(certificates)
    return tuple(
        one for one in certificates if one.role in _SIGNING or (is_taken and one.key_id is not None)
    )


def believed_again(known: KnownAuthority, at: float) -> float | None:
    """Until when an authority that was distrusted has to be known here; None: it was not, or its
    certificates have expired."""
    ends = [one.not_after for one in leaked_of(known.certificates, is_taken=True)]
    return max(ends) if known.is_distrusted and ends and max(ends) >= at else None


def distrusted_certificates(session: Session) -> list[AuthorityCertificate]:
    """Those of all authorities that are distrusted whose key is believed no more."""
    return [
        one
        for authority_id in session.audit.distrusted()
        for one in leaked_of(session.authorities.certificates(authority_id), is_taken=True)
    ]


def check_trusted(session: Session, authority: Authority) -> None:
    """Make sure that nobody begins to ask for an authority whose key leaked, under whatever name.

    Raises:
        ConflictError: it was distrusted, or another one with a key of it.
    """
    distrusted = session.audit.distrusted()
    at = distrusted.get(authority.id)
    if at is not None:
        raise ConflictError(
            f"{is_distrusted(authority, at)}: whoever has its key would be let in",
            hint=f"{MAKE_ANOTHER}, and name that",
        )
    if not distrusted:
        return
    keys = KeysOf()
    own = keys.of(one.der for one in session.authorities.certificates(authority.id))
    for one in distrusted_certificates(session):
        if own & keys.of([one.der]):
            other = session.authorities.get(one.authority_id)
            assert other is not None, "it has a certificate"
            raise ConflictError(
                f"the authority {authority.name} has a key of another one, and "
                f"{is_distrusted(other, distrusted[other.id])}: whoever has it would be let in",
                hint=f"{MAKE_ANOTHER}, and name that; of a CA below the same root whose own key is "
                "safe, upload the certificate without the root",
            )
