# SPDX-License-Identifier: Apache-2.0
"""Authorities of `authz.ca` for tests, certificate signing requests, and the openssl command.

ca = issuing()                       # the same authority in every test of a process
alice = issue_client("alice")        # a certificate of it, with its key
text = csr("alice")                  # a request in PEM
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from authz.ca.authority import NewAuthority, create_intermediate, create_root
from authz.ca.issuance import CertificateRequest, PublicationUrls, issue, prepare
from authz.ca.keys import LocalSigner, generate_key
from authz.ca.names import Subject
from authz.ca.profiles import CLIENT
from authz.certs.pem import write_pem
from tests.factories.pki import AT, fixed_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authz.certs.certificate import Certificate
    from authz.demo.keys import PrivateKey

URLS = PublicationUrls(
    crl=("http://pki.example.com/ca.crl",),
    ocsp=("http://pki.example.com/ocsp",),
    issuer=("http://pki.example.com/ca.der",),
)


@dataclass(frozen=True)
class Client:
    """A client certificate and its key."""

    certificate: Certificate
    signer: LocalSigner


@cache
def root() -> NewAuthority:
    """A root, valid at `AT`."""
    return create_root(Subject.of("Acme Root", organization="Acme", country="DE"), at=AT)


@cache
def issuing() -> NewAuthority:
    """An authority below `root`."""
    above = root()
    return create_intermediate(
        Subject.of("Acme Issuing CA"),
        issuer=above.certificate,
        issuer_signer=above.signer,
        at=AT,
        urls=URLS,
    )


def issue_client(
    name: str = "alice", *, by: NewAuthority | None = None, at: float = AT, days: int | None = None
) -> Client:
    """A client certificate of `issuing` or another authority."""
    authority = by or issuing()
    signer = generate_key()
    request = CertificateRequest(subject=Subject.of(name), spki=signer.spki, days=days)
    prepared = prepare(request, profile=CLIENT, issuer=authority.certificate, at=at, urls=URLS)
    return Client(certificate=issue(prepared, authority.signer), signer=signer)


def csr(
    *attributes: tuple[x509.ObjectIdentifier, str] | str,
    key: PrivateKey | None = None,
    digest: hashes.HashAlgorithm | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """A request in PEM; a bare text is a common name."""
    pairs = [(NameOID.COMMON_NAME, one) if isinstance(one, str) else one for one in attributes]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    signer = key or fixed_key("csr")
    assert isinstance(
        signer, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    )
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    request = builder.sign(signer, None if edwards else digest or hashes.SHA256())  # type: ignore[arg-type]  # tests sign with any hash
    return request.public_bytes(serialization.Encoding.PEM)


def write_certificates(path: Path, *certificates: Certificate) -> Path:
    """A PEM file of these certificates."""
    path.write_text("".join(write_pem(one.der, "CERTIFICATE") for one in certificates))
    return path


def openssl(*arguments: object, stdin: bytes = b"") -> str:
    """What `openssl ARGUMENTS` says on both outputs; its failure is the test's."""
    done = subprocess.run(  # the arguments are the test's own
        ["openssl", *map(str, arguments)],  # the one of this machine
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    output = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, output
    return output
