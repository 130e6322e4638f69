# SPDX-License-Identifier: Apache-2.0
"""The table of client certificates, and the page of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authz.ca.names import AlternativeNames, Subject
from authz.dashboard.pages import client_certificates
from authz.services.authority_creation import create_authority
from authz.services.issuance import NewKey, issue_certificate
from authz.services.permissions import EVERYTHING, Grant, Level, Resource
from authz.services.zones import create_zone
from tests.factories.dashboard import READ_ONLY

if TYPE_CHECKING:
    from authz.services.issuance import Issued
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/client-certificates"


@pytest.fixture
def alice(visitor: Visitor) -> Issued:
    visitor.bench.world.ca()
    return visitor.bench.world.issue("alice")


def _labels(page: str) -> list[str]:
    return re.findall(
        r'<a class="word" href="[^"]*client-certificates/[0-9a-f]{32}">(.*?)</a>', page
    )


def test_an_empty_zone_invites_to_make_one(visitor: Visitor) -> None:
    page = visitor.get(PAGE)

    assert "No certificate yet" in page
    assert "0 certificates." in page
    assert "The first certificate makes one." in page


def test_the_table_has_what_people_look_for(visitor: Visitor, alice: Issued) -> None:
    page = visitor.get(PAGE)

    one = alice.certificate
    assert _labels(page) == ["alice"]
    assert one.fingerprint_sha256 in page
    assert ">Active<" in page
    assert "never" in page
    assert f"/authorities/{one.authority_id}" in page
    assert "1 certificate." in page


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("", ["carol", "bob", "alice"]),
        ("?state=all&search=&order=newest", ["carol", "bob", "alice"]),
        ("?order=oldest", ["alice", "bob", "carol"]),
        ("?order=expires_first", ["carol", "alice", "bob"]),
        ("?order=expires_last", ["bob", "alice", "carol"]),
        ("?state=revoked", ["bob"]),
        ("?state=active", ["carol", "alice"]),
        ("?state=expiring", ["carol"]),
        ("?state=expired", []),
        ("?search=ali", ["alice"]),
        ("?search=ali&state=revoked", []),
        ("?search=nothing", []),
    ],
)
def test_it_is_searched_filtered_and_sorted(
    visitor: Visitor, alice: Issued, query: str, labels: list[str]
) -> None:
    world = visitor.bench.world
    world.revoke(world.issue("bob"))
    issue_certificate(
        world.store,
        NewKey(subject=Subject.of("carol")),
        days=3,
        encryption=world.encryption,
        actor="test",
        at=visitor.bench.now,
    )

    page = visitor.get(PAGE + query)

    assert _labels(page) == labels
    if not labels:
        assert "No certificate fits." in page


def test_pages_lead_to_each_other_and_keep_what_was_asked(
    visitor: Visitor, alice: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_certificates, "PER_PAGE", 2)
    for name in ("bob", "carol"):
        visitor.bench.world.issue(name)

    first = visitor.get(PAGE + "?order=oldest")
    (following,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = visitor.get(following.replace("&amp;", "&"))

    assert _labels(first) == ["alice", "bob"]
    assert 'rel="prev"' not in first
    assert _labels(second) == ["carol"]
    assert 'rel="next"' not in second
    (back,) = re.findall(r'rel="prev" href="([^"]*)"', second)
    assert back == visitor.bench.path(PAGE) + "?order=oldest"
    assert _labels(visitor.get(PAGE + "?page=999")) == []


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=x", "?state=lost", "?order=random", "?search=" + "x" * 300]
)
def test_what_cannot_be_asked_is_told(visitor: Visitor, query: str) -> None:
    assert "not valid" in visitor.get(PAGE + query, 400)


def test_a_page_says_when_there_were_too_many_to_sort(
    visitor: Visitor, alice: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_SORTED", "MOST_COUNTED"):
        monkeypatch.setattr(f"authz.services.certificate_table.{name}", 1)

    page = visitor.get(PAGE + "?search=ali&order=oldest")

    assert "too many to be sorted as asked: newest first" in page
    assert "1 or more certificates" in page


def test_one_certificate_has_every_field_to_copy(visitor: Visitor) -> None:
    world = visitor.bench.world
    made = create_authority(
        world.store,
        "Acme",
        intermediate=True,
        encryption=world.encryption,
        actor="test",
        at=visitor.bench.now,
    )
    issued = issue_certificate(
        world.store,
        NewKey(subject=Subject.of("alice"), names=AlternativeNames(uri=("spiffe://a/b",))),
        encryption=world.encryption,
        actor="test",
        at=visitor.bench.now,
    )

    page = visitor.get(f"{PAGE}/{issued.certificate.id}")

    own = issued.certificate
    assert f'data-copy="{own.fingerprint_sha256}"' in page
    for name in ("issuer_dn", "serial", "issuer_ski", "rfc9440", "chain_rfc9440", "not_after"):
        assert f"cf.tls_client_auth.cert_{name}</code>" in page
    assert "spiffe://a/b" in page
    (chain,) = re.findall(r'<ol class="chain">(.*?)</ol>', page, re.DOTALL)
    assert re.findall(r"CN=[\w ]+", chain) == ["CN=alice", "CN=Acme"]
    assert made.issuing is not None
    assert made.issuing.fingerprint_sha256 in chain
    assert f"fingerprint={own.fingerprint_sha256}" in page
    assert "<strong>Created</strong>" in page


def test_what_a_revoked_one_is_for_rules_is_told(visitor: Visitor, alice: Issued) -> None:
    visitor.bench.world.revoke(alice)

    page = visitor.get(f"{PAGE}/{alice.certificate.id}")

    assert "No reason given" in page
    assert "<strong>Revoked</strong>" in page
    assert f"{alice.certificate.id}/restore" in page
    assert f"{alice.certificate.id}/revoke" not in page


def _judged(page: str) -> dict[str, str]:
    """What is to copy of how it is judged."""
    return dict(
        re.findall(
            r"cert_(presented|verified|revoked)</code></th>\s*<td>"
            r'<span class="copyable" data-copy="(\w+)">',
            page,
        )
    )


def test_how_it_is_judged_is_as_for_a_host_of_its_authority(
    visitor: Visitor, alice: Issued
) -> None:
    address = f"{PAGE}/{alice.certificate.id}"
    good = {"presented": "true", "verified": "true", "revoked": "false"}
    assert _judged(visitor.get(address)) == good

    visitor.bench.world.host("api.example.com")
    assert _judged(visitor.get(address)) == good

    visitor.bench.world.revoke(alice)
    assert _judged(visitor.get(address)) == good | {"revoked": "true"}


def test_one_of_an_authority_that_nobody_asks_for_is_judged_as_if_somebody_did(
    visitor: Visitor, alice: Issued
) -> None:
    visitor.bench.world.revoke(alice)

    judged = _judged(visitor.get(f"{PAGE}/{alice.certificate.id}"))

    assert judged == {"presented": "true", "verified": "true", "revoked": "true"}


def test_an_expired_one_is_told(visitor: Visitor, alice: Issued) -> None:
    visitor.bench.now += 364 * 86_400
    other = visitor.with_grants(EVERYTHING)
    assert "It expires in" in other.get(f"{PAGE}/{alice.certificate.id}")

    visitor.bench.now += 10 * 86_400
    page = visitor.with_grants(EVERYTHING, "later").get(f"{PAGE}/{alice.certificate.id}")

    assert "It expired" in page
    assert "It is not verified, because it expired." in page
    assert _judged(page) == {"presented": "true", "verified": "false", "revoked": "false"}


def test_its_file_is_the_certificate_with_its_chain(visitor: Visitor, alice: Issued) -> None:
    answer = visitor.send("GET", f"{PAGE}/{alice.certificate.id}/certificate.pem")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="alice.pem"'
    (own,) = x509.load_pem_x509_certificates(answer.content)
    assert own.public_bytes(Encoding.DER) == alice.certificate.der


def test_what_is_not_there(visitor: Visitor, alice: Issued) -> None:
    other = create_zone(visitor.bench.store, "shop.example", actor="test", at=0).zone

    for name in ("0" * 32, "x", alice.certificate.fingerprint_sha256):
        visitor.get(f"{PAGE}/{name}", 404)
        visitor.get(f"{PAGE}/{name}/certificate.pem", 404)
    visitor.get(f"/zones/{other.id}/client-certificates/{alice.certificate.id}", 404)
    visitor.get(f"/zones/{'0' * 32}/client-certificates", 404)


def test_a_reader_is_offered_nothing_that_changes(visitor: Visitor, alice: Issued) -> None:
    reader = visitor.as_reader()
    pages = reader.get(PAGE) + reader.get(f"{PAGE}/{alice.certificate.id}")

    for word in ("Create Certificate", "/revoke", ">Rename<", "Create a mTLS rule", "Create CA"):
        assert word not in pages


def test_the_history_is_for_who_may_read_the_audit_log(visitor: Visitor, alice: Issued) -> None:
    # One permission group has both.
    kept = {Resource.AUDIT, Resource.ACCOUNT}
    others = visitor.with_grants(one for one in READ_ONLY if one.resource not in kept)

    assert "History" not in others.get(f"{PAGE}/{alice.certificate.id}")


def test_who_may_not_read_certificates_sees_none(visitor: Visitor, alice: Issued) -> None:
    others = visitor.with_grants(
        [Grant(resource=Resource.RULES, level=Level.WRITE, place=visitor.bench.zone_id)]
    )

    others.get(PAGE, 403)
    others.get(f"{PAGE}/{alice.certificate.id}", 403)


def test_tabs_say_which_one_is_open(visitor: Visitor) -> None:
    issued, own = visitor.get(PAGE), visitor.get(f"{PAGE}/own-ca")

    assert 'aria-current="page">Issued here' in issued
    assert 'aria-current="page">Your own CA' in own


def test_rows_are_cards_on_a_phone_and_stay_a_table(visitor: Visitor, alice: Issued) -> None:
    page = visitor.get(PAGE)

    assert "/cards.css" in page
    assert re.search(r'<table role="table" class="[^"]*cards">', page)
    labels = re.findall(r'role="cell" data-label="([^"]+)"', page)
    assert labels == ["Status", "Issuer", "Fingerprint", "Expires", "Last seen", "Requests"]
