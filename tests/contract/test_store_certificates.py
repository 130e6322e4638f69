# SPDX-License-Identifier: Apache-2.0
"""Client certificates in both databases: kept, found, counted, in pages."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError
from authz.store import certificates, counts
from authz.store.certificate_order import CertificateOrder
from authz.store.certificates import CertificateQuery
from authz.store.records import CertificateStatus, IssuanceRequest
from tests.factories.pki import AT
from tests.factories.stored import certificate, default_zone, identifier, with_authority, zone

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Authority, ClientCertificate, Zone
    from authz.store.session import Session

REVOKED = CertificateStatus.REVOKED
ACTIVE = CertificateStatus.ACTIVE


def _issue(store: Store, many: int = 1, **changes: object) -> tuple[Zone, Authority]:
    with store.write() as session:
        here, of = with_authority(session)
        for number in range(1, many + 1):
            session.certificates.add(certificate(of, here.id, number, **changes))
    return here, of


def _found(session: Session, search: str, **more: object) -> list[str]:
    """The serial numbers of what a search finds in the first zone."""
    query = CertificateQuery(zone_id=default_zone(session).id, search=search, **more)  # type: ignore[arg-type]  # as the tests name them
    found = [one.serial for one in session.certificates.find(query, most=100)]
    assert len(found) == session.certificates.count(query)
    return found


def test_a_certificate_comes_back_as_it_was(store: Store) -> None:
    here, of = _issue(store)
    kept = certificate(of, here.id, 1)
    with store.read() as session:
        for found in (
            session.certificates.get(kept.id),
            session.certificates.by_serial(of.id, "1"),
            session.certificates.by_fingerprint(kept.fingerprint_sha256),
        ):
            assert found is not None
            assert found.number > 0
            assert replace(found, number=0) == kept


def test_what_is_not_there_is_none(store: Store) -> None:
    with store.read() as session:
        assert session.certificates.get("0" * 32) is None
        assert session.certificates.get("0" * 3_000) is None
        assert session.certificates.by_serial("0" * 32, "1") is None
        assert session.certificates.by_fingerprint("0" * 64) is None
        assert session.certificates.find(CertificateQuery(zone_id="0" * 32), most=9) == []
        assert session.certificates.count(CertificateQuery(zone_id="0" * 32)) == 0


def test_a_serial_number_is_used_once_by_an_authority(store: Store) -> None:
    here, of = _issue(store)
    with pytest.raises(ConflictError), store.write() as session:
        session.certificates.add(certificate(of, here.id, 1, id=identifier("another")))
    with store.write() as session:
        _, other = with_authority(session, "others")
        session.certificates.add(certificate(other, here.id, 1))

    with store.read() as session:
        assert session.certificates.count(CertificateQuery(zone_id=here.id)) == 2


def test_a_serial_number_of_20_bytes(store: Store) -> None:
    here, of = _issue(store, 0)
    serial = (1 << 160) - 1
    with store.write() as session:
        session.certificates.add(certificate(of, here.id, serial))
    with store.read() as session:
        assert session.certificates.by_serial(of.id, "F" * 40) is not None
        assert _found(session, "fffff") == ["F" * 40]


def test_revoking_and_restoring(store: Store) -> None:
    here, of = _issue(store, 3)
    kept = certificate(of, here.id, 2)
    with store.write() as session:
        found = session.certificates.get(kept.id)
        assert found is not None
        session.certificates.set_status(found, REVOKED, revoked_at=AT, reason="key_compromise")
        # Again, with what was read before: it is counted once.
        session.certificates.set_status(found, REVOKED, revoked_at=AT, reason="superseded")
    with store.read() as session:
        revoked = session.certificates.get(kept.id)
        assert revoked is not None
        assert (revoked.status, revoked.revoked_at, revoked.reason) == (REVOKED, AT, "superseded")
        assert _counts(session, here.id) == (2, 1, 3)
        assert _found(session, "device", status=REVOKED) == ["2"]
        assert _found(session, "device", status=ACTIVE) == ["3", "1"]
        assert _found(session, "device") == ["3", "2", "1"]

    with store.write() as session:
        session.certificates.set_status(revoked, ACTIVE, revoked_at=None, reason=None)
    with store.read() as session:
        restored = session.certificates.get(kept.id)
        assert restored == found
        assert _counts(session, here.id) == (3, 0, 3)
        assert _found(session, "device", status=REVOKED) == []


def test_changing_what_is_not_there_changes_nothing(store: Store) -> None:
    here, of = _issue(store)
    nobody = replace(certificate(of, here.id, 7), number=99)
    with store.write() as session:
        session.certificates.set_status(nobody, REVOKED, revoked_at=AT, reason=None)
        session.certificates.set_label(nobody, "nobody")
    with store.read() as session:
        assert _counts(session, here.id) == (1, 0, 1)
        assert _found(session, "nobody") == []


def _counts(session: Session, zone_id: str) -> tuple[int, int, int]:
    count = session.certificates.count
    return (
        count(CertificateQuery(zone_id=zone_id, status=ACTIVE)),
        count(CertificateQuery(zone_id=zone_id, status=REVOKED)),
        count(CertificateQuery(zone_id=zone_id)),
    )


def test_another_label_is_found_and_the_old_one_is_not(store: Store) -> None:
    _, of = _issue(store, 2)
    with store.write() as session:
        found = session.certificates.by_serial(of.id, "1")
        assert found is not None
        session.certificates.set_label(found, "Gate in Malmö")
    with store.read() as session:
        changed = session.certificates.by_serial(of.id, "1")
        assert changed == replace(found, label="Gate in Malmö")
        assert _found(session, "malmö") == ["1"]
        assert _found(session, "device") == ["2"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("truck", True),
        ("TRUCK", True),
        ("tru", True),
        ("t", True),
        ("ruck", False),
        ("truck 17", True),
        ("17 truck", True),
        ("  truck,  17!  ", True),
        ("truck 18", False),
        ("straße", True),
        ("STRASSE", True),
        ("стра", True),
        ("東京", True),
        ("東", True),
        ("e\u0301cole", True),  # decomposed
        ("école", True),
        ("ecole", False),
        ("fleet", True),
        ("acme", True),
        ("logistics", True),
        ("2a", True),
        ("0a", False),
        ('truck" OR "x', False),
        ("truck*", True),
        ("truck' | 'x", False),
        ("truck\\", True),
        ("NEAR(truck)", False),
        ("ue000", False),
        ("active", False),
        (" ".join(["truck"] * 50), True),
        ("🚚", False),
        ("%", False),
        ("_", False),
    ],
)
def test_words_of_a_search_begin_words_of_the_certificate(
    store: Store, search: str, found: bool
) -> None:
    here, of = _issue(store, 0)
    with store.write() as session:
        session.certificates.add(
            certificate(
                of,
                here.id,
                0x2A,
                label="Truck_17 Straße",
                common_name="fleet.example",
                organization="Acme 東京 École",
                organizational_unit="Logistics Страна",
            )
        )
        session.certificates.add(certificate(of, here.id, 0xB0, label="other", organization=""))

    with store.read() as session:
        assert ("2A" in _found(session, search)) is found


def test_identifier_serial_number_and_fingerprint_are_found(store: Store) -> None:
    here, of = _issue(store, 3)
    kept = certificate(of, here.id, 3)
    with store.read() as session:
        for search in (kept.id, kept.id[:9], kept.fingerprint_sha256, kept.fingerprint_sha256[:20]):
            assert _found(session, search) == ["3"]


@pytest.mark.parametrize(
    "search",
    [
        "0A80C6AC",
        "0a80c6ac",
        "a80c6ac1",
        "A80C6AC1",
        "0A:80:C6:AC",
        "00:0A:80:C6:AC:12",
        "0A:80:C6:AC:12:34 gate",
        "{fingerprint}",
    ],
)
def test_a_serial_number_is_found_however_it_is_written(store: Store, search: str) -> None:
    here, of = _issue(store, 3)
    kept = certificate(of, here.id, 0x0A80C6AC1234, label="gate 00:1A:2B:3C")
    with store.write() as session:
        session.certificates.add(kept)
    digits = kept.fingerprint_sha256.upper()
    colons = ":".join(digits[place : place + 2] for place in range(0, 64, 2))
    with store.read() as session:
        assert _found(session, search.format(fingerprint=colons)) == ["A80C6AC1234"]
        # What has colons in a label goes on being found by its parts, in any order.
        assert _found(session, "1A:2B") == ["A80C6AC1234"]
        assert _found(session, "0A:80:C6:AD") == []


def test_beginnings_of_numbers(store: Store) -> None:
    here, of = _issue(store, 3)
    kept = certificate(of, here.id, 0x0A80C6AC1234)
    others = [
        certificate(of, here.id, 7, id="0a80c6ad" + "0" * 24),
        certificate(of, here.id, 8, fingerprint_sha256="0a80c6ae" + "f" * 56),
    ]
    with store.write() as session:
        for one in (kept, *others):
            session.certificates.add(one)

    def found(digits: str, most: int = 9) -> set[str]:
        with store.read() as session:
            return set(session.certificates.beginning(digits, [of.id], most=most))

    assert found("0a80c6ac") == found("a80c6ac123") == {kept.id}
    assert found("0a80c6") == {kept.id, *(one.id for one in others)}
    assert found("0a80c6af") == set()
    assert found("0") >= {one.id for one in others}
    assert len(found("", most=2)) < 6


def test_the_contents_are_a_stream_of_all_zones(store: Store) -> None:
    here, of = _issue(store, 2)
    with store.write() as session:
        there = zone(here.account_id)
        session.zones.add(there)
        session.certificates.add(certificate(of, there.id, 3))
    kept = [certificate(of, here.id, number) for number in (1, 2, 3)]
    with store.read() as session:
        found = sorted(session.certificates.contents())
    assert found == sorted((one.id, one.der, one.fingerprint_sha256) for one in kept)


def test_words_longer_than_any_database_takes(store: Store) -> None:
    here, of = _issue(store, 0)
    # U+FDFA is 18 letters when it is taken apart.
    with store.write() as session:
        session.certificates.add(certificate(of, here.id, 1, label="\ufdfa" * 255))
        session.certificates.add(certificate(of, here.id, 2, label="a" * 255))
    with store.read() as session:
        assert _found(session, "a" * 255) == ["2"]
        assert _found(session, "\ufdfa") == ["1"]


def test_other_zones_are_not_found(store: Store) -> None:
    here, of = _issue(store, 2)
    with store.write() as session:
        there = zone(here.account_id)
        session.zones.add(there)
        session.certificates.add(certificate(of, there.id, 3))
    with store.read() as session:
        for search in ("", "device"):
            query = CertificateQuery(zone_id=there.id, search=search)
            assert [one.serial for one in session.certificates.find(query, most=9)] == ["3"]
            assert session.certificates.count(query) == 1
            query = CertificateQuery(zone_id=here.id, search=search)
            assert [one.serial for one in session.certificates.find(query, most=9)] == ["2", "1"]


def test_what_expires_soon(store: Store) -> None:
    here, of = _issue(store, 0)
    with store.write() as session:
        for number, days in ((1, 30), (2, 10), (3, 20), (4, -1)):
            session.certificates.add(
                certificate(
                    of,
                    here.id,
                    number,
                    label=f"gate{number}",
                    expires_at=AT + days * 86_400,
                )
            )
        session.certificates.set_status(
            _by_serial(session, of, "3"), REVOKED, revoked_at=AT, reason=None
        )
    soon = AT + 25 * 86_400
    with store.read() as session:
        assert [one.serial for one in session.certificates.expiring(AT, soon, most=9)] == ["2"]
        late = session.certificates.expiring(AT, AT + 99 * 86_400, most=9)
        assert [one.serial for one in late] == ["2", "1"]
        assert [one.serial for one in session.certificates.expiring(AT, soon + 1e9, most=1)] == [
            "2"
        ]
        assert _found(session, "", expires_before=soon) == ["4", "3", "2"]
        assert _found(session, "", expires_before=soon, status=ACTIVE) == ["4", "2"]
        assert _found(session, "gate2", expires_before=soon) == ["2"]
        assert _found(session, "gate1", expires_before=soon) == []


def test_every_order_is_that_of_its_numbers_or_moments(store: Store) -> None:
    here, of = _issue(store, 0)
    days = {1: 30, 2: 10, 3: 20, 4: 10, 5: 40}
    with store.write() as session:
        for number, many in days.items():
            session.certificates.add(
                certificate(of, here.id, number, expires_at=AT + many * 86_400)
            )
        session.certificates.set_status(
            _by_serial(session, of, "3"), REVOKED, revoked_at=AT, reason=None
        )

    expected = {
        CertificateOrder.NEWEST: "54321",
        CertificateOrder.OLDEST: "12345",
        CertificateOrder.EXPIRES_FIRST: "24315",
        CertificateOrder.EXPIRES_LAST: "51342",
    }
    with store.read() as session:
        for order, numbers in expected.items():
            for search in ("", "device"):
                assert _ordered(session, order, search=search) == numbers
                assert _ordered(session, order, search=search, most=2, skip=1) == numbers[1:3]
                active = _ordered(session, order, search=search, status=ACTIVE)
                assert active == numbers.replace("3", "")
                between = {"expires_from": AT + 20 * 86_400, "expires_before": AT + 40 * 86_400}
                kept = "".join(one for one in numbers if one in "13")
                assert _ordered(session, order, search=search, **between) == kept
                assert _ordered(session, order, search=search, status=ACTIVE, **between) == "1"
            assert _ordered(session, order, search="nothing") == ""
            assert _ordered(session, order, search="--") == ""


def _ordered(session: Session, order: CertificateOrder, **asked: Any) -> str:
    limits = {name: asked.pop(name) for name in ("most", "skip") if name in asked}
    query = CertificateQuery(zone_id=default_zone(session).id, **asked)
    found = session.certificates.ordered(query, order, **{"most": 9, **limits})
    return "".join(one.serial for one in found)


def _by_serial(session: Session, of: Authority, serial: str) -> ClientCertificate:
    found = session.certificates.by_serial(of.id, serial)
    assert found is not None
    return found


def test_a_count_of_a_search_stops_where_it_is_told_to(store: Store) -> None:
    here, _ = _issue(store, 5)
    with store.read() as session:
        query = CertificateQuery(zone_id=here.id, search="device")

        assert session.certificates.count(query, most=3) == 3
        assert session.certificates.count(query) == 5


@pytest.mark.parametrize("search", ["", "device", "common"])
@pytest.mark.parametrize("status", [None, ACTIVE, REVOKED])
def test_pages_by_number_and_by_cursor_are_the_same(
    store: Store, search: str, status: CertificateStatus | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through blocks of eight numbers, some of them empty; what is rare is not the latest."""
    monkeypatch.setattr(counts, "BLOCK_BITS", 3)
    monkeypatch.setattr(certificates, "_LATEST", 9)
    dice = random.Random(5)
    here, of = _issue(store, 0)
    with store.write() as session:
        there = zone(here.account_id)
        session.zones.add(there)
        for number in range(1, 101):
            session.certificates.add(
                certificate(
                    of,
                    there.id if 20 < number < 60 or number % 3 == 0 else here.id,
                    number,
                    label=f"device {'common' if number % 2 else 'other'}",
                )
            )
        for number in dice.sample(range(1, 101), 30):
            one = _by_serial(session, of, f"{number:X}")
            session.certificates.set_status(one, REVOKED, revoked_at=AT, reason=None)

    with store.read() as session:
        query = CertificateQuery(zone_id=here.id, search=search, status=status)
        everything = [one.number for one in session.certificates.find(query, most=1_000)]
        assert everything == sorted(everything, reverse=True)
        assert len(everything) == session.certificates.count(query) > 4
        for skip in range(len(everything) + 20):
            page = session.certificates.find(query, most=4, skip=skip)
            assert [one.number for one in page] == everything[skip : skip + 4]
        for at, number in enumerate(everything):
            page = session.certificates.find(query, most=4, before=number)
            assert [one.number for one in page] == everything[at + 1 : at + 5]


