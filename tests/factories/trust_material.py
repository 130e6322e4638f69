# SPDX-License-Identifier: Apache-2.0
"""Trust material of sites that are given by name, and what is in the secrets that come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.pem import split_crls, split_pem
from authz.pb import secret_pb2 as pb
from authz.policy.model import PolicyModel, SiteModel
from authz.sds.material import TrustMaterial, material_of
from authz.sds.secrets import SecretSet
from tests.factories.pki import AT, authority, root

if TYPE_CHECKING:
    from authz.certs.trust import AuthorityModel
    from authz.demo.pki import Issued
    from authz.sds.secrets import Secret

__all__ = ["bundle", "crls", "material", "of", "policy", "secrets"]


def policy(**sites: AuthorityModel | tuple[AuthorityModel, ...]) -> PolicyModel:
    """A policy with these sites, each trusting these authorities."""
    return PolicyModel(
        sites=tuple(
            SiteModel(
                name=name,
                hosts=(f"{name}.example",),
                trust=trust if isinstance(trust, tuple) else (trust,),
            )
            for name, trust in sites.items()
        )
    )


def material(**sites: AuthorityModel | tuple[AuthorityModel, ...]) -> TrustMaterial:
    """The trust material of `policy(...)`."""
    return material_of(policy(**sites))


def of(*certificates: Issued, crls: tuple[bytes, ...] = (), name: str = "acme") -> AuthorityModel:
    """An authority of these certificates; of `root()` when there are none."""
    return authority(*certificates or (root(),), crls=crls, name=name)


def secrets(
    given: TrustMaterial | None = None, generation: int = 1, *, crls: bool = False, at: float = AT
) -> SecretSet:
    """The secrets of one site `api` that trusts `root()`, or of other material."""
    return SecretSet(given or material(api=of()), generation, crls=crls, at=at)


def _context(secret: Secret | bytes) -> pb.CertificateValidationContext:
    data = secret if isinstance(secret, bytes) else secret.data
    return pb.Secret.FromString(data).validation_context


def bundle(secret: Secret | bytes) -> tuple[bytes, ...]:
    """The DER of a secret's certificates."""
    return split_pem(_context(secret).trusted_ca.inline_bytes)


def crls(secret: Secret | bytes) -> tuple[bytes, ...]:
    """The DER of a secret's CRLs."""
    context = _context(secret)
    return split_crls(context.crl.inline_bytes) if context.HasField("crl") else ()
