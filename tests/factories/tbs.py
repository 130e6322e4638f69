# SPDX-License-Identifier: Apache-2.0
"""Certificates and CRLs put together from their parts, for what no builder of ours would make.

Everything is right by default, and a test changes one part. Nothing is signed: lints do not ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from authz.ca import encode
from authz.ca.key_kinds import algorithm_of
from authz.ca.lints import view
from authz.ca.names import AlternativeNames, Subject
from authz.ca.signing import key_id
from authz.ca.tbs import authority_key_id, distribution_points, extension
from tests.factories.issuing import issuing, root
from tests.factories.pki import AT, fixed_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from authz.ca.authority import NewAuthority

DAY = 86400


def spki_of(label: str) -> bytes:
    """The public key of a fixed key."""
    from authz.ca.keys import LocalSigner

    key = fixed_key(label)
    return LocalSigner(key).spki  # type: ignore[arg-type]  # P-256


class Parts(TypedDict, total=False):
    """The parts of a certificate in DER; `extensions` replaces (None: leaves out) by its OID."""

    version: bytes
    serial: bytes
    inner: bytes
    outer: bytes
    issuer_name: bytes
    not_before: bytes
    not_after: bytes
    subject: bytes
    spki: bytes
    extensions: Mapping[str, bytes | None]
    more: Sequence[bytes]


def client(by: NewAuthority | None = None, **parts: Unpack[Parts]) -> bytes:
    """A client certificate of `issuing` (or another authority)."""
    issuer = (by or issuing()).certificate
    own = parts.get("spki", spki_of("client"))
    extensions: dict[str, bytes | None] = {
        view.BASIC_CONSTRAINTS: extension(view.BASIC_CONSTRAINTS, encode.sequence(), critical=True),
        view.KEY_USAGE: extension(view.KEY_USAGE, encode.named_bits(0), critical=True),
        view.EXTENDED_KEY_USAGE: extension(
            view.EXTENDED_KEY_USAGE, encode.sequence(encode.oid("1.3.6.1.5.5.7.3.2"))
        ),
        view.ALTERNATIVE_NAME: extension(
            view.ALTERNATIVE_NAME,
            AlternativeNames(
                dns=("a.example",), uri=("a:b",), email=("a@b.example",), ip=("::1", "10.0.0.1")
            ).der,
        ),
        view.AUTHORITY_INFORMATION_ACCESS: extension(
            view.AUTHORITY_INFORMATION_ACCESS, access("http://pki.example.com/ocsp")
        ),
        view.CRL_DISTRIBUTION_POINTS: extension(
            view.CRL_DISTRIBUTION_POINTS, distribution_points(["http://pki.example.com/crl"])
        ),
    }
    return _certificate(issuer.spki, issuer.subject_raw, issuer.ski, own, extensions, parts)


def intermediate(by: NewAuthority | None = None, **parts: Unpack[Parts]) -> bytes:
    """A CA certificate below `root` (or another authority)."""
    issuer = (by or root()).certificate
    own = parts.get("spki", spki_of("intermediate"))
    return _certificate(
        issuer.spki, issuer.subject_raw, issuer.ski, own, _of_a_ca(path_length=0), parts
    )


def self_signed(**parts: Unpack[Parts]) -> bytes:
    """A root."""
    own = parts.get("spki", spki_of("root"))
    name = parts.get("subject", Subject.of("Root").der)
    parts.setdefault("subject", name)
    ski = key_id(own).hex()
    return _certificate(own, name, ski, own, _of_a_ca(path_length=None), parts)


def _of_a_ca(*, path_length: int | None) -> dict[str, bytes | None]:
    length = b"" if path_length is None else encode.integer(path_length)
    constraints = encode.sequence(encode.TRUE, length)
    return {
        view.BASIC_CONSTRAINTS: extension(view.BASIC_CONSTRAINTS, constraints, critical=True),
        view.KEY_USAGE: extension(view.KEY_USAGE, encode.named_bits(5, 6), critical=True),
    }


def access(url: str, tag: int = 0x86) -> bytes:
    """The value of an authority information access: OCSP at this address."""
    name = encode.tlv(tag, url.encode())
    return encode.sequence(encode.sequence(encode.oid("1.3.6.1.5.5.7.48.1"), name))


def general_names(*names: tuple[int, bytes]) -> bytes:
    """The value of a subject alternative name."""
    return encode.sequence(*(encode.tlv(tag, content) for tag, content in names))


def name(oid: str, value: bytes) -> bytes:
    """A Name of one attribute, whose value is DER."""
    pair = encode.sequence(encode.oid(oid), value)
    return encode.sequence(encode.tlv(encode.SET, pair))


def _certificate(
    issuer_spki: bytes,
    issuer_name: bytes,
    issuer_ski: str,
    own: bytes,
    extensions: dict[str, bytes | None],
    parts: Parts,
) -> bytes:
    right = parts.get("outer") or algorithm_of(issuer_spki).identifier
    algorithm = parts.get("inner", right)
    identifiers = {
        view.SUBJECT_KEY_ID: extension(view.SUBJECT_KEY_ID, encode.octet_string(key_id(own))),
        view.AUTHORITY_KEY_ID: extension(
            view.AUTHORITY_KEY_ID, authority_key_id(bytes.fromhex(issuer_ski))
        ),
    }
    merged = {**extensions, **identifiers, **parts.get("extensions", {})}
    written = [one for one in merged.values() if one is not None] + list(parts.get("more", ()))
    tbs = encode.sequence(
        parts.get("version", encode.explicit(0, encode.integer(2))),
        parts.get("serial", encode.integer(2**150 + 7)),
        algorithm,
        parts.get("issuer_name", issuer_name),
        encode.sequence(
            parts.get("not_before", encode.time(AT)),
            parts.get("not_after", encode.time(AT + 90 * DAY - 1)),
        ),
        parts.get("subject", Subject.of("alice", country="DE").der),
        own,
        encode.explicit(3, encode.sequence(*written)) if written else b"",
    )
    return encode.sequence(tbs, right, encode.bit_string(b"none"))


class CrlParts(TypedDict, total=False):
    """The parts of a CRL in DER; `extensions` as with certificates."""

    version: bytes
    inner: bytes
    outer: bytes
    issuer_name: bytes
    this_update: bytes
    next_update: bytes
    entries: Sequence[bytes]
    extensions: Mapping[str, bytes | None]
    more: Sequence[bytes]


def entry(serial: int, *reason: int) -> bytes:
    """An entry of a CRL, with its reason if there is one."""
    reasons = [encode.sequence(extension("2.5.29.21", encode.enumerated(one))) for one in reason]
    return encode.sequence(encode.integer(serial), encode.time(AT), *reasons)


def crl(by: NewAuthority | None = None, **parts: Unpack[CrlParts]) -> bytes:
    """A complete CRL of `issuing` (or another authority) with two entries."""
    issuer = (by or issuing()).certificate
    algorithm = algorithm_of(issuer.spki).identifier
    extensions: dict[str, bytes | None] = {
        view.AUTHORITY_KEY_ID: extension(
            view.AUTHORITY_KEY_ID, authority_key_id(bytes.fromhex(issuer.ski))
        ),
        "2.5.29.20": extension("2.5.29.20", encode.integer(7)),
        "2.5.29.46": extension(
            "2.5.29.46", distribution_points(["http://pki.example.com/delta.crl"])
        ),
        **parts.get("extensions", {}),
    }
    written = [one for one in extensions.values() if one is not None] + list(parts.get("more", ()))
    entries = parts.get("entries", (entry(5), entry(6, 1)))
    tbs = encode.sequence(
        parts.get("version", encode.integer(1)),
        parts.get("inner", algorithm),
        parts.get("issuer_name", issuer.subject_raw),
        parts.get("this_update", encode.time(AT)),
        parts.get("next_update", encode.time(AT + DAY)),
        encode.sequence(*entries) if entries else b"",
        encode.explicit(0, encode.sequence(*written)) if written else b"",
    )
    return encode.sequence(tbs, parts.get("outer", algorithm), encode.bit_string(b"none"))
