# SPDX-License-Identifier: Apache-2.0
"""What publishing CRLs asks of the store, in both databases; and two nodes that sign at once."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.ca.keys import KeyEncryption
from authz.services.authority_creation import create_authority
from authz.services.publication import sign_due
from authz.services.revocation import restore_serial, revoke_serial
from authz.store.records import CertificateStatus, PublishedCrl, Revocation
from tests.factories.pki import AT, DAY
from tests.factories.stored import authority_certificate, certificate, identifier, with_authority

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.contract.conftest import Place

ENCRYPTION = KeyEncryption.from_key_file(bytes(range(32)))


def _crl(authority_id: str, kind: str, number: int) -> PublishedCrl:
    return PublishedCrl(
        authority_id=authority_id,
        certificate_id=identifier("root"),
        kind=kind,
        number=number,
        revision=1,
        this_update=AT,
        next_update=AT + 1,
        body=b"\0crl",
    )


def test_crls_without_their_bodies(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        session.authorities.add_certificate(authority_certificate(of.id))
        for number, kind in enumerate(("complete", "delta")):
            session.published.put(_crl(of.id, kind, number))
        expected = [
            replace(_crl(of.id, kind, number), body=b"")
            for number, kind in enumerate(("complete", "delta"))
        ]
    with store.read() as session:
        assert session.published.heads() == expected
        assert session.published.heads(identifier("root")) == expected
        assert session.published.heads("0" * 32) == []


def test_a_certificate_that_is_there_is_locked(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        session.authorities.add_certificate(authority_certificate(of.id))
    with store.note() as session:
        assert session.published.lock(identifier("root"))
        assert not session.published.lock("0" * 32)


def test_revocations_with_time_and_reason_as_they_come(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        _, other = with_authority(session, "others")
        for one in (of, other):
            session.revocations.add(
                Revocation(authority_id=one.id, serial="0A", revoked_at=AT, reason="superseded")
            )
        first = session.revision
    with store.write() as session:
        session.revocations.add(
            Revocation(authority_id=of.id, serial="0B", revoked_at=AT + 1, reason="unspecified")
        )
    with store.read() as session:
        assert sorted(session.revocations.entries(of.id)) == [
            (10, AT, "superseded"),
            (11, AT + 1, "unspecified"),
        ]
        assert list(session.revocations.entries(of.id, after=first)) == [
            (11, AT + 1, "unspecified")
        ]


def test_changes_of_one_authority_and_the_first_of_them(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        _, other = with_authority(session, "others")
        for one, serial in ((of, "0A"), (other, "0B"), (of, "0C")):
            session.revocations.add(
                Revocation(authority_id=one.id, serial=serial, revoked_at=AT, reason="unspecified")
            )
    with store.read() as session:
        changes = session.revocations.changes_after(0, authority_id=of.id)
        assert changes is not None
        assert [one.serial for one in changes] == ["0A", "0C"]
        assert session.revocations.changes_after(0, authority_id=of.id, most=1) == changes[:1]


def test_what_is_not_of_a_client_certificate_that_was_issued_here(store: Store) -> None:
    with store.write() as session:
        zone, of = with_authority(session)
        client = certificate(of, zone.id, 10)
        session.certificates.add(client)
        for serial in (client.serial, "FF"):
            session.revocations.add(
                Revocation(authority_id=of.id, serial=serial, revoked_at=AT, reason="unspecified")
            )
    with store.read() as session:
        assert list(session.revocations.entries(of.id, but_issued=True)) == [
            (255, AT, "unspecified")
        ]
        changes = session.revocations.changes_after(0, but_issued=True)
        assert changes is not None
        assert [one.serial for one in changes] == ["FF"]


def test_certificates_that_expire_are_counted_up_to_a_bound(store: Store) -> None:
    with store.write() as session:
        zone, of = with_authority(session)
        for number in range(4):
            session.certificates.add(certificate(of, zone.id, number, expires_at=AT + number * DAY))
        session.certificates.add(
            certificate(of, zone.id, 9, expires_at=AT, status=CertificateStatus.REVOKED)
        )
    with store.read() as session:
        count = session.certificates.count_expiring
        assert count(zone.id, AT, AT + 3 * DAY, most=10) == 3
        assert count(zone.id, AT + 1, AT + 3 * DAY, most=10) == 2
        assert count(zone.id, AT, AT + 3 * DAY, most=2) == 2
        assert count("0" * 32, AT, AT + 3 * DAY, most=10) == 0


def test_of_nodes_that_sign_at_once_none_uses_a_number_twice(place: Place) -> None:
    """Each change is signed by all; what any of them kept is what all of them go on from."""
    with closing(place.open(create=False)) as mine:
        create_authority(mine, "acme", encryption=ENCRYPTION, actor="t", at=AT)
        nodes = [place.open(create=False) for _ in range(3)]
        for round_ in range(6):
            if round_ % 2 == 0:
                revoke_serial(mine, "acme", "0A", actor="t", at=AT)
            else:
                restore_serial(mine, "acme", "0A", actor="t", at=AT)
            together = threading.Barrier(len(nodes))

            def sign(
                node: Store, together: threading.Barrier = together, at: float = AT + round_
            ) -> None:
                together.wait(10)
                assert not sign_due(node, lambda: ENCRYPTION, hours=168, at=at)

            threads = [threading.Thread(target=sign, args=(node,)) for node in nodes]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        assert not sign_due(mine, lambda: ENCRYPTION, hours=168, at=AT + 10)
        for node in nodes:
            node.close()
        with mine.read() as session:
            signed = [
                one.after["number"]
                for one in session.audit.latest(most=100)
                if one.action == "authority.crl" and one.after is not None
            ]
            latest = {one.kind: one.number for one in session.published.heads()}
    assert len(signed) == len(set(signed))
    assert latest["complete"] == latest["delta"] == max(signed)
