# SPDX-License-Identifier: Apache-2.0
"""When a private key leaked: whose certificates are meant, whatever somebody has of them.

A leaked key is every certificate with this key, also one that was issued anew for it; each is
revoked under every authority that it leads to, as far as that is known here. Revoking is one
transaction. What is in force afterwards is seen by authz.cli.enforcement.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.ca.keys import load_key
from authz.ca.reasons import parse_reason
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem, without_private_keys
from authz.errors import InvalidInputError, NotFoundError
from authz.services.certificates import certificate_named
from authz.services.context import authority_of
from authz.services.leading import Leading, readable
from authz.services.revocation import SerialRevocation, put_revoked
from authz.services.same_key import KeysOf
from authz.store.certificates import CertificateQuery
from authz.store.records import serial_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authz.store.engine import Store
    from authz.store.records import Authority, ClientCertificate
    from authz.store.session import Session

#: What programs write in front of a fingerprint: `sha256 Fingerprint=`, `SHA256:`.
_PREFIX: Final = re.compile(r"(?i)^(?:sha-?(?:256|1))?\s*(?:fingerprint)?\s*[:=]\s*")
_HEX: Final = re.compile(r"(?i)^(?:0x)?([0-9a-f]+)$")
_SHA1_DIGITS: Final = 40
_SHA256_BYTES: Final = 32
#: People of the same name beyond these are not told apart here anyway.
_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaked:
    """What is meant.

    Args:
        certificates: those that were issued here.
        elsewhere: authorities and serial numbers of certificates that were issued elsewhere, and
            of those that were issued here where another authority leads to them as well.
        found_by: by what, for people: `"the private key"`, `"the event"`.
        spki: of the certificate that was issued elsewhere: others here may have its key.
        unread: names of authorities that have a certificate that cannot be read: where something
            leads to others through it, it is not revoked there.
    """

    certificates: tuple[ClientCertificate, ...] = ()
    elsewhere: tuple[tuple[Authority, str], ...] = ()
    found_by: str = ""
    spki: bytes = b""
    unread: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many certificates that are: one may be on several lists."""
        serials = {one.serial for one in self.certificates}
        return len(self.certificates) + len({serial for _, serial in self.elsewhere} - serials)


def find_leaked(store: Store, what: str, content: bytes | None = None) -> Leaked:
    """The certificates that are meant by what somebody has.

    Args:
        what: an identifier, a fingerprint (SHA-256 or SHA-1, hexadecimal in any spelling, or
            base64 of SHA-256), a serial number (hexadecimal or decimal), the identifier of an
            event or decision, a common name or a label. Some digits of the first ones are enough.
        content: of a file instead: a certificate, with its chain and key or without, or the key.

    Raises:
        NotFoundError: there is none.
        InvalidInputError: several are called so, or begin so.
        KeyUnavailableError, WeakKeyError, CertificateError: the file cannot be read.
    """
    with store.read() as session:
        found = _of_text(session, what) if content is None else _of_file(session, content)
        read = (readable(one.der) for one in found.certificates)
        keys = {one.spki for one in read if one is not None}
        keys |= {found.spki} - {b""}
        same = _matching(session, lambda der: any(key in der for key in keys)) if keys else []
        known = {one.id for one in found.certificates}
        more = tuple(one for one in same if one.id not in known)
        certificates = (*found.certificates, *more)
        leading = Leading(session, () if content is None else _chain(content))
        also = [one for each in certificates for one in _led_to(session, leading, each)]
        unread = leading.unread
    elsewhere = dict.fromkeys((*found.elsewhere, *also))
    return replace(found, certificates=certificates, elsewhere=tuple(elsewhere), unread=unread)


def revoke_leaked(
    store: Store, leaked: Leaked, *, reason: str, actor: str, at: float
) -> tuple[tuple[SerialRevocation, ...], int]:
    """Revoke everything that is meant: what became of each, and the revision that says so.

    Raises:
        InvalidRequestError: there is no such reason.
    """
    why = parse_reason(reason).text
    with store.write() as session:
        wanted = [
            (authority_of(session, one.authority_id), one.serial) for one in leaked.certificates
        ]
        done = tuple(
            put_revoked(session, authority, serial, reason=why, actor=actor, at=at)
            for authority, serial in (*wanted, *leaked.elsewhere)
        )
        return done, session.revision


def _of_file(session: Session, content: bytes) -> Leaked:
    text = without_private_keys(content)
    if b"-----BEGIN CERTIFICATE" not in text and b"PRIVATE KEY-----" in content:
        spki = load_key(content).spki
        found = _matching(session, lambda der: spki in der)
        if not found:
            raise NotFoundError(
                "no certificate that was issued here has this key",
                hint="of a certificate that was issued elsewhere, give the certificate's file",
            )
        return Leaked(certificates=tuple(found), found_by="the private key")
    leaf = Certificate.from_der(split_pem(text)[0], allow_zero_serial=True)
    known = session.certificates.by_fingerprint(leaf.fingerprint_sha256)
    if known is not None:
        return Leaked(certificates=(known,), found_by="the certificate")
    chain = _chain(content)
    authorities = _apart(session, Leading(session, chain).of(leaf))
    if authorities:
        serial = serial_text(leaf.serial_number)
        return Leaked(
            elsewhere=tuple((one, serial) for one in authorities),
            found_by="the certificate, which was issued elsewhere",
            spki=leaf.spki,
        )
    what = "nothing in the file leads" if chain else "the file has no chain that leads"
    raise NotFoundError(
        f"the certificate ({leaf.subject_dn_rfc2253}) was issued by {leaf.issuer_dn_rfc2253}, "
        f"which is of no authority that is known here, and {what} to one",
        hint="a client may send what stands between: give a file with the certificate and its "
        "intermediates behind it, or put its serial number "
        f"({serial_text(leaf.serial_number)}) on the list of the CA above: authz cert revoke --ca "
        "NAME --serial S; of a policy file's CA, in revoked_serials there",
    )


