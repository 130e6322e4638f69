# SPDX-License-Identifier: Apache-2.0
"""What pages show of certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.dashboard.certificate_views import file, rows_of, shown
from authz.observability.activity import CertificateCounted
from authz.services.activity import Tally, keep_activity

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def test_a_row_has_state_and_issuer(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    alice, bob = world.issue("alice"), world.issue("bob")
    world.revoke(bob)
    with world.store.read() as session:
        kept = tuple(session.certificates.get(one.certificate.id) for one in (alice, bob))

    rows = rows_of(
        world.store,
        tuple(one for one in kept if one is not None),
        {alice.certificate.authority_id: "Acme"},
        visitor.bench.now,
    )

    assert [(one.authority, one.badge[0]) for one in rows] == [
        ("Acme", "Active"),
        ("Acme", "Revoked"),
    ]


def test_a_row_has_how_many_requests_there_were(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    alice, bob = world.issue("alice"), world.issue("bob")
    counted = CertificateCounted(
        fingerprint=alice.certificate.fingerprint_sha256, allowed=1204, blocked=3, verified=True
    )
    tally = Tally(at=visitor.bench.now, certificates=(counted,))
    keep_activity(world.store, {}, tally=tally)

    rows = rows_of(world.store, (alice.certificate, bob.certificate), {}, visitor.bench.now)
    page = visitor.get("/zones/{zone}/client-certificates")

    assert [(one.requests.allowed, one.requests.blocked) for one in rows] == [(1204, 3), (0, 0)]
    assert "1,204 allowed<br>3 blocked" in page
    assert page.count(">none<") == 1


def test_a_certificate_of_an_authority_is_described(visitor: Visitor) -> None:
    (own,) = visitor.bench.world.ca().certificates

    assert shown(own).facts.subject == "CN=Acme"
    assert shown(own).record == own


def test_a_file_is_saved_and_not_shown() -> None:
    answer = file("text", "a.pem")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.pem"'
    assert answer.headers["Content-Type"].startswith("application/x-pem-file")
