# SPDX-License-Identifier: Apache-2.0
"""Certificates that were issued: found, listed, labelled, seen."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError, NotFoundError, StoreDamagedError
from authz.services.activity import keep_activity
from authz.services.certificates import (
    certificate_in_zone,
    expiring_certificates,
    get_certificate,
    list_certificates,
    set_label,
)
from authz.services.revocation import revoke_certificate
from authz.services.zones import create_zone
from tests.factories.pki import AT
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.records import ClientCertificate
    from tests.unit.services.conftest import World


def _similar(world: World, one: ClientCertificate, **changes: str) -> ClientCertificate:
    """Another certificate in the store, with an identifier, serial number or fingerprint."""
    given = {"id": "9" * 32, "serial": "9" * 40, "fingerprint_sha256": "9" * 64, **changes}
    other = replace(one, number=0, **given)  # type: ignore[arg-type]  # all of them texts
    with world.store.write() as session:
        session.certificates.add(other)
    return other


def test_it_is_found_by_all_its_numbers(world: World) -> None:
    world.ca()
    one = world.issue().certificate

    for named in (
        one.id,
        one.id.upper(),
        one.id[:6],
        one.serial,
        one.serial.lower(),
        f"00{one.serial}",
        ":".join(one.serial.zfill(40)[n : n + 2] for n in range(0, 40, 2)),
        one.serial.lower()[:8],
        one.fingerprint_sha256,
        one.fingerprint_sha256[:10],
    ):
        assert get_certificate(world.store, named) == one, named


def test_a_beginning_must_be_of_one_certificate(world: World) -> None:
    world.ca()
    one = world.issue().certificate
    _similar(world, one, fingerprint_sha256=one.id[:8] + "0" * 56)

    with pytest.raises(InvalidInputError, match="2 certificates begin with"):
        get_certificate(world.store, one.id[:7])
    assert get_certificate(world.store, one.id) == one


def test_what_is_counted_and_not_found_is_damage(world: World, tmp_path: Path) -> None:
    world.ca()
    world.issue()
    assert list_certificates(world.store, "default", page=99).certificates == ()
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        connection.execute("UPDATE client_certificates SET zone_id = 'gone'")
        connection.commit()

    with pytest.raises(StoreDamagedError, match="1 certificates are counted, and none is found"):
        list_certificates(world.store, "default")


def test_labels_do_not_hide_what_begins_alike(world: World) -> None:
    world.ca()
    one = world.issue().certificate
    _similar(world, one, fingerprint_sha256=one.id[:8] + "0" * 56)
    with world.store.write() as session:
        for number in range(250):
            session.certificates.add(
                replace(
                    one,
                    number=0,
                    id=f"f{number:031}",
                    serial=f"F{number:038}",
                    fingerprint_sha256=f"f{number:063}",
                    label=one.id[:8],
                )
            )

    with pytest.raises(InvalidInputError, match="2 certificates begin with"):
        get_certificate(world.store, one.id[:7])
    with pytest.raises(InvalidInputError, match="100 or more certificates begin with"):
        get_certificate(world.store, "f" + "0" * 20)


def test_a_word_of_its_label_is_no_name(world: World) -> None:
    world.ca()
    world.issue(label="abcdef")

    with pytest.raises(NotFoundError, match='there is no certificate "abcdef"'):
        get_certificate(world.store, "abcdef")


@pytest.mark.parametrize("named", ["", "0", "00000000", "gone", "12345"])
def test_what_names_nothing(world: World, named: str) -> None:
    world.ca()
    world.issue()

    with pytest.raises(NotFoundError):
        get_certificate(world.store, named)


def test_pages_have_the_latest_first_and_end(world: World) -> None:
    known = world.ca()
    names = ["alice", "bob", "carol"]
    for name in names:
        world.issue(name)
    revoke_certificate(
        world.store,
        list_certificates(world.store, "default", search="bob").certificates[0].id,
        actor="t",
        at=AT,
    )

    page = list_certificates(world.store, "default", per_page=2)
    assert [one.label for one in page.certificates] == ["carol", "bob"]
    assert (page.total, page.page, page.per_page) == (3, 1, 2)
    assert page.authorities == {known.authority.id: "Acme"}
    later = list_certificates(world.store, "default", per_page=2, page=2)
    assert [one.label for one in later.certificates] == ["alice"]
    assert list_certificates(world.store, "default", page=9).certificates == ()
    for status, labels in (("revoked", ["bob"]), ("active", ["carol", "alice"])):
        found = list_certificates(world.store, "default", status=status)
        assert [one.label for one in found.certificates] == labels
        assert found.total == len(labels)
    assert list_certificates(world.store, "default", status="all").total == 3
    assert list_certificates(world.store, "default", search="car").total == 1
    create_zone(world.store, "example.com", actor="t", at=AT)
    assert list_certificates(world.store, "example.com").total == 0


@pytest.mark.parametrize(
    "asked", [{"status": "x"}, {"page": 0}, {"per_page": 0}, {"per_page": 1001}]
)
def test_what_cannot_be_listed(world: World, asked: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        list_certificates(world.store, "default", **asked)  # type: ignore[arg-type]  # wrong on purpose


def test_those_that_expire_soon(world: World) -> None:
    world.ca()
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca("Other", zone="example.com")
    world.issue("soon", days=20)
    world.issue("sooner", days=10)
    world.issue("later", days=60)
    world.issue("elsewhere", zone="example.com", days=10)
    revoke_certificate(world.store, world.issue("gone", days=5).certificate.id, actor="t", at=AT)

    found = expiring_certificates(world.store, "default", at=AT)
    assert [one.label for one in found.certificates] == ["sooner", "soon"]
    assert found.total == 2
    assert expiring_certificates(world.store, "default", at=AT + 70 * DAY).certificates == ()


def test_another_label(world: World) -> None:
    world.ca()
    one = world.issue().certificate

    changed = set_label(world.store, one.id, " new ", actor="tester", at=AT)
    assert changed == get_certificate(world.store, one.id) == replace(one, label="new")
    row = world.last()
    assert (row.action, row.before, row.after) == (
        "certificate.label",
        {"label": "alice"},
        {"label": "new"},
    )
    with pytest.raises(InvalidInputError):
        set_label(world.store, one.id, "", actor="t", at=AT)


def test_when_it_was_last_seen(world: World) -> None:
    world.ca()
    one = world.issue().certificate
    rows = len(world.audited())

    assert keep_activity(world.store, {one.fingerprint_sha256: AT + 5, "0" * 64: AT}) == 1
    assert get_certificate(world.store, one.id).last_seen_at == AT + 5
    assert len(world.audited()) == rows


def test_pages_that_begin_further_on(world: World) -> None:
    world.ca()
    names = [world.issue(f"c{number}").certificate.label for number in range(5)][::-1]

    def labels(**where: int) -> list[str]:
        found = list_certificates(world.store, "default", **where)
        return [one.label for one in found.certificates]

    assert labels(offset=1, per_page=2) == names[1:3]
    assert labels(offset=1, per_page=2, page=2) == names[3:5]
    assert labels(offset=1, per_page=2, page=3) == []
    for beyond in ({"offset": -1}, {"page": 1 << 63}):
        with pytest.raises(InvalidInputError):
            labels(**beyond)


def test_a_certificate_is_looked_for_in_its_zone_only(world: World) -> None:
    known = world.ca()
    issued = world.issue().certificate
    other = create_zone(world.store, "example.com", actor="tester", at=AT).zone

    assert certificate_in_zone(world.store, issued.zone_id, issued.id) == (
        issued,
        known.authority.name,
    )
    for zone_id, named in ((other.id, issued.id), (issued.zone_id, issued.fingerprint_sha256)):
        with pytest.raises(NotFoundError):
            certificate_in_zone(world.store, zone_id, named)