def _chain(content: bytes) -> tuple[Certificate, ...]:
    """What is in a file behind its first certificate."""
    text = without_private_keys(content)
    if b"-----BEGIN CERTIFICATE" not in text:
        return ()
    return tuple(Certificate.from_der(der, allow_zero_serial=True) for der in split_pem(text)[1:])


def _led_to(
    session: Session, leading: Leading, one: ClientCertificate
) -> Iterator[tuple[Authority, str]]:
    """The other authorities that a certificate that was issued here leads to: its own one's list
    counts on paths to that."""
    issuer = authority_of(session, one.authority_id)
    read = readable(one.der)
    found = () if read is None else leading.of(read)
    for authority in _apart(session, (issuer, *found)):
        if authority.id != issuer.id:
            yield authority, one.serial


def _apart(session: Session, authorities: Iterable[Authority]) -> list[Authority]:
    """Those that share no key with one before them: the list of each counts for both then."""
    keys = KeysOf()
    taken: dict[str, frozenset[str]] = {}
    apart: list[Authority] = []
    for one in authorities:
        own = keys.of(each.der for each in session.authorities.certificates(one.id))
        if one.id not in taken and not any(own & others for others in taken.values()):
            taken[one.id] = own
            apart.append(one)
    return apart


def _of_text(session: Session, what: str) -> Leaked:
    plain = _PREFIX.sub("", what.strip()).replace(":", "").replace(" ", "")
    digits = _HEX.match(plain)
    plain = digits[1] if digits else plain
    tried: list[Callable[[], Leaked | None]] = [
        lambda: _of_event(session, what.strip()),
        lambda: _of_base64(session, what.strip()),
        lambda: _named(session, plain),
        lambda: _of_decimal(session, plain),
        lambda: _of_sha1(session, plain),
        lambda: _called(session, what.strip()),
    ]
    for attempt in tried:
        found = attempt()
        if found is not None:
            return found
    raise NotFoundError(
        f'nothing here is known of "{what}"',
        hint="give the file of the certificate or the key, a fingerprint, a serial number, the "
        "identifier of an event, or the common name: authz cert list --search WORD looks further",
    )


def _of_event(session: Session, what: str) -> Leaked | None:
    event = session.events.get(what)
    if event is None:
        return None
    known = session.certificates.by_fingerprint(event.fingerprint_sha256)
    if known is None:
        raise NotFoundError(
            "the certificate of this event was not issued here"
            if event.fingerprint_sha256
            else "there was no certificate in this event",
            hint="of one that was issued elsewhere, give its file, or authz cert revoke --ca N "
            "--serial S",
        )
    return Leaked(certificates=(known,), found_by="the event")


def _of_base64(session: Session, what: str) -> Leaked | None:
    try:
        digest = base64.b64decode(_PREFIX.sub("", what), validate=True)
    except ValueError:
        return None
    if len(digest) != _SHA256_BYTES:
        return None
    known = session.certificates.by_fingerprint(digest.hex())
    return None if known is None else Leaked(certificates=(known,), found_by="the fingerprint")


def _named(session: Session, plain: str) -> Leaked | None:
    try:
        found = certificate_named(session, plain)
    except NotFoundError:
        return None
    return Leaked(certificates=(found,), found_by="identifier, fingerprint or serial number")


def _of_decimal(session: Session, plain: str) -> Leaked | None:
    if not (plain.isascii() and plain.isdigit()):
        return None
    serial = serial_text(int(plain))
    for authority in session.authorities.all():
        found = session.certificates.by_serial(authority.id, serial)
        if found is not None:
            return Leaked(certificates=(found,), found_by="the serial number, which is decimal")
    return None


def _of_sha1(session: Session, plain: str) -> Leaked | None:
    if len(plain) != _SHA1_DIGITS or not _HEX.match(plain):
        return None
    # Of a name, not of anything that is believed.
    found = _matching(
        session, lambda der: hashlib.sha1(der, usedforsecurity=False).hexdigest() == plain.lower()
    )
    return Leaked(certificates=tuple(found), found_by="the SHA-1 fingerprint") if found else None


def _called(session: Session, what: str) -> Leaked | None:
    found = [
        one
        for zone in session.zones.all()
        for one in session.certificates.find(
            CertificateQuery(zone_id=zone.id, search=what), most=_MOST
        )
        if what in (one.common_name, one.label)
    ]
    if not found:
        return None
    if len(found) > 1:
        named = ", ".join(f"{one.serial} ({one.label})" for one in found[:5])
        raise InvalidInputError(
            f'{len(found)} certificates are called "{what}": {named}',
            hint="name one by its serial number; or all of them, one after the other",
        )
    return Leaked(certificates=tuple(found), found_by="its name")


def _matching(session: Session, wanted: Callable[[bytes], bool]) -> list[ClientCertificate]:
    ids = [one for one, der, _ in session.certificates.contents() if wanted(der)]
    return [found for one in ids if (found := session.certificates.get(one)) is not None]
