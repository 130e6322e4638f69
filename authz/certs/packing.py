# SPDX-License-Identifier: Apache-2.0
"""An authority with large CRLs or many revoked serial numbers, read once for all processes.

What takes seconds and memory (checking a CRL's signature, going through a million entries) is done
by whoever loads a policy; the others get packed sets and trust them as they trust the anchors that
come with them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.crl import read_crl
from authz.certs.serials import rebase
from authz.certs.trust import read_certificates

if TYPE_CHECKING:
    from authz.certs.authority import AuthorityModel, CrlModel
    from authz.packed import Section


def pack_authority(model: AuthorityModel, earlier: AuthorityModel | None = None) -> AuthorityModel:
    """The same authority with its CRLs read and many serial numbers packed.

    Serial numbers that are packed already stay as they are.

    Args:
        earlier: the authority as it was packed before: what is the same is not made again. Its
            `read_crls` begin with those of its `crls`, in their order.

    Raises:
        CertificateError: a certificate or CRL cannot be used; `compile_trust` would say the same.
    """
    certificates = read_certificates(model)
    base: Section | None = None
    known: dict[bytes, CrlModel] = {}
    # The very bytes that were read before: not even their hash has to be computed again.
    same: dict[bytes, CrlModel] = {}
    if earlier is not None:
        base = earlier.revoked_base
        # Who may have signed a CRL depends on the certificates.
        if earlier.certificates == model.certificates:
            known = {crl.sha256: crl for crl in earlier.read_crls}
            same = dict(zip(earlier.crls, earlier.read_crls, strict=False))
    if model.revoked_base is None:
        base, revoked, restored = rebase(base, model.revoked_serials)
    else:
        base, revoked = model.revoked_base, model.revoked_serials
        restored = model.restored_serials
    return replace(
        model,
        read_crls=tuple(
            same.get(der)
            or known.get(hashlib.sha256(der).digest())
            or read_crl(der, certificates, where=model.where)
            for der in model.crls
        ),
        revoked_base=base,
        revoked_serials=revoked,
        restored_serials=restored,
    )
