# SPDX-License-Identifier: Apache-2.0
"""Authorities: which there are, and their settings.

How one comes to be is in `authority_creation`; how one is followed by its successor, and how it
goes, in `authority_lifecycle`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.certs.authority import CRLS_OF_CERTIFICATES, RevocationMode
from authz.errors import ConflictError, FetchError, InvalidInputError, NotFoundError
from authz.services.context import (
    account_of,
    audit,
    authority_of,
    checked_name,
    facts_of,
)
from authz.services.distrusted import DISTRUSTED
from authz.sources.fetch_url import parse_url
from authz.store.records import (
    Authority,
    AuthorityCertificate,
    AuthorityKind,
    AuthorityStatus,
    CertificateRole,
    Sources,
    Zone,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.engine import Store
    from authz.store.session import Session

#: What asks for OCSP besides an address: nothing, or the address in each certificate.
_OCSP: Final = ("off", "certificate")
MAX_SOURCES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAuthority:
    """An authority with its zone (None: the account's) and its certificates, in their order.

    Args:
        text: how they were written when it was uploaded; None: as they are written here.
        distrusted_at: when it was distrusted because of an incident; None: it was not.
    """

    authority: Authority
    zone: Zone | None
    certificates: tuple[AuthorityCertificate, ...]
    text: str | None = None
    distrusted_at: float | None = None

    @property
    def issuing(self) -> AuthorityCertificate | None:
        """The certificate that signs, None for an uploaded authority."""
        return next((one for one in self.certificates if one.role is CertificateRole.ISSUING), None)

    @property
    def is_distrusted(self) -> bool:
        """Whether its key leaked: it issues nothing, and hosts may not begin to ask for it."""
        return self.distrusted_at is not None

    @property
    def issues(self) -> bool:
        """Whether it would issue if it has a key here."""
        return self.authority.status is AuthorityStatus.ACTIVE and not self.is_distrusted

    @property
    def status(self) -> str:
        """Its status for people and programs: `active`, `retired` or `distrusted`."""
        return DISTRUSTED if self.is_distrusted else self.authority.status.value


def list_authorities(store: Store) -> list[KnownAuthority]:
    """Every authority, the oldest first."""
    with store.read() as session:
        zones = {one.id: one for one in session.zones.all()}
        certificates = session.authorities.certificates()
        texts = session.authorities.texts()
        distrusted = session.audit.distrusted()
        return [
            KnownAuthority(
                authority=one,
                zone=zones.get(one.zone_id or ""),
                certificates=tuple(each for each in certificates if each.authority_id == one.id),
                text=texts.get(one.id),
                distrusted_at=distrusted.get(one.id),
            )
            for one in session.authorities.all()
        ]


def get_authority(store: Store, named: str) -> KnownAuthority:
    """The authority with this name or identifier.

    Raises:
        NotFoundError: there is none.
    """
    with store.read() as session:
        return known_authority(session, authority_of(session, named))


def authority_in_zone(store: Store, zone_id: str, authority_id: str) -> KnownAuthority:
    """An authority that hosts of a zone may ask for: the zone's own, or one of the account.

    Nothing is said of those of other zones, and neither names nor beginnings of identifiers are
    looked for.

    Raises:
        NotFoundError: there is no such authority there.
    """
    with store.read() as session:
        found = session.authorities.get(authority_id)
        if found is None or found.zone_id not in (None, zone_id):
            raise NotFoundError(
                f'the zone has no authority "{authority_id}", and neither has the account',
                hint="authz ca list shows them",
            )
        return known_authority(session, found)


def managed_of(session: Session, zone_id: str) -> Authority | None:
    """The embedded CA of a zone that is meant when none is named: the oldest one that issues.

    Where all are retired or distrusted it is the oldest of these, where there is none, None.
    """
    issuing, others = embedded_in(session, zone_id)
    return next(iter(issuing or others), None)


def embedded_in(session: Session, zone_id: str) -> tuple[list[Authority], list[Authority]]:
    """The embedded CAs of a zone, the oldest first: those that issue, and the others."""
    distrusted = session.audit.distrusted()
    issuing: list[Authority] = []
    others: list[Authority] = []
    for one in session.authorities.all():
        if one.zone_id == zone_id and one.kind is AuthorityKind.MANAGED:
            issues = one.status is AuthorityStatus.ACTIVE and one.id not in distrusted
            (issuing if issues else others).append(one)
    return issuing, others


def rename_authority(
    store: Store, named: str, name: str, *, actor: str, at: float
) -> KnownAuthority:
    """Give an authority another name; its certificates keep theirs.

    Raises:
        NotFoundError: there is no such authority.
        ConflictError: there is one of the new name.
    """
    wanted = checked_name("name", name)
    with store.write() as session:
        before = authority_of(session, named)
        if before.name != wanted:
            check_free(session, wanted)
        return change(session, before, "authority.rename", actor=actor, at=at, name=wanted)


def set_revocation(store: Store, named: str, mode: str, *, actor: str, at: float) -> KnownAuthority:
    """How strictly revocation is looked at: `strict`, `soft` or `off`.

    Raises:
        NotFoundError: there is no such authority.
        InvalidInputError: there is no such mode.
    """
    if mode not in list(RevocationMode):
        raise InvalidInputError(
            f'"{mode}" is no revocation mode', hint=f"one of {', '.join(RevocationMode)}"
        )
    with store.write() as session:
        before = authority_of(session, named)
        return change(session, before, "authority.revocation", actor=actor, at=at, revocation=mode)


def set_sources(
    store: Store,
    named: str,
    *,
    crl_urls: Sequence[str] | None = None,
    ocsp: str | None = None,
    actor: str,
    at: float,
) -> KnownAuthority:
    """Where an authority's revocations come from; what is None stays.

    Args:
        crl_urls: addresses of CRLs, which are fetched from then on; `certificate` stands for
            those that certificates name.
        ocsp: `off`, `certificate` (the address in the certificate) or an address.

    Raises:
        NotFoundError: there is no such authority.
        InvalidInputError: one is no address, or there are too many.
    """
    urls = None if crl_urls is None else tuple(dict.fromkeys(map(_crl_url, crl_urls)))
    if urls is not None and len(urls) > MAX_SOURCES:
        raise InvalidInputError(
            f"there are {len(urls)} addresses", hint=f"at most {MAX_SOURCES} are fetched"
        )
    if ocsp is not None and ocsp not in _OCSP:
        ocsp = _address(ocsp)
    with store.write() as session:
        before = authority_of(session, named)
        sources = Sources(
            crl_urls=before.sources.crl_urls if urls is None else urls,
            ocsp=before.sources.ocsp if ocsp is None else ocsp,
        )
        return change(session, before, "authority.sources", actor=actor, at=at, sources=sources)


def change(
    session: Session, before: Authority, action: str, *, actor: str, at: float, **values: Any
) -> KnownAuthority:
    """Keep an authority with other values, and the audit row, in the caller's transaction."""
    after = replace(before, **values, modified_at=at)
    session.authorities.update(after)
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("authority", after.id),
        zone_id=after.zone_id,
        before=facts_of(before),
        after=facts_of(after),
    )
    return known_authority(session, after)


def known_authority(session: Session, authority: Authority) -> KnownAuthority:
    """An authority with what belongs to it."""
    return KnownAuthority(
        authority=authority,
        zone=None if authority.zone_id is None else session.zones.get(authority.zone_id),
        certificates=tuple(session.authorities.certificates(authority.id)),
        text=session.authorities.texts(authority.id).get(authority.id),
        distrusted_at=session.audit.distrusted().get(authority.id),
    )


def check_free(session: Session, name: str) -> None:
    """Make sure that no authority has this name.

    Raises:
        ConflictError: one has.
    """
    if session.authorities.named(account_of(session).id, name) is not None:
        raise ConflictError(
            f'there is an authority "{name}" already',
            hint="choose another name; authz ca list shows them",
        )


def _crl_url(url: str) -> str:
    return url if url == CRLS_OF_CERTIFICATES else _address(url)


def _address(url: str) -> str:
    """An address as it is fetched from: what a policy file may name as well."""
    try:
        return parse_url(url).text
    except FetchError as error:
        raise InvalidInputError(
            f'"{url[:100]}" is no address to fetch from: {error.message}', hint=error.hint
        ) from None
