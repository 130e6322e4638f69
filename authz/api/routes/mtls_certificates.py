# SPDX-License-Identifier: Apache-2.0
"""`/accounts/{account_id}/mtls_certificates`: authorities of the user's own, without a key.

All are of type `custom`. Embedded CAs are not among them: they belong to zones, and are in
`certificate_authorities`. PEM is given back as it was sent.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from authz.api.calls import Call, account_call
from authz.api.envelope import Envelope, Paged, SinglePage, ok, single
from authz.api.models.mtls_certificates import (
    Association,
    MtlsCertificate,
    NewMtlsCertificate,
    NewMtlsCertificateObject,
)
from authz.api.problems import pointed
from authz.api.refusals import refused
from authz.errors import CertificateError, NotFoundError
from authz.services.authorities import KnownAuthority, list_authorities
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import delete_authority
from authz.services.hosts import list_hosts
from authz.services.permissions import Level, Resource
from authz.services.representation import mtls_certificate_object
from authz.services.times import rfc3339
from authz.store.records import AuthorityKind

router = APIRouter(tags=["mTLS certificates"])

_TYPES: Final = ("custom", "gateway_managed", "access_managed")

Reader = Annotated[Call, account_call(Resource.CERTIFICATES, Level.READ)]
Writer = Annotated[Call, account_call(Resource.CERTIFICATES, Level.WRITE)]
CertificateId = Annotated[
    str, Path(description="The certificate's identifier.", examples=["0" * 32])
]


@router.post(
    "/accounts/{account_id}/mtls_certificates", response_model=Envelope[NewMtlsCertificateObject]
)
def create(new: NewMtlsCertificate, call: Writer) -> dict[str, Any]:
    """Upload an authority: its certificates, the one it is described by first."""
    if not new.ca:
        raise refused(
            "only CA certificates are taken: a certificate to show to others has no use here",
            pointer="/ca",
        )
    if new.private_key:
        raise refused(
            "a private key is not taken: nothing is signed with it here, and it should not travel "
            "(authz ca import makes an embedded CA of a certificate with its key)",
            pointer="/private_key",
        )
    if new.name and new.name != new.name.strip():
        # It would not be what was sent, and Terraform would upload it anew at every plan.
        raise refused("the name begins or ends with a blank", pointer="/name")
    try:
        known = upload_authority(
            call.store,
            new.certificates,
            name=new.name,
            nameless=not new.name,
            actor=call.actor,
            at=call.at,
        )
    except CertificateError as error:
        raise pointed(error, "/certificates") from None
    return ok(mtls_certificate_object(known) | {"updated_at": rfc3339(known.authority.modified_at)})


@router.get("/accounts/{account_id}/mtls_certificates", response_model=Paged[MtlsCertificate])
def list_them(
    call: Reader,
    types: Annotated[
        list[str],
        Query(
            alias="type",
            default_factory=list,
            description=f"Only these: {', '.join(_TYPES)}; repeated, or with commas between.",
        ),
    ],
    page: SinglePage = 1,
) -> dict[str, Any]:
    """The uploaded authorities, the oldest first, all on one page."""
    wanted = {one.strip() for each in types for one in each.split(",")} - {""}
    if unknown := wanted - set(_TYPES):
        raise refused(
            f"query type: there is no type {min(unknown)[:40]!r} (one of {', '.join(_TYPES)})",
        )
    if wanted and "custom" not in wanted:
        return single([], page)
    return single([mtls_certificate_object(one) for one in _uploaded(call)], page)


@router.get(
    "/accounts/{account_id}/mtls_certificates/{certificate_id}",
    response_model=Envelope[MtlsCertificate],
)
def get(call: Reader, certificate_id: CertificateId) -> dict[str, Any]:
    """One uploaded authority."""
    return ok(mtls_certificate_object(_one(call, certificate_id)))


@router.delete(
    "/accounts/{account_id}/mtls_certificates/{certificate_id}",
    response_model=Envelope[MtlsCertificate],
)
def delete(call: Writer, certificate_id: CertificateId) -> dict[str, Any]:
    """Remove an uploaded authority that no hostname asks for.

    Other authorities with a key of it keep its list of revoked serial numbers; one that only a
    policy file trusts does not.
    """
    known = _one(call, certificate_id)
    delete_authority(call.store, known.authority.id, actor=call.actor, at=call.at)
    return ok(mtls_certificate_object(known))


@router.get(
    "/accounts/{account_id}/mtls_certificates/{certificate_id}/associations",
    response_model=Paged[Association],
)
def associations(
    call: Reader, certificate_id: CertificateId, page: SinglePage = 1
) -> dict[str, Any]:
    """What uses an uploaded authority: for each zone, the hostnames that ask for it."""
    known = _one(call, certificate_id)
    found: dict[str, dict[str, Any]] = {}
    for host in list_hosts(call.store):
        if known.authority.id in {one.id for one in host.authorities}:
            entry = found.setdefault(
                host.zone.id,
                {
                    "service": "hostname_associations",
                    "status": "active",
                    "zone": {"id": host.zone.id, "name": host.zone.name},
                    "hostnames": [],
                },
            )
            entry["hostnames"].append(host.hostname)
    return single(list(found.values()), page)


def _uploaded(call: Call) -> list[KnownAuthority]:
    return [
        one
        for one in list_authorities(call.store)
        if one.authority.kind is AuthorityKind.UPLOADED
        and one.authority.account_id == call.account_id
    ]


def _one(call: Call, certificate_id: str) -> KnownAuthority:
    for one in _uploaded(call):
        if one.authority.id == certificate_id:
            return one
    raise NotFoundError(
        f'there is no mTLS certificate "{certificate_id}"',
        hint="the list of mtls_certificates has their identifiers",
    )
