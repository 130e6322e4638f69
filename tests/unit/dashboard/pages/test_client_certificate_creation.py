# SPDX-License-Identifier: Apache-2.0
"""Creating a certificate for a request: pasted into the form, or sent by our script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from authz.ca.keys import generate_key
from authz.certs.certificate import Certificate
from authz.errors import KeyUnavailableError
from authz.services.audit_log import latest_entries
from authz.services.authorities import list_authorities
from authz.services.authority_lifecycle import set_status
from authz.services.backend import Backend
from authz.services.certificates import list_certificates
from authz.services.permissions import EVERYTHING
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from authz.store.records import ClientCertificate
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/client-certificates/new"
ISSUE = "/zones/{zone}/client-certificates/issue"
#: One for all: signed again, it would be another one.
REQUEST = csr("sensor").decode()


def _fields(**changes: str) -> dict[str, str]:
    return {
        "csr": REQUEST,
        "label": "Sensor 7",
        "days": "30",
        "authority_id": "",
        "request_key": "k" * 32,
        **changes,
    }


def _kept(visitor: Visitor) -> tuple[ClientCertificate, ...]:
    return list_certificates(visitor.bench.store, "default").certificates


def test_every_form_has_a_key_of_its_own(visitor: Visitor) -> None:
    keys = {re.findall(r'name="request_key" value="(\w+)"', visitor.get(PAGE))[0] for _ in range(3)}

    assert len(keys) == 3


def test_a_pasted_request_is_answered_with_the_page_of_the_certificate(visitor: Visitor) -> None:
    answer = visitor.post(PAGE, _fields())

    (one,) = _kept(visitor)
    assert answer.headers["Location"].endswith(f"/client-certificates/{one.id}")
    assert (one.label, one.common_name, one.validity_days) == ("Sensor 7", "sensor", 30)
    assert "“Sensor 7” is issued." in visitor.get(str(answer.headers["Location"]))
    entry = next(
        one for one in latest_entries(visitor.bench.store) if one.action == "certificate.issue"
    )
    assert entry.actor.startswith("token test")


def test_without_a_label_it_has_the_common_name(visitor: Visitor) -> None:
    visitor.post(PAGE, _fields(label="", days=""))

    (one,) = _kept(visitor)
    assert (one.label, one.validity_days) == ("sensor", 365)


def test_what_the_request_asked_for_and_did_not_get_is_told(visitor: Visitor) -> None:
    asked = csr((NameOID.COMMON_NAME, "a"), (NameOID.DOMAIN_COMPONENT, "example"))

    answer = visitor.post(PAGE, _fields(csr=asked.decode()))

    assert "Left out: DC." in visitor.get(str(answer.headers["Location"]))


def test_a_form_that_is_sent_twice_makes_one_certificate(visitor: Visitor) -> None:
    first = visitor.post(PAGE, _fields())
    second = visitor.post(PAGE, _fields())
    third = visitor.ask(ISSUE, _fields())

    (one,) = _kept(visitor)
    assert first.headers["Location"] == second.headers["Location"] == third["url"]
    assert third["id"] == one.id


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "another"},
        {"days": "31"},
        {"csr": csr("another").decode()},
        {"request_key": "another"},
    ],
)
def test_whoever_goes_back_and_changes_something_gets_another_one(
    visitor: Visitor, changes: dict[str, str]
) -> None:
    visitor.post(PAGE, _fields())
    visitor.post(PAGE, _fields(**changes))

    assert len(_kept(visitor)) == 2


def test_the_same_form_of_somebody_else_is_another_one(visitor: Visitor) -> None:
    visitor.post(PAGE, _fields())
    visitor.as_reader().post(PAGE, _fields(), 403)
    visitor.with_grants(EVERYTHING, "somebody").post(PAGE, _fields())

    assert len(_kept(visitor)) == 2


def test_our_script_gets_what_it_saves_beside_its_key(visitor: Visitor) -> None:
    visitor.bench.world.ca()

    answer = visitor.ask(ISSUE, _fields(label="Zoë / 7"))

    (one,) = _kept(visitor)
    (own,) = x509.load_pem_x509_certificates(answer["bundle"].encode())
    assert Certificate.from_der(one.der).fingerprint_sha256 == answer["fingerprint_sha256"]
    assert own.not_valid_after_utc.timestamp() == answer["expires_at"]
    assert answer["file"] == "Zo----7"
    assert answer["label"] == "Zoë / 7"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"csr": ""}, "There is no certificate signing request in the text"),
        ({"csr": "x" * 200_000}, "The request is too long"),
        ({"csr": "-----BEGIN PRIVATE KEY-----"}, "There is a private key beside the request"),
        ({"days": "0"}, "from 1 to 5475"),
        ({"days": "5476"}, "from 1 to 5475"),
        ({"days": "a year"}, "number"),
        ({"label": "a\x07"}, "control characters"),
        ({"label": "a" * 256}, "too long"),
        ({"authority_id": "0" * 32}, "no authority"),
        ({"request_key": ""}, "The request key is empty"),
        ({"request_key": "k" * 129}, "The request key is empty, too long"),
    ],
)
def test_what_cannot_be_issued_is_told_and_the_form_keeps_what_was_written(
    visitor: Visitor, changes: dict[str, str], told: str
) -> None:
    fields = _fields(**{"label": "kept", **changes})

    page = visitor.post(PAGE, fields, 400).text
    answer = visitor.ask(ISSUE, fields, 404 if "authority_id" in changes else 400)

    assert told.lower() in page.lower()
    assert told.lower() in answer["error"]["message"].lower()
    assert f'value="{fields["label"]}"' in page
    assert _kept(visitor) == ()
    assert list_authorities(visitor.bench.store) == []


def test_a_private_key_is_not_sent_back(visitor: Visitor) -> None:
    key = generate_key().to_pem().decode()

    page = visitor.post(PAGE, _fields(csr=key), 400).text

    assert "There is a private key beside the request" in page
    assert "BEGIN PRIVATE KEY" not in page


def test_a_key_that_takes_long_is_refused(visitor: Visitor) -> None:
    key = rsa.generate_private_key(65537, 4104)

    page = visitor.post(PAGE, _fields(csr=csr("a", key=key).decode()), 400).text

    assert "4104 bits" in page


@pytest.mark.parametrize(
    "value", [{}, {**_fields(), "days": 30}, {**_fields(), "more": "x"}, [], "text", None]
)
def test_a_script_that_is_not_ours_is_told(visitor: Visitor, value: Any) -> None:
    answer = visitor.ask(ISSUE, value, 400)

    assert "not valid" in answer["error"]["message"]


def test_one_of_several_authorities_is_chosen(visitor: Visitor) -> None:
    first, second = visitor.bench.world.ca("First"), visitor.bench.world.ca("Second")
    page = visitor.get(PAGE)
    assert f'value="{first.authority.id}" selected' in page

    visitor.post(PAGE, _fields(authority_id=second.authority.id))

    (one,) = _kept(visitor)
    assert one.authority_id == second.authority.id


def test_retired_authorities_are_not_offered(visitor: Visitor) -> None:
    known = visitor.bench.world.ca()
    set_status(visitor.bench.store, known.authority.id, "retired", actor="test", at=0)

    page = visitor.get(PAGE)
    refused = visitor.post(PAGE, _fields(authority_id=known.authority.id), 400).text

    assert "Every CA of this zone is retired" in page
    assert "is retired" in refused


def test_keys_that_cannot_be_opened_are_the_operators_business(visitor: Visitor) -> None:
    def locked() -> Any:
        raise KeyUnavailableError("the key file is gone: /etc/secret", hint="put it back")

    bench = visitor.bench
    bench.dashboard.use(Backend(store=lambda: bench.store, encryption=locked))

    page = visitor.post(PAGE, _fields(), 503).text

    assert "/etc/secret" not in page


def test_a_reader_may_not(visitor: Visitor) -> None:
    reader = visitor.as_reader()

    reader.get(PAGE, 403)
    reader.post(PAGE, _fields(), 403)
    reader.ask(ISSUE, _fields(), 403)
    assert _kept(visitor) == ()
