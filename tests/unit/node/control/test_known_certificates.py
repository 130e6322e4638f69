# SPDX-License-Identifier: Apache-2.0
"""The certificates to ask about: kept, bounded, forgotten in time."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from authz.node.control import known_certificates as module
from authz.node.control.known_certificates import (
    FORGET_SECONDS,
    NAME,
    SAVE_SECONDS,
    KnownCertificates,
)
from authz.observability.seen_certificates import SeenCertificate
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.pki import Issued

YEAR = 365 * DAY
ALICE = root().client("alice", not_after=AT + YEAR)
BOB = root().client("bob", not_after=AT + YEAR)


class _World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = AT
        self.known = self.begin()

    def begin(self) -> KnownCertificates:
        """As a new process does."""
        self.known = KnownCertificates(self.directory, lambda: self.now)
        return self.known

    def take(self, *unanswered: SeenCertificate, **seen: float) -> None:
        self.known.take(seen, unanswered)

    def saw(self, certificate: Issued, at: float) -> None:
        self.known.take({certificate.fingerprint: at}, ())


@pytest.fixture
def world(tmp_path: Path) -> _World:
    return _World(tmp_path / "fetched")


def seen(certificate: Issued = ALICE, authority: str = "acme") -> SeenCertificate:
    return SeenCertificate(
        certificate=certificate.der,
        issuer=root().der,
        anchor=bytes.fromhex(root().fingerprint),
        authority=authority,
    )


def test_what_was_told_is_known_once_and_by_the_next_process(world: _World) -> None:
    world.take(seen(), seen(), seen(BOB))
    world.known.save()

    assert world.known.all == [seen(), seen(BOB)]
    assert world.begin().all == [seen(), seen(BOB)]
    assert len(world.known) == 2
    assert stat.S_IMODE(world.directory.stat().st_mode) == 0o700


def test_nothing_known_is_no_file(world: _World) -> None:
    world.now += 2 * SAVE_SECONDS
    world.known.save()
    assert not world.directory.exists()


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x81\xc0"])
def test_a_damaged_file_is_as_none(world: _World, data: bytes) -> None:
    world.directory.mkdir()
    (world.directory / NAME).write_bytes(data)
    assert world.begin().all == []


def test_who_is_not_seen_any_more_is_forgotten(world: _World) -> None:
    world.take(seen(), seen(BOB))
    world.now += FORGET_SECONDS - 1
    world.saw(BOB, world.now)
    world.saw(root().client("nobody"), world.now)
    assert len(world.known) == 2
    world.now += 1
    world.take()
    assert world.known.all == [seen(BOB)]
    world.now += FORGET_SECONDS
    world.saw(BOB, AT)
    assert world.known.all == []


def test_told_again_is_seen_again(world: _World) -> None:
    world.take(seen(), seen(BOB))
    world.now += DAY
    world.take(seen())
    assert world.known.all == [seen(BOB), seen()]


def test_a_sight_dated_ahead_is_of_now(world: _World) -> None:
    world.take(seen())
    world.saw(ALICE, AT + 100 * YEAR)
    world.now += FORGET_SECONDS
    world.take()
    assert world.known.all == []


def test_an_expired_certificate_is_not_asked_about(world: _World) -> None:
    world.take(seen(root().client("soon", not_after=AT + DAY)))
    world.now += DAY
    world.take()
    assert len(world.known) == 1
    world.now += 1
    world.take()
    assert len(world.known) == 0


def test_what_cannot_be_read_is_left_out(world: _World) -> None:
    world.take(
        SeenCertificate(certificate=b"none", issuer=b"", anchor=b"", authority="acme"), seen()
    )
    assert world.known.all == [seen()]


@pytest.mark.parametrize(
    ("name", "bound"),
    [("MAX_KNOWN", 2), ("MAX_BYTES", 2 * (len(ALICE.der) + len(root().der)) + 9)],
    # Certificates are made anew each time, and are not always of the same length.
    ids=["number", "bytes"],
)
def test_there_is_room_for_so_many_and_who_was_seen_last_stays(
    world: _World, monkeypatch: pytest.MonkeyPatch, name: str, bound: int
) -> None:
    monkeypatch.setattr(module, name, bound)
    world.take(seen(), seen(BOB))
    world.saw(ALICE, AT)
    world.take(seen(authority="another"))

    assert world.known.all == [seen(), seen(authority="another")]


def test_sights_are_written_now_and_then(world: _World) -> None:
    world.take(seen())
    world.known.save()
    file = world.directory / NAME
    first = file.read_bytes()

    world.now += SAVE_SECONDS - 1
    world.saw(ALICE, world.now)
    world.known.save()
    assert file.read_bytes() == first
    world.now += 1
    world.known.save()
    assert file.read_bytes() != first


def test_a_full_disk_is_told_once_and_costs_nothing_else(
    world: _World, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, object]]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_whole", full)
        for certificate in (ALICE, BOB):
            world.take(seen(certificate))
            world.known.save()
    assert world.known.all == [seen(), seen(BOB)]
    assert [line["event"] for line in log_lines] == ["certificates to ask about are not kept"]
    world.now += SAVE_SECONDS
    world.known.save()
    assert len(world.begin()) == 2