def test_more_than_a_statement_takes(store: Store) -> None:
    here, _ = _issue(store, 1_100)
    with store.read() as session:
        found = session.certificates.find(CertificateQuery(zone_id=here.id), most=5_000)

    assert [int(one.serial, 16) for one in found] == list(range(1_100, 0, -1))


def test_when_they_were_last_seen(store: Store) -> None:
    here, of = _issue(store, 3)
    marks = [certificate(of, here.id, number).fingerprint_sha256 for number in (1, 2, 3)]
    with store.note() as session:
        assert session.certificates.seen({}) == 0
        assert session.certificates.seen({marks[0]: AT + 5, marks[1]: AT, "0" * 64: AT}) == 2
        # What is older than what is known is no news.
        assert session.certificates.seen({marks[0]: AT + 4, marks[1]: AT + 9}) == 1
    with store.read() as session:
        seen = [_by_serial(session, of, f"{number}").last_seen_at for number in (1, 2, 3)]

    assert seen == [AT + 5, AT + 9, None]


def test_thousands_that_were_seen(store: Store) -> None:
    here, of = _issue(store, 500)
    marks = {certificate(of, here.id, number).fingerprint_sha256: AT for number in range(1, 5_001)}
    with store.note() as session:
        assert session.certificates.seen(marks) == 500


