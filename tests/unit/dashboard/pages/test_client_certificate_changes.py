# SPDX-License-Identifier: Apache-2.0
"""Revoking, restoring and labelling on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.services.audit_log import latest_entries
from authz.services.certificates import get_certificate
from authz.services.rulesets import append_rule
from authz.store.records import CertificateStatus

if TYPE_CHECKING:
    from authz.services.issuance import Issued
    from authz.store.records import ClientCertificate
    from tests.factories.dashboard import Visitor


@pytest.fixture
def alice(visitor: Visitor) -> Issued:
    visitor.bench.world.protect()
    return visitor.bench.world.issue("alice")


def _page(alice: Issued, name: str) -> str:
    return f"/zones/{{zone}}/client-certificates/{alice.certificate.id}/{name}"


def _now(visitor: Visitor, alice: Issued) -> ClientCertificate:
    return get_certificate(visitor.bench.store, alice.certificate.id)


def test_the_question_says_what_happens(visitor: Visitor, alice: Issued) -> None:
    page = visitor.get(_page(alice, "revoke"))

    assert "cert_revoked" in page
    assert "revocation list of Acme" in page
    assert "will not block it" not in page
    assert "The private key may be known to somebody else (keyCompromise)" in page


def test_rules_that_will_not_block_it_are_named(visitor: Visitor, alice: Issued) -> None:
    rule = {
        "action": "block",
        "expression": "not cf.tls_client_auth.cert_verified",
        "description": "Blind <b>",
    }
    append_rule(visitor.bench.store, "default", rule, actor="test", at=0)

    page = visitor.get(_page(alice, "revoke"))

    assert "This rule asks" in page
    assert "Blind &lt;b&gt;" in page


def test_it_is_revoked_for_a_reason_and_restored(visitor: Visitor, alice: Issued) -> None:
    answer = visitor.post(_page(alice, "revoke"), {"reason": "keyCompromise"})

    now = _now(visitor, alice)
    assert answer.headers["Location"].endswith(f"/client-certificates/{alice.certificate.id}")
    assert (now.status, now.reason) == (CertificateStatus.REVOKED, "keyCompromise")
    (row, *_) = latest_entries(visitor.bench.store, of=alice.certificate.id)
    assert row.action == "certificate.revoke"
    assert row.actor.startswith("token test")
    assert "Issue a new certificate with a new key" in visitor.get(_page(alice, "restore"))

    visitor.post(_page(alice, "restore"))

    assert _now(visitor, alice).status is CertificateStatus.ACTIVE
    (row, *_) = latest_entries(visitor.bench.store, of=alice.certificate.id)
    assert row.action == "certificate.restore"


def test_without_a_reason_none_is_given(visitor: Visitor, alice: Issued) -> None:
    visitor.post(_page(alice, "revoke"))

    assert _now(visitor, alice).reason == "unspecified"


def test_a_reason_that_is_none_is_told(visitor: Visitor, alice: Issued) -> None:
    answer = visitor.post(_page(alice, "revoke"), {"reason": "boredom"}, 400)

    assert "Unknown revocation reason" in answer.text
    assert _now(visitor, alice).status is CertificateStatus.ACTIVE


@pytest.mark.parametrize(("verb", "told"), [("revoke", "is revoked already"), ("restore", "not")])
def test_what_is_so_already_is_not_asked_for(
    visitor: Visitor, alice: Issued, verb: str, told: str
) -> None:
    if verb == "revoke":
        visitor.bench.world.revoke(alice)

    answer = visitor.send("GET", _page(alice, verb))

    assert answer.status_code == 303
    assert told in visitor.get(str(answer.headers["Location"]))


def test_it_gets_another_label(visitor: Visitor, alice: Issued) -> None:
    assert 'value="alice"' in visitor.get(_page(alice, "label"))

    visitor.post(_page(alice, "label"), {"label": "  Bob's <i>  "})

    assert _now(visitor, alice).label == "Bob's <i>"


def test_a_label_that_is_none_is_told_and_kept_in_the_form(visitor: Visitor, alice: Issued) -> None:
    answer = visitor.post(_page(alice, "label"), {"label": "a" * 300}, 400)

    assert "The label is too long" in answer.text
    assert "a" * 300 in answer.text
    assert "is empty" in visitor.post(_page(alice, "label"), {"label": " "}, 400).text
    assert _now(visitor, alice).label == "alice"


@pytest.mark.parametrize("name", ["revoke", "restore", "label"])
def test_a_reader_can_do_none_of_it(visitor: Visitor, alice: Issued, name: str) -> None:
    reader = visitor.as_reader()

    reader.get(_page(alice, name), 403)
    reader.post(_page(alice, name), {"label": "x"}, 403)
    assert _now(visitor, alice) == get_certificate(visitor.bench.store, alice.certificate.id)
    assert _now(visitor, alice).status is CertificateStatus.ACTIVE


@pytest.mark.parametrize("name", ["revoke", "restore", "label"])
def test_a_form_of_another_site_does_nothing(visitor: Visitor, alice: Issued, name: str) -> None:
    answer = visitor.send("POST", _page(alice, name), data={"label": "x", "csrf": "0"})

    assert answer.status_code == 403
    assert _now(visitor, alice).status is CertificateStatus.ACTIVE


@pytest.mark.parametrize("name", ["revoke", "restore", "label"])
def test_what_is_not_there(visitor: Visitor, alice: Issued, name: str) -> None:
    nowhere = f"/zones/{{zone}}/client-certificates/{'0' * 32}/{name}"

    visitor.get(nowhere, 404)
    visitor.post(nowhere, {"label": "x"}, 404)
