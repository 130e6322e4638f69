# SPDX-License-Identifier: Apache-2.0
"""Which secrets there are and what is in each: `trust`, and `trust/NAME` for each site.

Pure: a `SecretSet` is made of trust material, a setting and a time, and never changes. No bundle is
ever empty, because Envoy would then ask for no certificate at all: a site without authorities, and
a name that no site has, get the certificate that nobody has the key of (certs.nobody). When what is
sent to whom is streams.py's business.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from authz.certs.nobody import nobody_certificate
from authz.errors import CertificateError
from authz.pb import secret_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.sds.material import Bundle, Crl, TrustMaterial

#: The secret of all sites together: for a listener that serves several.
EVERY_SITE: Final = "trust"

#: Before the name of a site: the secret of that site alone.
OF_SITE: Final = "trust/"

#: envoy.extensions.transport_sockets.tls.v3.Secret, written out because our protos have their own
#: package.
TYPE_URL: Final = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

_NO_SITE: Final = "no site has this name"
_NO_AUTHORITY: Final = "the site trusts no authority"
_LINE: Final = 64  # RFC 7468 §2
_VERSION_DIGITS: Final = 24


class SecretKind(StrEnum):
    """What a secret came to be; a label of a metric."""

    #: The authorities, and their CRLs where these are wanted.
    TRUST = "trust"
    #: The authorities without CRLs, although they are wanted: some are missing or stale.
    WITHOUT_CRLS = "without_crls"
    #: A bundle that nobody can satisfy.
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret: an Envoy `Secret` in bytes.

    `version` is the same exactly when the content is. `why` says why it is not simply what was
    asked for: empty for SecretKind.TRUST.
    """

    name: str
    version: str
    kind: SecretKind
    why: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What sites that trust the same authorities share."""

    kind: SecretKind
    version: str
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()
    why: str = ""


class SecretSet:
    """The secrets of one publication.

    Args:
        material: what there is.
        generation: the number of the publication, for people.
        crls: whether CRLs are wanted (`sds.crls`).
        at: Unix seconds: which CRLs are current.
    """

    def __init__(self, material: TrustMaterial, generation: int, *, crls: bool, at: float) -> None:
        self.generation = generation
        self._material = material
        self._with_crls = crls
        self._at = at
        self._bundles = {OF_SITE + site.name: site.bundle for site in material.sites}
        self._contents: dict[int | None, _Content] = {}
        # PEM is made when it is first sent: most publications change no bundle.
        self._made: dict[str, Secret] = {}

    def names(self) -> tuple[str, ...]:
        """The names that have something of their own behind them."""
        return (EVERY_SITE, *self._bundles)

    def version(self, name: str) -> str:
        """The version that `secret(name)` has, without making it."""
        return self._content(name).version

    def kind(self, name: str) -> SecretKind:
        """The kind that `secret(name)` has, without making it."""
        return self._content(name).kind

    def secret(self, name: str) -> Secret:
        """The secret of any name at all."""
        made = self._made.get(name)
        if made is None:
            made = _secret(name, self._content(name))
            # Whoever asks chooses the name: only those that exist are remembered.
            if name == EVERY_SITE or name in self._bundles:
                self._made[name] = made
        return made

    def _content(self, name: str) -> _Content:
        if name == EVERY_SITE:
            position = None
        elif name in self._bundles:
            position = self._bundles[name]
        else:
            return _nobody(_NO_SITE)
        content = self._contents.get(position)
        if content is None:
            content = self._contents[position] = self._content_of(position)
        return content

    def _content_of(self, position: int | None) -> _Content:
        bundles = self._material.bundles
        chosen = bundles if position is None else (bundles[position],)
        certificates = self._certificates(chosen)
        if not certificates:
            return _nobody("no site trusts anybody" if position is None else _NO_AUTHORITY)
        why = ""
        crls: tuple[bytes, ...] = ()
        if self._with_crls:
            crls, why = current_crls(certificates, self._crls(chosen), self._at)
        return _Content(
            kind=SecretKind.WITHOUT_CRLS if why else SecretKind.TRUST,
            version=_version((certificates, crls)),
            certificates=certificates,
            crls=crls,
            why=why,
        )

    def _certificates(self, bundles: Iterable[Bundle]) -> tuple[bytes, ...]:
        positions = sorted({one for bundle in bundles for one in bundle.certificates})
        return tuple(self._material.certificates[one] for one in positions)

    def _crls(self, bundles: Iterable[Bundle]) -> tuple[Crl, ...]:
        positions = sorted({one for bundle in bundles for one in bundle.crls})
        return tuple(self._material.crls[one] for one in positions)


def current_crls(
    certificates: Sequence[bytes], crls: Iterable[Crl], at: float
) -> tuple[tuple[bytes, ...], str]:
    """The CRLs (DER) that Envoy needs with a bundle, or none and why.

    Once there is one CRL, Envoy wants one for every certificate of a path, the anchor's own
    included, and refuses everybody who has a path without: it is all of them or none.
    """
    # Without CRLs nothing here is read, and cryptography's 10 MB are not loaded.
    from authz.certs.certificate import Certificate

    try:
        read = [Certificate.from_der(der, allow_zero_serial=True) for der in certificates]
    except CertificateError as error:
        return (), f"a certificate cannot be read: {error.message}"
    newest: dict[tuple[str, bytes], Crl] = {}
    for crl in crls:
        if crl.is_complete and crl.this_update <= at < crl.next_update:
            known = newest.setdefault((crl.issuer, crl.issuer_key), crl)
            if known.this_update < crl.this_update:
                newest[crl.issuer, crl.issuer_key] = crl
    subjects = {one.subject_raw for one in read}
    needed: dict[bytes, None] = {}
    for one in read:
        if one.issuer_raw not in subjects:
            return (), f"{one.subject_dn!r} is an anchor that another CA issued, which is not there"
        found = newest.get((one.subject_dn, hashlib.sha256(one.spki).digest()))
        if found is None:
            return (), f"there is no complete and current CRL of {one.subject_dn!r}"
        needed[found.der] = None
    return tuple(needed), ""


def _secret(name: str, content: _Content) -> Secret:
    context = pb.CertificateValidationContext(
        trusted_ca=pb.DataSource(inline_bytes=_pem(b"CERTIFICATE", content.certificates))
    )
    if content.crls:
        context.crl.inline_bytes = _pem(b"X509 CRL", content.crls)
    message = pb.Secret(name=name, validation_context=context)
    return Secret(
        name=name,
        version=content.version,
        kind=content.kind,
        why=content.why,
        data=message.SerializeToString(deterministic=True),
    )


@cache
def _nobody(why: str) -> _Content:
    certificates = (nobody_certificate(),)
    return _Content(
        kind=SecretKind.NOBODY,
        version=_version((certificates, ())),
        certificates=certificates,
        why=why,
    )


def _version(parts: Iterable[tuple[bytes, ...]]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        # Lengths first: no two different contents may feed the same bytes.
        digest.update(len(part).to_bytes(8))
        for der in part:
            digest.update(len(der).to_bytes(8) + hashlib.sha256(der).digest())
    return digest.hexdigest()[:_VERSION_DIGITS]


def _pem(label: bytes, ders: Iterable[bytes]) -> bytes:
    lines: list[bytes] = []
    for der in ders:
        text = base64.b64encode(der)
        lines.append(b"-----BEGIN " + label + b"-----")
        lines += [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
        lines.append(b"-----END " + label + b"-----")
    return b"\n".join(lines) + b"\n"