def test_a_request_to_issue_is_remembered(store: Store) -> None:
    with store.write() as session:
        here = default_zone(session)
        request = IssuanceRequest(
            zone_id=here.id, request_key="k", digest="d", certificate_id="c", created_at=AT
        )
        session.certificates.add_request(request)
    with store.read() as session:
        assert session.certificates.request(here.id, "k") == request
        assert session.certificates.request(here.id, "l") is None
    with pytest.raises(ConflictError), store.write() as session:
        session.certificates.add_request(request)

    later = replace(request, certificate_id="d", created_at=AT)
    with store.write() as session:
        session.certificates.replace_request(later)
        session.certificates.replace_request(replace(later, request_key="m"))
    with store.read() as session:
        assert session.certificates.request(here.id, "k") == later
        assert session.certificates.request(here.id, "m") is not None
    with store.note() as session:
        assert session.certificates.forget_requests(AT) == 0
        assert session.certificates.forget_requests(AT + 1) == 2
        assert session.certificates.request(here.id, "k") is None


def test_those_of_one_zone_expire(store: Store) -> None:
    here, _ = _issue(store)
    with store.read() as session:
        for zone_id, many in ((here.id, 1), (identifier("other"), 0)):
            found = session.certificates.expiring(AT, AT + 1e9, most=9, zone_id=zone_id)
            assert len(found) == many


