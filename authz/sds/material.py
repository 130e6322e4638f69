# SPDX-License-Identifier: Apache-2.0
"""What trust bundles are made of, as plain data: certificates and CRLs in DER, and whose they are.

Taken from a policy model where that is made, kept beside the snapshot as bytes, so that a restart
serves the last bundles before there is a policy. Everything is there once: hundreds of sites share
the same authorities. What Envoy gets of it is secrets.py's business.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from authz.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.certs.authority import AuthorityModel, CrlModel
    from authz.policy.model import PolicyModel

#: The first of the encoded fields; another one means another layout.
_VERSION: Final = 1


class Crl(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A CRL and what decides whether Envoy can use it. Times are Unix seconds.

    `issuer` is the name of the CA that signed it and `issuer_key` the SHA-256 of that CA's
    SubjectPublicKeyInfo. `is_complete`: no delta, and no partition, so that it covers every
    certificate of its issuer.
    """

    der: bytes
    issuer: str
    issuer_key: bytes
    this_update: float
    next_update: float
    is_complete: bool


class Bundle(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Positions in `TrustMaterial.certificates` and `.crls`, each once, in their order."""

    certificates: tuple[int, ...]
    crls: tuple[int, ...]


class Site(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A site's name, and the position of its bundle in `TrustMaterial.bundles`."""

    name: str
    bundle: int


class TrustMaterial(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The anchors, intermediates and CRLs of every site. Equal material is equal bytes."""

    version: int = _VERSION
    certificates: tuple[bytes, ...] = ()
    crls: tuple[Crl, ...] = ()
    bundles: tuple[Bundle, ...] = ()
    sites: tuple[Site, ...] = ()

    def encode(self) -> bytes:
        """The material as bytes (MessagePack)."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> TrustMaterial:
        """The material of these bytes.

        Raises:
            PolicyError: they are not what `encode` makes.
        """
        try:
            found = _DECODER.decode(data)
        except msgspec.MsgspecError as error:
            raise _damaged(str(error)) from error
        if found.version != _VERSION:
            raise _damaged(f"they have layout {found.version}, not {_VERSION}")
        if not all(
            _within(bundle.certificates, found.certificates) and _within(bundle.crls, found.crls)
            for bundle in found.bundles
        ) or not _within((site.bundle for site in found.sites), found.bundles):
            raise _damaged("a position in them leads nowhere")
        return found


_DECODER: Final = msgspec.msgpack.Decoder(TrustMaterial)


def material_of(model: PolicyModel, *, crls: bool = True) -> TrustMaterial:
    """The trust material of a policy's sites.

    `model` is one that was just made: a snapshot file no longer has the DER of large CRLs.
    `crls` false leaves them out, for settings that do not send them (`sds.crls`).

    Raises:
        CertificateError: an authority's certificate or CRL cannot be used; a model that was
            compiled has none such.
    """
    gathering = _Gathering(crls)
    sites = tuple(Site(name=site.name, bundle=gathering.bundle(site.trust)) for site in model.sites)
    return TrustMaterial(
        certificates=tuple(gathering.certificates),
        crls=tuple(gathering.crls),
        bundles=tuple(gathering.bundles),
        sites=sites,
    )


class _Gathering:
    """Everything seen so far, each once, in the order of its first sight."""

    def __init__(self, with_crls: bool) -> None:
        self._with_crls = with_crls
        self.certificates: dict[bytes, int] = {}
        self.crls: list[Crl] = []
        self._positions: dict[bytes, int] = {}
        self.bundles: dict[Bundle, int] = {}
        # An authority that sites share is the same object in each of them.
        self._seen: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}

    def bundle(self, trust: tuple[AuthorityModel, ...]) -> int:
        """The position of the bundle of these authorities."""
        certificates: set[int] = set()
        crls: set[int] = set()
        for authority in trust:
            if id(authority) not in self._seen:
                self._seen[id(authority)] = self._certificates(authority), self._crls(authority)
            ours, theirs = self._seen[id(authority)]
            certificates.update(ours)
            crls.update(theirs)
        bundle = Bundle(certificates=tuple(sorted(certificates)), crls=tuple(sorted(crls)))
        return self.bundles.setdefault(bundle, len(self.bundles))

    def _certificates(self, authority: AuthorityModel) -> tuple[int, ...]:
        return tuple(
            self.certificates.setdefault(der, len(self.certificates))
            for der in authority.certificates
        )

    def _crls(self, authority: AuthorityModel) -> tuple[int, ...]:
        if not self._with_crls or not authority.crls:
            return ()
        # Large ones were read when they were loaded; reading them again takes seconds.
        read = {one.sha256: one for one in authority.read_crls}
        found: list[int] = []
        for der in authority.crls:
            digest = hashlib.sha256(der).digest()
            if digest not in self._positions:
                self._positions[digest] = len(self.crls)
                self.crls.append(_crl(der, read.get(digest) or _read(der, authority)))
            found.append(self._positions[digest])
        return tuple(found)


def _read(der: bytes, authority: AuthorityModel) -> CrlModel:
    # Only whoever makes material needs cryptography; a process that serves it does without.
    from authz.certs.crl import read_crl
    from authz.certs.trust import read_certificates

    return read_crl(der, read_certificates(authority), where=authority.where)


def _crl(der: bytes, read: CrlModel) -> Crl:
    return Crl(
        der=der,
        issuer=read.issuer,
        issuer_key=hashlib.sha256(read.spki).digest(),
        this_update=read.this_update,
        next_update=read.next_update,
        # A partition has a scope; Envoy compares it with names in the certificates.
        is_complete=read.base_number is None and not read.scope,
    )


def _within(positions: Iterable[int], of: tuple[object, ...]) -> bool:
    return all(0 <= position < len(of) for position in positions)


def _damaged(what: str) -> PolicyError:
    return PolicyError(
        f"the bytes are no trust material: {what}",
        hint="publish the policy again; Envoy keeps the bundles that it has until then",
    )
