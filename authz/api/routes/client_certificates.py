# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/client_certificates`: issue, list, get, restore, revoke.

Revoking and restoring are done when the call returns: the `pending_…` statuses can be asked for,
and no certificate has them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request

from authz.api.calls import Call, zone_call
from authz.api.envelope import Envelope, Paged, ok, paged
from authz.api.models.client_certificates import (
    CertificateChange,
    ClientCertificateObject,
    NewClientCertificate,
    Revocation,
    Status,
)
from authz.api.problems import pointed
from authz.api.refusals import refused
from authz.api.request_keys import request_key_of
from authz.errors import InvalidCsrError, NotFoundError, WeakKeyError
from authz.services.certificates import (
    MAX_PER_PAGE,
    certificate_in_zone,
    list_certificates,
    set_label,
)
from authz.services.managed_authority import issue_in_zone
from authz.services.permissions import Level, Resource
from authz.services.representation import certificate_object
from authz.services.revocation import UNSPECIFIED, restore_certificate, revoke_certificate

router = APIRouter(tags=["Client certificates"])

#: Of a key in a CSR that is sent here. An RSA key is looked at with the interpreter's lock held
#: (ca.rsa_keys): 0.3 s of 4096 bits, in which no other call is served, and seconds of 8192.
MAX_RSA_BITS: Final = 4096

_FURTHEST: Final = 1_000_000_000

Reader = Annotated[Call, zone_call(Resource.CERTIFICATES, Level.READ)]
Writer = Annotated[Call, zone_call(Resource.CERTIFICATES, Level.WRITE)]
CertificateId = Annotated[
    str, Path(description="The certificate's identifier.", examples=["0" * 32])
]


@router.post(
    "/zones/{zone_id}/client_certificates", response_model=Envelope[ClientCertificateObject]
)
def create(
    new: NewClientCertificate,
    request: Request,
    call: Writer,
    idempotency_key: Annotated[
        str | None, Header(description="Repeated with the same one: the same certificate.")
    ] = None,
) -> dict[str, Any]:
    """Issue a certificate for a CSR, by the zone's embedded CA, which is made if there is none."""
    asked = (new.csr, str(new.validity_days), new.label, new.certificate_authority_id)
    try:
        issued = issue_in_zone(
            call.store,
            new.csr,
            call.zone_id,
            authority_id=new.certificate_authority_id,
            label=new.label or "",
            days=new.validity_days,
            request_key=request_key_of(request, call, idempotency_key, asked),
            max_rsa_bits=MAX_RSA_BITS,
            encryption=call.backend.encryption,
            publication_url=call.backend.publication_url,
            actor=call.actor,
            at=call.at,
        )
    except (InvalidCsrError, WeakKeyError) as error:
        raise pointed(error, "/csr") from None
    except NotFoundError as error:
        raise pointed(error, "/certificate_authority_id") from None
    return ok(certificate_object(issued.certificate, issued.authority.authority.name))


@router.get("/zones/{zone_id}/client_certificates", response_model=Paged[ClientCertificateObject])
def list_them(
    call: Reader,
    status: Status = "all",
    search: Annotated[
        str,
        Query(
            max_length=255,
            description="Words that label, names, serial number or fingerprint begin with.",
        ),
    ] = "",
    page: Annotated[int, Query(ge=1, le=_FURTHEST)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 20,
    limit: Annotated[
        int | None, Query(ge=1, le=MAX_PER_PAGE, description="The same as per_page.")
    ] = None,
    offset: Annotated[int, Query(ge=0, le=_FURTHEST, description="Where the pages begin.")] = 0,
) -> dict[str, Any]:
    """The zone's certificates, the latest first; nothing behind the last page."""
    # The SDK counts pages also when it was given limit and offset, until one is empty.
    size = limit or per_page
    if status.startswith("pending_"):
        return paged([], page=page, per_page=size, total=0)
    found = list_certificates(
        call.store,
        call.zone_id,
        status=status,
        search=search,
        page=page,
        per_page=size,
        offset=offset,
    )
    objects = [
        certificate_object(one, found.authorities[one.authority_id]) for one in found.certificates
    ]
    return paged(objects, page=page, per_page=size, total=found.total, offset=offset)


@router.get(
    "/zones/{zone_id}/client_certificates/{certificate_id}",
    response_model=Envelope[ClientCertificateObject],
)
def get(call: Reader, certificate_id: CertificateId) -> dict[str, Any]:
    """One certificate, also a revoked one."""
    return ok(certificate_object(*certificate_in_zone(call.store, call.zone_id, certificate_id)))


@router.patch(
    "/zones/{zone_id}/client_certificates/{certificate_id}",
    response_model=Envelope[ClientCertificateObject],
)
def change(asked: CertificateChange, call: Writer, certificate_id: CertificateId) -> dict[str, Any]:
    """Restore a certificate (`reactivate: true`), or give it another label."""
    known, authority = certificate_in_zone(call.store, call.zone_id, certificate_id)
    if asked.reactivate and asked.label is not None:
        raise refused("one call changes one thing: reactivate or label", pointer="")
    if not asked.model_fields_set:
        # Clients from before `reactivate` mean it by no more than the call. A certificate that was
        # revoked is not let in again without a word, and they are not told that it was.
        raise refused(
            "there is nothing to change (reactivate: true restores; or label)", pointer=""
        )
    # Terraform sends false for what is in the configuration like that, and null for an attribute
    # that was taken out: both ask for nothing.
    if asked.reactivate:
        known = restore_certificate(call.store, known.id, actor=call.actor, at=call.at)
    elif asked.label is not None:
        known = set_label(call.store, known.id, asked.label, actor=call.actor, at=call.at)
    return ok(certificate_object(known, authority))


@router.delete(
    "/zones/{zone_id}/client_certificates/{certificate_id}",
    response_model=Envelope[ClientCertificateObject],
)
def revoke(
    call: Writer,
    certificate_id: CertificateId,
    reason: Annotated[
        str | None, Query(max_length=64, description="Why, as RFC 5280 §5.3.1 names it; ours.")
    ] = None,
    revocation: Revocation | None = None,
) -> dict[str, Any]:
    """Revoke a certificate; one that is revoked already stays as it is."""
    known, authority = certificate_in_zone(call.store, call.zone_id, certificate_id)
    why = reason or (revocation.reason if revocation else None) or UNSPECIFIED
    known = revoke_certificate(call.store, known.id, reason=why, actor=call.actor, at=call.at)
    return ok(certificate_object(known, authority))
