# SPDX-License-Identifier: Apache-2.0
"""Uploaded authorities over the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.pki import make_root, make_self_signed
from authz.services.distrust import distrust_authority
from authz.services.hosts import replace_hosts
from authz.services.permissions import Grant, Level, Resource
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

PATH = "/accounts/{account}/mtls_certificates"


def _pem(api: Bench, name: str = "Partner") -> str:
    return make_root(name, at=api.now).pem.decode()


def _upload(api: Bench, pem: str = "", **more: Any) -> dict[str, Any]:
    body = {"ca": True, "certificates": pem or _pem(api), **more}
    made: dict[str, Any] = api.result("POST", PATH, json=body)
    return made


def test_an_authority_is_uploaded_read_and_removed(api: Bench) -> None:
    pem = _pem(api)

    made = _upload(api, pem, name="partner")

    updated_at = made.pop("updated_at")
    assert made["certificates"] == pem
    assert made["name"] == "partner"
    assert made["type"] == "custom"
    assert made["ca"] is True
    assert made["signature"] == "ECDSAWithSHA256"
    assert made["issuer"].startswith("CN=Partner")
    assert re.fullmatch(r"[0-9a-f]{32}", made["id"])
    assert re.fullmatch(r"[1-9][0-9]*", made["serial_number"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["expires_on"])
    for moment in (made["uploaded_on"], updated_at):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment)
    assert api.result("GET", f"{PATH}/{made['id']}") == made
    assert api.result("GET", PATH) == [made]
    assert api.result("DELETE", f"{PATH}/{made['id']}") == made
    api.errors(404, "GET", f"{PATH}/{made['id']}")
    api.errors(404, "DELETE", f"{PATH}/{made['id']}")
    assert api.result("GET", PATH) == []


@pytest.mark.parametrize("odd", ["bare", "crlf", "text", "twice", "other order", "lines"])
def test_the_text_is_given_back_as_it_was_sent(api: Bench, odd: str) -> None:
    pem, other = _pem(api), _pem(api, "Other")
    body = "".join(pem.splitlines()[1:-1])
    sent = {
        "bare": pem.rstrip("\n"),
        "crlf": pem.replace("\n", "\r\n"),
        "text": f"Certificate: Zoë\n{pem}",
        "twice": pem + pem,
        "other order": f"{other}\n{pem}",
        "lines": f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n",
    }[odd]

    made = _upload(api, sent)

    assert made["certificates"] == sent
    assert api.result("GET", f"{PATH}/{made['id']}")["certificates"] == sent
    assert api.result("GET", PATH)[0]["certificates"] == sent


def test_lines_that_were_written_by_hand_are_lines(api: Bench) -> None:
    pem = _pem(api)

    assert _upload(api, pem.replace("\n", "\\n"))["certificates"] == pem


@pytest.mark.parametrize("name", [" partner", "partner\t", " "])
def test_a_name_that_would_not_be_kept_is_refused(api: Bench, name: str) -> None:
    body = {"ca": True, "certificates": _pem(api), "name": name}

    (error,) = api.errors(400, "POST", PATH, json=body)

    assert error["source"]["pointer"] == "/name"


def test_it_need_not_have_a_name(api: Bench) -> None:
    first, second = (_upload(api, name=name) for name in (None, ""))

    assert first["name"] is None
    assert second["name"] is None
    assert api.result("GET", f"{PATH}/{first['id']}")["name"] is None
    assert len(api.result("GET", PATH)) == 2


def test_of_a_name_there_is_one(api: Bench) -> None:
    _upload(api, name="partner")

    body = {"ca": True, "certificates": _pem(api), "name": "partner"}
    assert "already" in api.errors(400, "POST", PATH, json=body)[0]["message"]


def test_several_certificates_are_one_authority(api: Bench) -> None:
    root = make_root("Partner", at=api.now)
    pem = root.intermediate("Partner issuing").pem.decode() + root.pem.decode()

    made = _upload(api, pem)

    assert made["certificates"] == pem
    assert made["issuer"].startswith("CN=Partner")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"ca": False}, "/ca"),
        ({"ca": "true"}, "/ca"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----"}, "/private_key"),
        ({"certificates": ""}, "/certificates"),
        ({"certificates": "none"}, "/certificates"),
        ({"certificates": csr("alice").decode()}, "/certificates"),
        ({"certificates": "x" * 262_145}, "/certificates"),
        ({"name": "x" * 256}, "/name"),
    ],
)
def test_what_is_not_taken(api: Bench, change: dict[str, Any], pointer: str) -> None:
    body = {"ca": True, "certificates": _pem(api), **change}

    errors = api.errors(400, "POST", PATH, json=body)

    assert errors[0]["source"]["pointer"] == pointer
    assert "PRIVATE KEY" not in str(errors)
    assert api.result("GET", PATH) == []


def test_a_certificate_that_is_no_ca_and_a_key_beside(api: Bench) -> None:
    leaf = make_self_signed("leaf", at=api.now)
    root = make_root("Partner", at=api.now)
    for pem in (leaf.pem, root.pem + root.key_pem):
        body = {"ca": True, "certificates": pem.decode()}
        errors = api.errors(400, "POST", PATH, json=body)
        assert errors[0]["source"]["pointer"] == "/certificates"


def test_types(api: Bench) -> None:
    api.world.ca()
    made = _upload(api)["id"]

    def listed(query: str) -> list[str]:
        return [one["id"] for one in api.result("GET", f"{PATH}{query}")]

    assert listed("") == [made]
    assert listed("?type=custom&type=gateway_managed") == [made]
    assert listed("?type=access_managed,custom") == [made]
    assert listed("?type=gateway_managed") == []
    assert listed("?type=") == [made]
    assert "'mine'" in api.errors(400, "GET", f"{PATH}?type=mine")[0]["message"]


def test_one_that_hostnames_ask_for_stays(api: Bench) -> None:
    made = _upload(api, name="partner")
    here = f"{PATH}/{made['id']}"
    assert api.result("GET", f"{here}/associations") == []
    names = ["a.test", "b.test"]
    replace_hosts(api.store, api.zone_id, made["id"], names, actor="test", at=api.now)
    api.world.ca()
    replace_hosts(api.store, api.zone_id, "Acme", ["c.test"], actor="test", at=api.now)

    errors = api.errors(400, "DELETE", here)

    assert "a.test, b.test" in errors[0]["message"]
    assert api.result("GET", f"{here}/associations") == [
        {
            "service": "hostname_associations",
            "status": "active",
            "zone": {"id": api.zone_id, "name": "default"},
            "hostnames": names,
        }
    ]


def test_an_embedded_ca_is_none(api: Bench) -> None:
    embedded = api.world.ca().authority.id

    api.errors(404, "GET", f"{PATH}/{embedded}")
    api.errors(404, "DELETE", f"{PATH}/{embedded}")
    api.errors(404, "GET", f"{PATH}/{embedded}/associations")


def test_they_are_the_accounts(api: Bench) -> None:
    zone = api.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.WRITE, place=api.zone_id)]
    )

    api.errors(403, "GET", PATH, token=zone)
    api.errors(404, "GET", f"/accounts/{'0' * 32}/mtls_certificates")


def test_one_that_was_distrusted_is_not_removed(api: Bench) -> None:
    made = _upload(api, name="partner")
    del made["updated_at"]
    distrust_authority(api.store, "partner", encryption=None, actor="test", at=api.now)

    (error,) = api.errors(400, "DELETE", f"{PATH}/{made['id']}")

    assert "was distrusted on" in error["message"]
    assert api.result("GET", f"{PATH}/{made['id']}") == made
