# SPDX-License-Identifier: Apache-2.0
"""The part of a certificate that is signed, written by hand: TBSCertificate. RFC 5280 §4.1.

By hand, because the issuer's name must be the issuer's subject byte for byte, and because a key in
a token signs bytes, not a builder. What is right to write is not decided here (issuance.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.ca import encode
from authz.ca.lints import view
from authz.ca.signing import key_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.ca.names import AlternativeNames
    from authz.ca.profiles import Profile

_VERSION_3: Final = encode.explicit(0, encode.integer(2))
_EMPTY_NAME: Final = encode.sequence()
_OCSP: Final = encode.oid("1.3.6.1.5.5.7.48.1")
_CA_ISSUERS: Final = encode.oid("1.3.6.1.5.5.7.48.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateContent:
    """Everything a certificate says. Names, keys and the algorithm are DER, times Unix seconds."""

    serial: int
    algorithm: bytes
    issuer_name: bytes
    not_before: int
    not_after: int
    subject: bytes
    spki: bytes
    profile: Profile
    names: AlternativeNames
    authority_key_id: bytes
    crl_urls: tuple[str, ...] = ()
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()


def encode_tbs(content: CertificateContent) -> bytes:
    """The TBSCertificate in DER."""
    return encode.sequence(
        _VERSION_3,
        encode.integer(content.serial),
        content.algorithm,
        content.issuer_name,
        encode.sequence(encode.time(content.not_before), encode.time(content.not_after)),
        content.subject,
        content.spki,
        encode.explicit(3, encode.sequence(*_extensions(content))),
    )


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """One Extension; FALSE is the default and is not written (X.690 §11.5)."""
    flag = encode.TRUE if critical else b""
    return encode.sequence(encode.oid(oid), flag, encode.octet_string(value))


def authority_key_id(identifier: bytes) -> bytes:
    """An AuthorityKeyIdentifier of a key identifier alone (RFC 5280 §4.2.1.1)."""
    return encode.sequence(encode.tlv(0x80, identifier))


def distribution_points(urls: Iterable[str]) -> bytes:
    """CRLDistributionPoints: one point, which is at each of these addresses (§4.2.1.13)."""
    return encode.sequence(encode.sequence(distribution_point_name(urls)))


def distribution_point_name(urls: Iterable[str]) -> bytes:
    """The field distributionPoint: a full name of these addresses."""
    return encode.explicit(0, encode.explicit(0, *map(_url, urls)))


def _extensions(content: CertificateContent) -> Iterator[bytes]:
    profile = content.profile
    # RFC 5280 §4.2.1.9: critical; cA FALSE and a missing path length are not written.
    yield extension(view.BASIC_CONSTRAINTS, _basic_constraints(profile), critical=True)
    # RFC 5280 §4.2.1.3: SHOULD be critical.
    yield extension(view.KEY_USAGE, encode.named_bits(*profile.key_usage), critical=True)
    if profile.extended_key_usage:
        purposes = encode.sequence(*map(encode.oid, profile.extended_key_usage))
        yield extension(view.EXTENDED_KEY_USAGE, purposes)
    if len(content.names):
        # RFC 5280 §4.2.1.6: critical when there is no other name.
        alone = content.subject == _EMPTY_NAME
        yield extension(view.ALTERNATIVE_NAME, content.names.der, critical=alone)
    yield extension(view.SUBJECT_KEY_ID, encode.octet_string(key_id(content.spki)))
    yield extension(view.AUTHORITY_KEY_ID, authority_key_id(content.authority_key_id))
    accesses = [
        *(encode.sequence(_OCSP, _url(url)) for url in content.ocsp_urls),
        *(encode.sequence(_CA_ISSUERS, _url(url)) for url in content.issuer_urls),
    ]
    if accesses:
        yield extension(view.AUTHORITY_INFORMATION_ACCESS, encode.sequence(*accesses))
    if content.crl_urls:
        yield extension(view.CRL_DISTRIBUTION_POINTS, distribution_points(content.crl_urls))
    if profile.no_check:
        # RFC 6960 §4.2.2.2.1: the value is NULL.
        yield extension(view.OCSP_NO_CHECK, encode.NULL)


def _basic_constraints(profile: Profile) -> bytes:
    if not profile.is_ca:
        return encode.sequence()
    length = b"" if profile.path_length is None else encode.integer(profile.path_length)
    return encode.sequence(encode.TRUE, length)


def _url(text: str) -> bytes:
    return encode.tlv(0x86, text.encode("ascii"))