def test_what_an_authority_issued_and_has_not_expired(store: Store) -> None:
    here, of = _issue(store, 0)
    with store.write() as session:
        for number in (1, 2, 3):
            issued = certificate(
                of, here.id, number, issued_at=AT + number, expires_at=AT + 10 * number
            )
            session.certificates.add(issued)
    with store.read() as session:
        assert session.certificates.unexpired(of.id, AT) == (3, AT + 30)
        # The last second still belongs to the validity.
        assert session.certificates.unexpired(of.id, AT + 20) == (2, AT + 30)
        assert session.certificates.unexpired(of.id, AT, issued_before=AT + 3) == (2, AT + 20)
        assert session.certificates.unexpired(of.id, AT + 31) == (0, AT + 31)


def test_certificates_of_an_authority_go_with_what_is_counted_and_remembered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "BLOCK_BITS", 1)
    here, of = _issue(store, 5)
    with store.write() as session:
        one = _by_serial(session, of, "2")
        session.certificates.set_status(one, REVOKED, revoked_at=AT, reason="superseded")
        request = IssuanceRequest(
            zone_id=here.id, request_key="k", digest="d", certificate_id=one.id, created_at=AT
        )
        session.certificates.add_request(request)
        assert session.certificates.remove_of(of.id) == 5
        assert session.certificates.remove_of(of.id) == 0
        assert session.certificates.request(here.id, "k") is None
    with store.read() as session:
        for status in (None, ACTIVE, REVOKED):
            assert session.certificates.count(CertificateQuery(zone_id=here.id, status=status)) == 0
        assert _found(session, "device") == []
