# SPDX-License-Identifier: Apache-2.0
"""The demo's certificate builder with fixed keys and a fixed time, for tests that run fast.

    ca = root()                          # the same root, the same bytes, in every test
    alice = ca.client("alice")
    facts = presented(alice)             # as Envoy hands it over

Everything else (what can be changed, CRLs) is `authz.demo.pki`. `resign` makes certificates that
no builder would.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from authz.certs.presented import CertificateSource, Presented
from authz.certs.trust import AuthorityModel, RevocationMode
from authz.demo.keys import KeyKind, PrivateKey, digest_for
from authz.demo.pki import Issued, make_root, make_self_signed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from cryptography import x509

    from authz.demo.pki import Changes

__all__ = [
    "AT",
    "DAY",
    "KeyKind",
    "authority",
    "der",
    "fixed_key",
    "intermediate",
    "presented",
    "presented_pem",
    "resign",
    "root",
    "self_signed",
    "sign_tbs",
    "slow_key",
    "url_encoded",
    "xfcc_element",
]

#: 2026-03-01T12:00:00Z: the time all test certificates are valid at unless they say otherwise.
AT = 1772366400.0
DAY = 86400.0

_KEYS = Path(__file__).parent.parent / "vectors" / "certs" / "keys"
_ORDERS: dict[KeyKind, tuple[ec.EllipticCurve, int]] = {
    KeyKind.P256: (ec.SECP256R1(), 256),
    KeyKind.P384: (ec.SECP384R1(), 384),
    KeyKind.P521: (ec.SECP521R1(), 521),
    KeyKind.SECP256K1: (ec.SECP256K1(), 256),
}


@cache
def fixed_key(label: str, kind: KeyKind = KeyKind.P256) -> PrivateKey:
    """The private key of this label: the same one in every run.

    Elliptic curve and Edwards keys are derived from the label; RSA and DSA have one committed key
    a kind, whatever the label.
    """
    seed = hashlib.shake_256(f"{kind}:{label}".encode())
    if kind in _ORDERS:
        curve, bits = _ORDERS[kind]
        # Two bits short of the group order: never out of range, and no test needs uniformity.
        return ec.derive_private_key(int.from_bytes(seed.digest(66)) >> (528 - bits + 2), curve)
    if kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed.digest(32))
    if kind is KeyKind.ED448:
        return ed448.Ed448PrivateKey.from_private_bytes(seed.digest(57))
    loaded = serialization.load_pem_private_key((_KEYS / f"{kind}.pem").read_bytes(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey | dsa.DSAPrivateKey)
    return loaded


def slow_key(exponent_bits: int) -> rsa.RSAPrivateKey:
    """The RSA key of 2048 bits with a public exponent of so many bits: slow to verify with."""
    known = fixed_key("slow", KeyKind.RSA2048)
    assert isinstance(known, rsa.RSAPrivateKey)
    numbers = known.private_numbers()
    p, q = numbers.p, numbers.q
    phi = (p - 1) * (q - 1)
    e = 2**exponent_bits - 1
    while math.gcd(e, phi) != 1:
        e -= 2
    d = pow(e, -1, phi)
    made = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=numbers.iqmp,
        public_numbers=rsa.RSAPublicNumbers(e=e, n=p * q),
    )
    return made.private_key(unsafe_skip_rsa_key_validation=True)


@cache
def root(name: str = "Test Root CA") -> Issued:
    """A self-signed CA with a fixed key and serial number; other names are other CAs."""
    return make_root(name, at=AT, key=fixed_key(name), serial=_serial(name))


@cache
def intermediate(name: str = "Test Issuing CA", issuer: str = "Test Root CA") -> Issued:
    """A CA certificate issued by `root(issuer)`."""
    return root(issuer).intermediate(name, key=fixed_key(name), serial=_serial(name))


def self_signed(name: str = "self-signed", **changes: Unpack[Changes]) -> Issued:
    """An end-entity certificate that signed itself, valid at `AT`."""
    changes.setdefault("at", AT)
    changes.setdefault("key", fixed_key(name))
    return make_self_signed(name, **changes)


def authority(
    *certificates: Issued,
    name: str = "acme",
    crls: Iterable[bytes] = (),
    revoked_serials: Iterable[int] = (),
    revocation: RevocationMode = RevocationMode.STRICT,
    crl_sources_configured: int | None = None,
) -> AuthorityModel:
    """An authority as data, as sources would read it; `root()` when no certificate is given."""
    read = tuple(crls)
    return AuthorityModel(
        name=name,
        certificates=tuple(one.der for one in certificates or (root(),)),
        crls=read,
        revoked_serials=tuple(revoked_serials),
        revocation=revocation,
        crl_sources_configured=(
            len(read) if crl_sources_configured is None else crl_sources_configured
        ),
        where=f"policy.yaml: trust {name}",
    )


def url_encoded(pem: bytes | str) -> str:
    """PEM as Envoy puts it into `source.certificate`: these five characters and no others."""
    text = pem if isinstance(pem, str) else pem.decode()
    for character in "\n +/=":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def xfcc_element(issued: Issued, *, chain: bool = False) -> str:
    """What a proxy that saw this certificate writes into x-forwarded-client-cert."""
    pem = url_encoded(issued.pem)
    element = f'Hash={issued.fingerprint};Cert="{pem}"'
    return f'{element};Chain="{pem}"' if chain else element


def presented(
    certificate: Issued,
    *intermediates: Issued,
    source: CertificateSource = CertificateSource.ENVOY,
) -> Presented:
    """A peer certificate as it reaches us; with XFCC the intermediates go into `chain`."""
    leaf = certificate.pem
    if source is CertificateSource.ENVOY:
        return Presented(
            source=source,
            certificate=url_encoded(leaf + b"".join(one.pem for one in intermediates)),
        )
    chain = leaf + b"".join(one.pem for one in intermediates)
    return Presented(
        source=source,
        certificate=url_encoded(leaf),
        chain=url_encoded(chain) if intermediates else "",
    )


def presented_pem(certificate: str, *intermediates: str) -> Presented:
    """A peer certificate given in PEM, as Envoy hands it over."""
    return Presented(certificate=url_encoded("".join((certificate, *intermediates))))


def der(tag: int, *contents: bytes) -> bytes:
    """One DER element with a definite length."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def resign(certificate: x509.Certificate, key: PrivateKey, *edits: tuple[bytes, bytes]) -> bytes:
    """The certificate with byte strings of its signed part replaced, signed again by `key`.

    Replacements must have the length of what they replace. Each must occur exactly once.
    """
    tbs = certificate.tbs_certificate_bytes
    for old, new in edits:
        if len(old) != len(new) or tbs.count(old) != 1:
            raise ValueError(f"cannot replace {old.hex()}")
        tbs = tbs.replace(old, new)
    return sign_tbs(tbs, certificate, key)


def sign_tbs(tbs: bytes, like: x509.Certificate, key: PrivateKey) -> bytes:
    """A certificate of these to-be-signed bytes, with the signature algorithm of `like`."""
    whole = like.public_bytes(serialization.Encoding.DER)
    after = whole.index(like.tbs_certificate_bytes) + len(like.tbs_certificate_bytes)
    algorithm = whole[after : after + 2 + whole[after + 1]]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        digest = digest_for(key)
        assert digest is not None
        signature = key.sign(tbs, ec.ECDSA(digest, deterministic_signing=True))
    elif isinstance(key, rsa.RSAPrivateKey):
        digest = digest_for(key)
        assert digest is not None
        signature = key.sign(tbs, padding.PKCS1v15(), digest)
    else:
        raise TypeError(f"cannot sign with {type(key).__name__}")
    return der(0x30, tbs, algorithm, der(0x03, b"\0", signature))


def _serial(label: str) -> int:
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8]) | 1
