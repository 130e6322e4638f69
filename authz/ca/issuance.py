# SPDX-License-Identifier: Apache-2.0
"""Issuing in two steps: `prepare` what would be signed and look at it, `issue` what was prepared.

`prepare` writes the exact bytes to be signed, signs them with a throwaway key of the same kind,
and runs every lint over the result; `issue` signs these very bytes, once, with the key of the same
issuer. So nothing can be signed that was not looked at, and the key is needed last. ADR-0025.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.ca import encode
from authz.ca.key_kinds import algorithm_of, check_public_key
from authz.ca.lints import lint_certificate, refuse_errors
from authz.ca.names import AlternativeNames, KeptName, Subject, http_url
from authz.ca.serials import random_serial
from authz.ca.signing import draft, key_id, key_id_of, sign
from authz.ca.tbs import CertificateContent, encode_tbs
from authz.certs.certificate import Certificate
from authz.errors import (
    InvalidRequestError,
    IssuerInactiveError,
    KeyUnavailableError,
    WeakKeyError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.keys import Signer
    from authz.ca.lints import LintFinding
    from authz.ca.profiles import Profile

DAY: Final = 86400

#: Rules about names that are made; one that exists cannot be changed any more.
_RULES_FOR_NEW_NAMES: Final = frozenset(
    {"name_lengths", "name_strings", "country", "mail_in_subject"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationUrls:
    """Where others find what is published about an authority; none: nothing is published.

    Raises:
        InvalidRequestError: an address is not an http URL.
    """

    crl: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    issuer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for url in (*self.crl, *self.ocsp, *self.issuer):
            http_url(url)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """Who is to get a certificate, for which key, for how long.

    Attributes:
        spki: the public key, SubjectPublicKeyInfo in DER.
        days: exactly so many; None: the profile's default, or less if the issuer ends before.
    """

    subject: Subject | KeptName
    spki: bytes
    names: AlternativeNames = field(default_factory=AlternativeNames)
    days: int | None = None


class Prepared:
    """A certificate that was looked at and is not signed yet. Only `prepare` makes one.

    Attributes:
        serial: its serial number.
        not_before, not_after: its validity, Unix seconds, both inclusive.
        tbs: the bytes that will be signed.
        issuer_spki: the public key that belongs to the key which may sign.
        warnings: what the lints found and that does not keep from signing.
    """

    __slots__ = ("_token", "issuer_spki", "not_after", "not_before", "serial", "tbs", "warnings")

    def __init__(
        self,
        content: CertificateContent,
        tbs: bytes,
        warnings: tuple[LintFinding, ...],
        issuer_spki: bytes,
        *,
        maker: object,
    ) -> None:
        if maker is not _MAKER:
            raise TypeError("only prepare makes a Prepared")
        self.serial = content.serial
        self.not_before = content.not_before
        self.not_after = content.not_after
        self.tbs = tbs
        self.issuer_spki = issuer_spki
        self.warnings = warnings
        self._token = [None]


_MAKER: Final = object()


def prepare(
    request: CertificateRequest,
    *,
    profile: Profile,
    issuer: Certificate | None,
    at: float,
    chain: Sequence[Certificate] = (),
    urls: PublicationUrls | None = None,
    serial: int | None = None,
) -> Prepared:
    """What `issue` will sign. `issuer` None: the certificate signs itself.

    `chain` are the certificates above the issuer, from the nearest up: their name constraints hold
    as well.

    The validity begins a little before `at` (never before the issuer's) and is whole days, its
    last second included (RFC 5280 §4.1.2.5). It is never cut short in silence: when `days` are
    asked for and the issuer does not last so long, the error says how many it could be.

    Raises:
        InvalidRequestError: the profile does not allow what is asked for.
        WeakKeyError: the key is too weak, or of a kind that is not supported.
        IssuerInactiveError: the issuer is not valid at `at`, or not for long enough.
        LintFailedError: what would be signed breaks a rule; `others` has the further ones.
    """
    # 1. The request is one of the profile.
    check_content(request, profile)
    # 2. The issuer may issue now, and until then.
    issuer_spki = request.spki if issuer is None else issuer.spki
    try:
        algorithm = algorithm_of(issuer_spki)
    except WeakKeyError as error:
        raise IssuerInactiveError(f"the issuer cannot sign: {error.message}") from None
    not_before, not_after = _validity(request, profile, issuer, at)
    # 3. The bytes to be signed.
    content = CertificateContent(
        serial=random_serial() if serial is None else serial,
        algorithm=algorithm.identifier,
        issuer_name=request.subject.der if issuer is None else issuer.subject_raw,
        not_before=not_before,
        not_after=not_after,
        subject=request.subject.der,
        spki=request.spki,
        profile=profile,
        names=request.names,
        authority_key_id=key_id(request.spki) if issuer is None else key_id_of(issuer),
        crl_urls=urls.crl if urls else (),
        ocsp_urls=urls.ocsp if urls else (),
        issuer_urls=urls.issuer if urls else (),
    )
    tbs = encode_tbs(content)
    # 4. Looked at as a whole certificate, signed by a key that nobody trusts.
    findings = lint_certificate(
        draft(tbs, issuer_spki),
        None if issuer is None else issuer.der,
        tuple(one.der for one in chain),
    )
    if isinstance(request.subject, KeptName):
        findings = tuple(one for one in findings if one.id not in _RULES_FOR_NEW_NAMES)
    return Prepared(content, tbs, refuse_errors(findings), issuer_spki, maker=_MAKER)


def issue(prepared: Prepared, signer: Signer) -> Certificate:
    """The certificate, signed: exactly what was prepared, and only once.

    Raises:
        KeyUnavailableError: the key is not that of the issuer: what was prepared may still be
            issued by the right one. Or it could not be used: then prepare anew, because nobody
            knows what became of the signature.
    """
    if signer.spki != prepared.issuer_spki:
        raise KeyUnavailableError(
            "the private key is not that of the issuer",
            hint="what was prepared under one authority is not signed by another",
        )
    try:
        # Atomic: of two threads one gets it.
        prepared._token.pop()
    except IndexError:
        # Two certificates of one serial number: a defect of the caller (RFC 5280 §4.1.2.2).
        raise RuntimeError("what was prepared has been issued already") from None
    return Certificate.from_der(sign(prepared.tbs, signer))


def check_content(request: CertificateRequest, profile: Profile) -> None:
    """Make sure that a request is one of the profile, whoever will be the issuer.

    Raises:
        InvalidRequestError, WeakKeyError: as `prepare`.
    """
    days = request.days
    if days is not None and not 1 <= days <= profile.max_days:
        raise InvalidRequestError(
            f"{days} days are outside what the profile {profile.name} allows",
            hint=f"from 1 to {profile.max_days} days",
        )
    if len(request.names) and not profile.takes_names:
        raise InvalidRequestError(
            f"certificates of the profile {profile.name} have no alternative names",
            hint="leave them out",
        )
    if request.subject == Subject() and not len(request.names):
        raise InvalidRequestError(
            "there is neither a subject nor an alternative name",
            hint="give the certificate a common name",
        )
    check_public_key(request.spki)


def _validity(
    request: CertificateRequest, profile: Profile, issuer: Certificate | None, at: float
) -> tuple[int, int]:
    """The first and the last second."""
    begin = int(at) - profile.backdate_seconds
    days = profile.default_days if request.days is None else request.days
    if issuer is not None:
        if not issuer.not_before_at <= at < issuer.not_after_at + 1:
            early = at < issuer.not_before_at
            raise IssuerInactiveError(
                f"the authority {'is not valid before' if early else 'has expired on'} "
                + _date(issuer.not_before_at if early else issuer.not_after_at),
                hint="check the clock" if early else "rotate it: authz ca rotate",
            )
        begin = max(begin, int(issuer.not_before_at))
        most = (int(issuer.not_after_at) + 1 - begin) // DAY
        if request.days is None:
            days = min(days, most)
        if days > most or days < 1:
            raise IssuerInactiveError(
                f"the authority expires on {_date(issuer.not_after_at)}, "
                "before the certificate would",
                hint=f"ask for at most {most} days, or rotate the authority first: authz ca rotate",
            )
    end = begin + days * DAY - 1
    if end > encode.LAST_MOMENT:
        raise InvalidRequestError("the validity ends after the year 9999", hint="ask for less")
    return begin, end


def _date(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d}"
