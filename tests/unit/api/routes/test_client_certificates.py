# SPDX-License-Identifier: Apache-2.0
"""Client certificates over the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from authz.api.app import create_api
from authz.demo.keys import KeyKind
from authz.errors import KeyUnavailableError, SettingsError
from authz.services.authorities import list_authorities
from authz.services.authority_creation import create_authority
from authz.services.backend import Backend
from authz.services.permissions import Grant, Level, Resource
from authz.services.zones import create_zone
from tests.factories.issuing import csr
from tests.factories.pki import fixed_key

if TYPE_CHECKING:
    from authz.ca.keys import KeyEncryption
    from authz.errors import AuthzError
    from tests.unit.api.conftest import Bench

PATH = "/zones/{zone}/client_certificates"
CSR = csr("alice").decode()


def _issue(api: Bench, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.result(
        "POST", PATH, json={"csr": CSR, "validity_days": 365, **changes}
    )
    return made


def _audited(api: Bench) -> list[str]:
    with api.store.read() as session:
        return [one.action for one in session.audit.latest(most=100)]


def test_a_certificate_is_issued_and_read(api: Bench) -> None:
    made = _issue(api, csr=CSR.replace("\n", "\r\n"))

    assert made["csr"] == CSR.replace("\n", "\r\n")
    assert made["status"] == "active"
    assert made["common_name"] == made["label"] == "alice"
    assert made["validity_days"] == 365
    assert made["signature"] == "ECDSAWithSHA256"
    assert made["certificate"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert made["certificate_authority"]["name"] == "Managed CA for default"
    assert re.fullmatch(r"[0-9a-f]{32}", made["id"])
    assert re.fullmatch(r"([0-9a-f]{2}){16,20}", made["serial_number"])
    assert re.fullmatch(r"[0-9a-f]{40}", made["ski"])
    assert re.fullmatch(r"[0-9a-f]{64}", made["fingerprint_sha256"])
    for moment in (made["issued_on"], made["expires_on"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert api.result("GET", f"{PATH}/{made['id']}") == made
    assert _audited(api)[:2] == ["certificate.issue", "authority.create"]


def test_the_line_ends_may_be_written_as_two_characters(api: Bench) -> None:
    assert _issue(api, csr=CSR.replace("\n", "\\n"))["common_name"] == "alice"


def test_label_and_authority_of_our_own(api: Bench) -> None:
    api.world.ca("first")
    second = api.world.ca("second")

    made = _issue(api, label="Alice's laptop", certificate_authority_id=second.authority.id)

    assert made["label"] == "Alice's laptop"
    assert made["certificate_authority"] == {"id": second.authority.id, "name": "second"}
    assert _issue(api)["certificate_authority"]["name"] == "first"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"validity_days": 365}, "/csr"),
        ({"csr": CSR}, "/validity_days"),
        ({"csr": CSR, "validity_days": 0}, "/validity_days"),
        ({"csr": CSR, "validity_days": 5476}, "/validity_days"),
        ({"csr": CSR, "validity_days": "365"}, "/validity_days"),
        ({"csr": "none", "validity_days": 365}, "/csr"),
        ({"csr": CSR + " " * 16_384, "validity_days": 365}, "/csr"),
        ({"csr": CSR, "validity_days": 1, "certificate_authority_id": "0" * 32},
         "/certificate_authority_id"),
    ],
)  # fmt: skip
def test_what_is_not_issued(api: Bench, body: dict[str, Any], pointer: str) -> None:
    errors = api.errors(400, "POST", PATH, json=body)

    assert errors[0]["source"]["pointer"] == pointer
    assert api.result("GET", PATH) == []


def test_no_csr_keeps_a_text_that_the_store_does_not_take(api: Bench) -> None:
    api.errors(400, "POST", PATH, json={"csr": CSR + "\0", "validity_days": 1})
    half = b'{"csr": "\\ud800", "validity_days": 1}'
    api.errors(400, "POST", PATH, content=half, headers={"Content-Type": "application/json"})


def test_large_rsa_keys_are_refused_before_they_are_looked_at(api: Bench) -> None:
    key = fixed_key("x", KeyKind.RSA4096)
    assert _issue(api, csr=csr("bob", key=key).decode())["common_name"] == "bob"

    # Made anew: it takes less than looking at the key would.
    key = rsa.generate_private_key(public_exponent=65537, key_size=4104)
    text = csr("bob", key=key).decode()
    large = api.errors(400, "POST", PATH, json={"csr": text, "validity_days": 365})

    assert large[0]["source"]["pointer"] == "/csr"
    assert "4104 bits" in large[0]["message"]


def test_an_authority_that_does_not_last_so_long(api: Bench) -> None:
    create_authority(
        api.store, "short", days=30, encryption=api.world.encryption, actor="test", at=api.now
    )

    errors = api.errors(400, "POST", PATH, json={"csr": CSR, "validity_days": 365})

    assert "expires" in errors[0]["message"]


def test_pages_end_with_an_empty_one(api: Bench) -> None:
    ids = [_issue(api, label=f"c{number}")["id"] for number in range(5)][::-1]

    def page(query: str) -> list[str]:
        return [one["id"] for one in api.result("GET", f"{PATH}?{query}")]

    assert page("") == ids
    assert page("per_page=2") == ids[:2]
    assert page("per_page=2&page=3") == ids[4:]
    assert page("per_page=2&page=4") == []
    assert page("limit=2&offset=1") == ids[1:3]
    assert page("limit=2&offset=1&page=2") == ids[3:5]
    assert page("limit=2&offset=1&page=3") == []
    assert page("page=1000000000&per_page=1000") == []
    assert page("search=c3") == [ids[1]]
    assert page("search=%00%22*") == []
    info = api.call("GET", f"{PATH}?per_page=2&page=2").json()["result_info"]
    assert info == {"page": 2, "per_page": 2, "count": 2, "total_count": 5, "total_pages": 3}
    info = api.call("GET", f"{PATH}?limit=2&offset=4").json()["result_info"]
    assert (info["total_count"], info["total_pages"]) == (len(ids), -(-(len(ids) - 4) // 2))
    info = api.call("GET", f"{PATH}?limit=2&offset=400").json()["result_info"]
    assert (info["count"], info["total_pages"]) == (0, 0)
    for wrong in ("page=0", "page=1000000001", "per_page=1001", "offset=-1", "status=expired"):
        api.errors(400, "GET", f"{PATH}?{wrong}")


def test_it_is_revoked_and_restored(api: Bench) -> None:
    made = _issue(api)
    here = f"{PATH}/{made['id']}"

    revoked = api.result("DELETE", here)

    assert revoked["status"] == "revoked"
    assert revoked["reason"] == "unspecified"
    assert api.result("GET", here) == revoked
    assert api.result("DELETE", f"{here}?reason=superseded") == revoked
    assert api.result("GET", f"{PATH}?status=revoked") == [revoked]
    assert api.result("GET", f"{PATH}?status=active") == []
    assert api.result("GET", f"{PATH}?status=all") == [revoked]
    assert api.result("GET", f"{PATH}?status=pending_revocation") == []
    assert api.result("PATCH", here, json={"reactivate": True}) == made
    assert _audited(api)[:2] == ["certificate.restore", "certificate.revoke"]


def test_a_reason_of_ones_own(api: Bench) -> None:
    for given in ({"params": {"reason": "keyCompromise"}}, {"json": {"reason": "key_compromise"}}):
        here = f"{PATH}/{_issue(api)['id']}"
        assert api.result("DELETE", here, **given)["reason"] == "keyCompromise"
    here = f"{PATH}/{_issue(api)['id']}"
    api.errors(400, "DELETE", here, params={"reason": "boredom"})
    assert api.result("DELETE", here, json={})["reason"] == "unspecified"


def test_a_label_is_changed(api: Bench) -> None:
    made = _issue(api)

    changed = api.result("PATCH", f"{PATH}/{made['id']}", json={"label": "new"})

    assert changed == made | {"label": "new"}
    assert api.result("GET", f"{PATH}/{made['id']}") == changed


def test_changes_that_are_none(api: Bench) -> None:
    made = _issue(api)
    here = f"{PATH}/{made['id']}"

    for nothing in (None, False):
        assert api.result("PATCH", here, json={"reactivate": nothing}) == made
    revoked = api.result("DELETE", here)
    assert api.result("PATCH", here, json={"reactivate": False}) == revoked
    for body, pointer in (
        ({"reactivate": "yes"}, "/reactivate"),
        ({"reactivate": True, "label": "new"}, ""),
        ({}, ""),
    ):
        errors = api.errors(400, "PATCH", here, json=body)
        assert errors[0]["source"]["pointer"] == pointer
    api.errors(400, "PATCH", here, json={"label": " "})


def test_a_certificate_is_reached_through_its_own_zone_only(api: Bench) -> None:
    made = _issue(api)
    other = create_zone(api.store, "example.com", actor="test", at=api.now).zone
    there = f"/zones/{other.id}/client_certificates"

    assert api.result("GET", there) == []
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"reactivate": True})):
        errors = api.errors(404, method, f"{there}/{made['id']}", json=body)
        assert "alice" not in str(errors)
    assert api.result("GET", f"{PATH}/{made['id']}") == made
    # Not by what else names it.
    api.errors(404, "GET", f"{PATH}/{made['fingerprint_sha256']}")


def test_who_may_read_may_not_write(api: Bench) -> None:
    made = _issue(api)
    reader = api.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.READ, place=api.zone_id)]
    )

    assert api.result("GET", f"{PATH}/{made['id']}", token=reader) == made
    api.errors(403, "DELETE", f"{PATH}/{made['id']}", token=reader)
    api.errors(403, "POST", PATH, token=reader, json={"csr": CSR, "validity_days": 1})


@pytest.mark.parametrize(
    "error",
    [
        KeyUnavailableError("there is no secret", hint="configure one"),
        SettingsError("the key file is not there", hint="put it back"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_the_secret_nothing_is_made_and_it_says_what_to_do(
    api: Bench, error: AuthzError
) -> None:
    def encryption() -> KeyEncryption:
        raise error

    api.use(create_api(Backend(store=lambda: api.store, encryption=encryption)))

    errors = api.errors(503, "POST", PATH, json={"csr": CSR, "validity_days": 365})

    assert str(error.hint) in errors[0]["message"]
    assert list_authorities(api.store) == []


def _retried(count: int) -> dict[str, str]:
    return {"x-stainless-retry-count": str(count)}


def test_a_retry_on_another_node_finds_the_certificate(api: Bench) -> None:
    body = {"csr": CSR, "validity_days": 365}
    first = api.result("POST", PATH, json=body, headers=_retried(0))

    api.use(create_api(api.app.state.backend))  # It remembers nothing.
    again = api.call("POST", PATH, json=body, headers=_retried(1))

    assert again.json()["result"] == first
    assert "idempotent-replayed" not in again.headers
    assert len(api.result("GET", PATH)) == 1


def test_of_another_request_or_token_or_time_it_is_no_retry(api: Bench) -> None:
    body = {"csr": CSR, "validity_days": 365}
    writer = api.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.WRITE, place=api.zone_id)]
    )
    ids = {api.result("POST", PATH, json=body)["id"]}

    for more in (
        {"json": body | {"validity_days": 364}},
        {"json": body | {"label": ""}},
        {"json": body | {"label": "other"}},
        {"json": body, "token": writer},
    ):
        ids.add(api.result("POST", PATH, headers=_retried(1), **more)["id"])
    api.now += 601
    ids.add(api.result("POST", PATH, json=body, headers=_retried(1))["id"])

    assert len(ids) == 6


def test_an_idempotency_key_stands_for_one_request(api: Bench) -> None:
    body = {"csr": CSR, "validity_days": 365}
    key = {"Idempotency-Key": "order-17"}
    writer = api.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.WRITE, place=api.zone_id)]
    )
    first = api.result("POST", PATH, json=body, headers=key)

    assert api.result("POST", PATH, json=body, headers=key) == first
    assert api.result("POST", PATH, json=body)["id"] != first["id"]
    assert api.result("POST", PATH, json=body, headers=key, token=writer)["id"] != first["id"]
    errors = api.errors(400, "POST", PATH, json=body | {"validity_days": 1}, headers=key)
    assert "another request" in errors[0]["message"]
    api.errors(400, "POST", PATH, json=body, headers={"Idempotency-Key": "x" * 129})
