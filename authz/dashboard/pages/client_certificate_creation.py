# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/client-certificates/new`: a certificate for a key that never comes here.

The browser makes key and request, or somebody pastes a request; what is sent is the request alone.
The form has a key of its own (`request_key`): however often it is sent, there is one certificate.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from authz.ca.csr import MAX_CSR_BYTES
from authz.ca.profiles import CLIENT
from authz.dashboard import addresses
from authz.dashboard.forms import Posted, without_keys
from authz.dashboard.pages.client_certificates import embedded_of
from authz.dashboard.problems import texts_of
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import (
    ConflictError,
    InvalidInputError,
    IssuanceError,
    KeyUnavailableError,
    NotFoundError,
)
from authz.services.issuance_requests import RequestKey, check_request_key
from authz.services.managed_authority import issue_in_zone, managed_authority
from authz.services.permissions import Level, Resource

if TYPE_CHECKING:
    from authz.dashboard.forms import Form
    from authz.errors import AuthzError
    from authz.services.issuance import Issued

router = APIRouter()

#: Of an RSA key in a request: looking at a larger one takes too long (ca.rsa_keys), as in the API.
MAX_RSA_BITS: Final = 4096

Writer = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.WRITE)]


class Asked(BaseModel):
    """What our script asks for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    csr: str
    label: str = ""
    days: str = ""
    authority_id: str = ""
    request_key: str


@router.get("/zones/{zone_id}/client-certificates/new")
def form(viewer: Writer) -> Response:
    """The form."""
    return _page(viewer)


@router.post("/zones/{zone_id}/client-certificates/new")
def create(viewer: Writer, posted: Posted) -> Response:
    """A certificate for a request that somebody pasted."""
    try:
        issued = _issued(
            viewer,
            csr=posted.raw("csr"),
            label=posted.text("label"),
            days=posted.number("days", CLIENT.default_days),
            authority_id=posted.text("authority_id"),
            request_key=posted.text("request_key"),
        )
    except (IssuanceError, InvalidInputError, ConflictError, NotFoundError) as error:
        if isinstance(error, KeyUnavailableError):
            raise
        return _page(viewer, posted, error)
    return viewer.go(
        _address(viewer, issued), f"“{issued.certificate.label}” is issued.{_left_out(issued)}"
    )


@router.post("/zones/{zone_id}/client-certificates/issue")
def issue(viewer: Writer, asked: Asked) -> Response:
    """The same for a request that our script made; it has the key."""
    if asked.days and not (asked.days.isascii() and asked.days.isdigit() and len(asked.days) < 10):
        raise InvalidInputError("the validity is no number of days", hint="write digits only")
    issued = _issued(
        viewer,
        csr=asked.csr,
        label=asked.label,
        days=int(asked.days or CLIENT.default_days),
        authority_id=asked.authority_id,
        request_key=asked.request_key,
    )
    one = issued.certificate
    return viewer.json(
        {
            "id": one.id,
            "url": _address(viewer, issued),
            "label": one.label,
            "bundle": issued.bundle,
            "fingerprint_sha256": one.fingerprint_sha256,
            "expires_at": one.expires_at,
            "file": addresses.file_name(one.label, "", otherwise="client"),
        }
    )


def _issued(
    viewer: Viewer, *, csr: str, label: str, days: int, authority_id: str, request_key: str
) -> Issued:
    if len(csr) > 2 * MAX_CSR_BYTES:
        raise InvalidInputError("the request is too long", hint=f"at most {MAX_CSR_BYTES} bytes")
    check_request_key(request_key)
    # Keys of one person's forms are nobody else's; and who goes back and changes something asks
    # for another certificate.
    asked = (viewer.actor, request_key, csr, label, str(days), authority_id)
    own = hashlib.sha256("\0".join(asked).encode()).hexdigest()
    return issue_in_zone(
        viewer.store,
        csr,
        viewer.zone_id,
        authority_id=authority_id or None,
        label=label,
        days=days,
        request_key=RequestKey(text=f"page-{own}"),
        max_rsa_bits=MAX_RSA_BITS,
        encryption=viewer.backend.encryption,
        publication_url=viewer.backend.publication_url,
        actor=viewer.actor,
        at=viewer.at,
    )


def _address(viewer: Viewer, issued: Issued) -> str:
    return addresses.client_certificate(viewer.zone_id, issued.certificate.id)


def _left_out(issued: Issued) -> str:
    """What the request asked for and the certificate does not have."""
    return f" Left out: {', '.join(issued.ignored)}." if issued.ignored else ""


def _page(viewer: Viewer, posted: Form | None = None, error: AuthzError | None = None) -> Response:
    managed = managed_authority(viewer.store, viewer.zone_id)
    embedded = embedded_of(viewer)
    values: dict[str, Any] = {
        "csr": "",
        "label": "",
        "days": str(CLIENT.default_days),
        "authority_id": "" if managed is None else managed.id,
        "request_key": secrets.token_hex(16),
    }
    if posted is not None:
        values |= {name: without_keys(posted.raw(name)) for name in values if name in posted}
    return viewer.page(
        "client_certificates/new.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        values=values,
        authorities=[one.authority for one in embedded if one.issues],
        all_distrusted=all(one.is_distrusted for one in embedded),
        has_embedded=managed is not None,
        max_days=CLIENT.max_days,
    )
