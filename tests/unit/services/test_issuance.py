# SPDX-License-Identifier: Apache-2.0
"""Issuing: from a CSR or with a new key, once for each request, kept before it is handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from authz.ca.names import AlternativeNames, Subject
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.demo.keys import KeyKind
from authz.demo.pki import make_root
from authz.errors import (
    ConflictError,
    InvalidCsrError,
    InvalidInputError,
    InvalidRequestError,
    IssuerInactiveError,
    LintFailedError,
    NotFoundError,
    WeakKeyError,
)
from authz.services import issuance
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.authority_lifecycle import rotate_authority, set_status
from authz.services.certificates import get_certificate
from authz.services.issuance import Issued, bundle_of, issue_certificate
from authz.services.issuance_requests import NewKey, RequestKey
from authz.services.zones import create_zone
from authz.store.records import CertificateStatus
from tests.factories.issuing import csr, openssl, write_certificates
from tests.factories.pki import AT, fixed_key, root
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.conftest import World

REQUEST = csr((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Acme"), "bob").decode()


def _issue(world: World, request: Any = REQUEST, **changes: Any) -> Issued:
    given = {
        "zone": "default",
        "encryption": world.encryption,
        "actor": "tester",
        "at": AT,
        **changes,
    }
    return issue_certificate(world.store, request, **given)


def test_a_certificate_for_a_csr(world: World) -> None:
    known = world.ca()
    issued = _issue(world, label="Bob's laptop", days=90)
    one = issued.certificate

    assert get_certificate(world.store, one.id) == one
    assert one.number == 1
    assert (one.label, one.common_name, one.country) == ("Bob's laptop", "bob", "DE")
    assert (one.organization, one.state) == ("Acme", "")
    assert one.csr == REQUEST
    assert one.validity_days == 90
    assert one.signature == "ECDSAWithSHA256"
    assert (one.status, one.authority_id) == (CertificateStatus.ACTIVE, known.authority.id)
    assert issued.key_pem is None
    certificate = Certificate.from_der(one.der)
    assert one.serial == f"{certificate.serial_number:X}"
    assert one.ski == certificate.ski.lower()
    assert (one.issued_at, one.expires_at) == (AT, certificate.not_after_at)
    row = world.last()
    assert (row.action, row.object_id, row.actor) == ("certificate.issue", one.id, "tester")
    assert row.after is not None
    assert row.after["serial"] == one.serial


def test_a_certificate_with_a_new_key(world: World, tmp_path: Path) -> None:
    world.ca(intermediate=True)
    request = NewKey(
        subject=Subject.of("alice"),
        names=AlternativeNames(dns=("alice.example",)),
        pkcs12_password="a password",
    )
    issued = _issue(world, request)

    assert issued.key_pem is not None
    assert issued.certificate.label == "alice"
    leaf, above = (Certificate.from_der(der) for der in split_pem(issued.bundle.encode()))
    assert leaf.san_dns == ("alice.example",)
    (tmp_path / "bundle.pem").write_text(issued.bundle)
    (tmp_path / "key.pem").write_bytes(issued.key_pem)
    known = issued.authority
    anchors = write_certificates(
        tmp_path / "ca.pem", Certificate.from_der(known.certificates[1].der)
    )
    openssl(
        "verify",
        "-purpose",
        "sslclient",
        "-attime",
        int(AT),
        "-CAfile",
        anchors,
        "-untrusted",
        tmp_path / "bundle.pem",
        tmp_path / "bundle.pem",
    )
    public = openssl("pkey", "-in", tmp_path / "key.pem", "-pubout")
    assert public == openssl("x509", "-in", tmp_path / "bundle.pem", "-noout", "-pubkey")
    assert issued.pkcs12 is not None
    (tmp_path / "client.p12").write_bytes(issued.pkcs12)
    shown = openssl(
        "pkcs12", "-in", tmp_path / "client.p12", "-passin", "pass:a password", "-nodes"
    )
    assert shown.count("BEGIN CERTIFICATE") == 2
    text = repr(issued.certificate) + str(world.audited())
    assert "PRIVATE" not in text
    assert above.subject_dn == "CN=Acme"


def test_addresses_are_those_of_the_issuing_certificate(world: World) -> None:
    known = world.ca()
    one = _issue(world, publication_url="http://pki.example.com").certificate

    assert f"http://pki.example.com/crl/{known.certificates[0].id}.crl".encode() in one.der
    assert b"http://pki.example.com/ocsp" in one.der


def test_a_label_that_is_left_out(world: World) -> None:
    world.ca()

    assert _issue(world).certificate.label == "bob"
    names = AlternativeNames(uri=("spiffe://example.com/a",))
    unnamed = _issue(world, NewKey(subject=Subject(), names=names))
    assert unnamed.certificate.label == "client certificate"


def test_what_the_csr_asked_for_and_is_not_taken_over(world: World) -> None:
    world.ca()

    assert _issue(world, csr((NameOID.TITLE, "Dr"), "bob")).ignored


def test_a_repeated_request_gets_the_same_certificate(world: World) -> None:
    world.ca()
    first = _issue(world, request_key="k")
    rows = len(world.audited())
    again = _issue(world, request_key="k", at=AT + DAY)

    assert again.certificate == first.certificate
    assert again.bundle == first.bundle
    assert (first.is_new, again.is_new) == (True, False)
    assert len(world.audited()) == rows
    assert _issue(world, request_key="other").certificate.id != first.certificate.id
    assert _issue(world).certificate.id != first.certificate.id


def test_a_new_key_is_handed_out_once(world: World) -> None:
    world.ca()
    request = NewKey(subject=Subject.of("alice"), pkcs12_password="secret")
    first, again = (_issue(world, request, request_key="k") for _ in range(2))

    assert again.certificate == first.certificate
    assert (again.key_pem, again.pkcs12) == (None, None)


@pytest.mark.parametrize(
    "change", [{"label": "x"}, {"days": 7}, {"request": csr("carol").decode()}]
)
def test_a_request_key_is_for_one_request(world: World, change: dict[str, Any]) -> None:
    world.ca()
    _issue(world, request_key="k")

    with pytest.raises(ConflictError, match='the request key "k" was used for another request'):
        _issue(world, **{"request_key": "k", **change})


@pytest.mark.parametrize("key", ["", "x" * 129, "a\n"])
def test_what_is_no_request_key(world: World, key: str) -> None:
    world.ca()

    with pytest.raises(InvalidInputError, match="the request key"):
        _issue(world, request_key=key)


def _while_signing(monkeypatch: pytest.MonkeyPatch, do: Any) -> None:
    """Something happens between the reading and the keeping of the next request."""
    issue = issuance.issue

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(issuance, "issue", issue)
        do()
        return issue(*arguments)

    monkeypatch.setattr(issuance, "issue", meanwhile)


def test_of_two_equal_requests_at_once_one_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()
    answers: list[Issued] = []
    _while_signing(monkeypatch, lambda: answers.append(_issue(world, request_key="k")))
    second = _issue(world, request_key="k")

    assert not second.is_new
    assert second.certificate == answers[0].certificate


def test_a_rotation_or_retirement_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    for change in (
        lambda: rotate_authority(
            world.store, "Acme", encryption=world.encryption, actor="t", at=AT
        ),
        lambda: set_status(world.store, "Acme", "retired", actor="t", at=AT),
    ):
        _while_signing(monkeypatch, change)
        with pytest.raises(ConflictError, match="was rotated or retired meanwhile"):
            _issue(world)


def test_which_authority_issues(world: World) -> None:
    with pytest.raises(NotFoundError, match="the zone default has no embedded CA") as caught:
        _issue(world)
    assert caught.value.hint == "make one: authz ca create --name NAME"
    first = world.ca()
    upload_authority(world.store, root().pem, name="own", actor="t", at=AT)
    assert _issue(world).authority.authority == first.authority

    world.ca("Second")
    with pytest.raises(InvalidInputError, match="several authorities that issue: Acme, Second"):
        _issue(world)
    assert _issue(world, authority="Second").authority.authority.name == "Second"
    with pytest.raises(IssuerInactiveError, match="it was uploaded"):
        _issue(world, authority="own")
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca("Third", zone="example.com")
    third = _issue(world, authority="Third", zone=None)
    assert third.authority.zone is not None
    assert third.authority.zone.name == "example.com"
    with pytest.raises(InvalidInputError, match="belongs to another zone"):
        _issue(world, authority="Second", zone="example.com")


@pytest.mark.parametrize("days", [0, -1, 5476])
def test_days_outside_the_profile(world: World, days: int) -> None:
    world.ca()

    with pytest.raises(InvalidRequestError):
        _issue(world, days=days)


def test_what_is_no_request(world: World) -> None:
    world.ca()

    with pytest.raises(InvalidCsrError):
        _issue(world, "no CSR")
    with pytest.raises(InvalidInputError):
        _issue(world, label="a\nb")
    assert world.last().action == "authority.create"


def test_the_chain_of_an_older_certificate_is_that_of_before_the_rotation(world: World) -> None:
    world.ca(intermediate=True)
    issued = _issue(world)
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT + DAY)

    assert bundle_of(world.store, issued.certificate) == issued.bundle


def test_the_name_constraints_above_an_imported_authority_hold(world: World) -> None:
    constraints = x509.NameConstraints([x509.DNSName("inside.example")], None)
    above = make_root("Limited", at=AT, name_constraints=constraints)
    below = above.intermediate("Below")
    import_authority(
        world.store,
        below.pem + above.pem,
        below.key_pem,
        encryption=world.encryption,
        actor="tester",
        at=AT,
    )

    def request(name: str) -> NewKey:
        return NewKey(subject=Subject.of("alice"), names=AlternativeNames(dns=(name,)))

    assert _issue(world, request("a.inside.example"), days=30)
    with pytest.raises(LintFailedError, match="not permitted by the name constraints of 'CN=Limi"):
        _issue(world, request("outside.example"), days=30)


def _derived(at: float, *, retry: bool) -> dict[str, Any]:
    """A key that is made from the request, of an attempt at this time."""
    return {"at": at, "request_key": RequestKey(text="auto", since=at - 600, anew=not retry)}


def test_a_retry_gets_what_the_first_attempt_made(world: World) -> None:
    known = world.ca()
    first = _issue(world, **_derived(AT, retry=False))
    set_status(world.store, known.authority.id, "active", actor="tester", at=AT)

    again = _issue(world, **_derived(AT + 599, retry=True))

    assert again.certificate == first.certificate
    assert not again.is_new


def test_a_retry_that_comes_too_late_is_a_new_request(world: World) -> None:
    world.ca()
    first = _issue(world, **_derived(AT, retry=False))

    late = _issue(world, **_derived(AT + 601, retry=True))
    after = _issue(world, **_derived(AT + 602, retry=True))

    assert late.certificate.id != first.certificate.id
    assert after.certificate == late.certificate


def test_a_retry_whose_first_attempt_never_came_is_done(world: World) -> None:
    world.ca()

    assert _issue(world, **_derived(AT, retry=True)).is_new


def test_a_new_request_with_the_same_key_takes_it_over(world: World) -> None:
    world.ca()
    first = _issue(world, **_derived(AT, retry=False))
    second = _issue(world, **_derived(AT + 1, retry=False))

    assert second.certificate.id != first.certificate.id
    assert _issue(world, **_derived(AT + 2, retry=True)).certificate == second.certificate


def test_the_text_of_a_csr_is_kept_as_it_was_sent(world: World) -> None:
    world.ca()
    sent = REQUEST.replace("\n", "\r\n").replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")

    assert _issue(world, sent).certificate.csr == sent
    assert _issue(world, REQUEST.encode()).certificate.csr == REQUEST


def test_a_key_larger_than_the_caller_takes(world: World) -> None:
    world.ca()
    large = csr("bob", key=fixed_key("x", KeyKind.RSA4096)).decode()

    with pytest.raises(WeakKeyError, match="4096 bits"):
        _issue(world, large, max_rsa_bits=2048)

    assert _issue(world, large, max_rsa_bits=4096).is_new
