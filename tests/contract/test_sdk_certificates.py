# SPDX-License-Identifier: Apache-2.0
"""The official SDK against our API: certificates, hostnames, uploaded authorities, retries."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import TYPE_CHECKING, Any

import pytest
from cloudflare import (
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
)

from authz.demo.pki import make_root
from authz.services.permissions import Grant, Level, Resource
from authz.services.zones import create_zone
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from cloudflare.types.client_certificates import ClientCertificate

    from tests.contract.sdk_server import SdkServer

CSR = csr("alice").decode()


def _issue(server: SdkServer, **changes: Any) -> ClientCertificate:
    given = {"zone_id": server.zone_id, "csr": CSR, "validity_days": 365, **changes}
    made = server.client().client_certificates.create(**given)
    assert made is not None
    return made


def _ids(server: SdkServer) -> list[str | None]:
    return [one.id for one in server.client().client_certificates.list(zone_id=server.zone_id)]


def test_a_certificate_is_issued_revoked_and_restored(server: SdkServer) -> None:
    certificates = server.client().client_certificates
    made = _issue(server)
    assert made.id is not None
    here = {"client_certificate_id": made.id, "zone_id": server.zone_id}

    assert made.status == "active"
    assert made.csr == CSR
    assert made.validity_days == 365
    assert made.certificate_authority is not None
    assert made.certificate_authority.name == "Managed CA for default"
    assert certificates.get(**here) == made

    revoked = certificates.delete(**here)
    assert revoked is not None
    assert revoked.status == "revoked"
    assert certificates.get(**here) == revoked

    restored = certificates.edit(**here, reactivate=True)
    assert restored == made


def test_every_page_to_the_end(server: SdkServer) -> None:
    made = [_issue(server).id for _ in range(7)][::-1]
    certificates = server.client().client_certificates
    zone_id = server.zone_id

    assert [one.id for one in certificates.list(zone_id=zone_id, per_page=3)] == made
    assert [one.id for one in certificates.list(zone_id=zone_id, limit=3, offset=1)] == made[1:]
    assert list(certificates.list(zone_id=zone_id, status="revoked")) == []
    assert list(certificates.list(zone_id=zone_id, status="pending_revocation")) == []
    pages = [path for method, path, _ in server.faults.seen if method == "GET"]
    assert len(pages) == 4 + 3 + 1 + 1


def test_the_asynchronous_client(server: SdkServer) -> None:
    async def story() -> None:
        async with server.async_client() as client:
            certificates = client.client_certificates
            made = await asyncio.gather(
                *(
                    certificates.create(zone_id=server.zone_id, csr=CSR, validity_days=days)
                    for days in range(1, 6)
                )
            )
            names = {one.certificate_authority.name for one in made if one}  # type: ignore[union-attr]  # it has one
            assert names == {"Managed CA for default"}
            listed = [one.id async for one in certificates.list(zone_id=server.zone_id, per_page=2)]
            assert sorted(map(str, listed)) == sorted(str(one.id) for one in made if one)
            for one in listed:
                assert one is not None
                revoked = await certificates.delete(one, zone_id=server.zone_id)
                assert revoked is not None
                assert revoked.status == "revoked"
            with pytest.raises(NotFoundError):
                await certificates.get("0" * 32, zone_id=server.zone_id)

    asyncio.run(story())


def test_hostnames(server: SdkServer) -> None:
    associations = server.client().certificate_authorities.hostname_associations
    zone_id = server.zone_id

    empty = associations.get(zone_id=zone_id)
    assert empty is not None
    assert empty.hostnames == []
    names = ["b.example.com", "a.example.com"]
    for wanted in (names, names[1:], []):
        put = associations.update(zone_id=zone_id, hostnames=wanted)
        got = associations.get(zone_id=zone_id)
        assert put is not None
        assert got is not None
        assert put.hostnames == got.hostnames == wanted
    with pytest.raises(NotFoundError):
        associations.get(zone_id=zone_id, mtls_certificate_id="0" * 32)
    create_zone(server.store, "example.com", actor="test", at=time.time())
    with pytest.raises(BadRequestError) as caught:
        associations.update(zone_id=zone_id, hostnames=["a.example.com"])
    assert caught.value.errors[0].source.pointer == "/hostnames/0"  # type: ignore[union-attr]  # it has one


def test_uploaded_authorities(server: SdkServer) -> None:
    client = server.client()
    account_id = server.account_id
    pem = make_root("Partner", at=time.time()).pem.decode()

    made = client.mtls_certificates.create(
        account_id=account_id, ca=True, certificates=pem, name="partner"
    )
    assert made is not None
    assert made.id is not None
    assert made.certificates == pem
    assert made.type == "custom"
    assert isinstance(made.updated_at, datetime.datetime)
    assert isinstance(made.expires_on, datetime.datetime)
    got = client.mtls_certificates.get(made.id, account_id=account_id)
    assert got is not None
    assert (got.id, got.serial_number) == (made.id, made.serial_number)
    listed = client.mtls_certificates.list(
        account_id=account_id, type=["custom", "gateway_managed"]
    )
    assert [one.id for one in listed] == [made.id]

    associations = client.certificate_authorities.hostname_associations
    hostnames = {"zone_id": server.zone_id, "mtls_certificate_id": made.id}
    associations.update(**hostnames, hostnames=["a.example.com"])
    used = client.mtls_certificates.associations.get(made.id, account_id=account_id)
    assert [(one.service, one.status) for one in used] == [("hostname_associations", "active")]
    with pytest.raises(BadRequestError):
        client.mtls_certificates.delete(made.id, account_id=account_id)
    associations.update(**hostnames, hostnames=[])
    gone = client.mtls_certificates.delete(made.id, account_id=account_id)
    assert gone is not None
    assert gone.id == made.id
    with pytest.raises(NotFoundError):
        client.mtls_certificates.get(made.id, account_id=account_id)
    with pytest.raises(BadRequestError):
        client.mtls_certificates.create(account_id=account_id, ca=False, certificates=pem)


def test_errors_are_of_their_classes(server: SdkServer) -> None:
    reader = server.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.READ, place=server.zone_id)]
    )
    given = {"zone_id": server.zone_id, "csr": CSR, "validity_days": 365}

    with pytest.raises(BadRequestError) as bad:
        server.client().client_certificates.create(**{**given, "csr": "none"})
    assert bad.value.errors[0].source.pointer == "/csr"  # type: ignore[union-attr]  # it has one
    with pytest.raises(NotFoundError):
        server.client().client_certificates.get("0" * 32, zone_id=server.zone_id)
    with pytest.raises(PermissionDeniedError):
        server.client(reader).client_certificates.create(**given)
    with pytest.raises(AuthenticationError):
        server.client("x" * 43).client_certificates.create(**given)
    assert [count for _, _, count in server.faults.seen] == ["0"] * 4


@pytest.mark.parametrize("fault", ["replace", "cut"])
def test_a_lost_answer_makes_no_second_certificate(server: SdkServer, fault: str) -> None:
    for _ in range(2):
        getattr(server.faults, fault)()

    made = _issue(server)

    assert [count for *_, count in server.faults.seen] == ["0", "1", "2"]
    assert _ids(server) == [made.id]


def test_an_intended_second_certificate_is_made(server: SdkServer) -> None:
    first = _issue(server)
    server.faults.replace(500)
    second = _issue(server)

    assert first.id != second.id
    assert _ids(server) == [second.id, first.id]


def test_what_was_refused_is_done_on_the_retry(server: SdkServer) -> None:
    server.faults.refuse(503)

    made = _issue(server)

    assert _ids(server) == [made.id]


def test_whoever_gives_up_and_asks_again_asks_anew(server: SdkServer) -> None:
    for _ in range(3):
        server.faults.replace(502)
    with pytest.raises(InternalServerError):
        _issue(server)
    made = _issue(server)

    assert len(_ids(server)) == 2
    assert _ids(server)[0] == made.id


def test_a_lost_answer_to_an_upload_or_a_removal(server: SdkServer) -> None:
    certificates = server.client().mtls_certificates
    pem = make_root("Partner", at=time.time()).pem.decode()

    server.faults.replace(500)
    made = certificates.create(
        account_id=server.account_id, ca=True, certificates=pem, name="partner"
    )
    assert made is not None
    assert made.id is not None
    assert [one.id for one in certificates.list(account_id=server.account_id)] == [made.id]

    server.faults.replace(500)
    gone = certificates.delete(made.id, account_id=server.account_id)
    assert gone is not None
    assert gone.id == made.id


def test_a_lost_answer_of_the_asynchronous_client(server: SdkServer) -> None:
    async def story() -> None:
        async with server.async_client() as client:
            server.faults.replace(500)
            made = await client.client_certificates.create(
                zone_id=server.zone_id, csr=CSR, validity_days=1
            )
            assert made is not None
            assert _ids(server) == [made.id]

    asyncio.run(story())
