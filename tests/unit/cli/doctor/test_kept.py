# SPDX-License-Identifier: Apache-2.0
"""What the store gives away: releases, backups, clocks, tokens, certificates that end."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from authz.cli.doctor import kept
from authz.services.backups import note_backup
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.settings import Settings
from authz.store.engine import open_store
from authz.store.schema import SCHEMA
from tests.factories.pki import DAY
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.services.issuance import Issued


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        made = World(store)
        made.protect()
        yield made


def ids(tmp_path: Path, at: float | None = None) -> list[str]:
    settings = Settings.model_validate({"data_dir": str(tmp_path)})
    return [one.id for one in kept.look(settings, time.time() if at is None else at)]


def noted(world: World, at: float) -> None:
    note_backup(world.store, Path("/b.db"), 1, actor="test", at=at)


def test_a_new_store_has_no_findings_and_no_store_has_none(world: World, tmp_path: Path) -> None:
    assert ids(tmp_path) == []
    assert ids(tmp_path / "nothing") == []
    assert list((tmp_path).glob("nothing")) == []


@pytest.mark.parametrize(
    ("schema", "found"), [(SCHEMA - 1, ["migration-pending"]), (SCHEMA + 1, ["older-program"])]
)
def test_tables_of_another_release(
    world: World, tmp_path: Path, schema: int, found: list[str]
) -> None:
    with world.store.write() as session:
        session._connection.execute(text(f"UPDATE alembic_version SET version_num = '{schema:04}'"))

    assert ids(tmp_path) == found


def test_a_store_that_nobody_backs_up(world: World, tmp_path: Path) -> None:
    now = time.time()
    assert ids(tmp_path, now + 6 * DAY) == []
    assert ids(tmp_path, now + 8 * DAY) == ["no-backup"]

    noted(world, now + 7 * DAY)
    assert ids(tmp_path, now + 8 * DAY) == []
    assert ids(tmp_path, now + 15 * DAY) == ["no-backup"]


def test_changes_in_the_future(world: World, tmp_path: Path) -> None:
    now = time.time()
    noted(world, now + 20)
    assert ids(tmp_path) == []

    noted(world, now + 60)
    assert ids(tmp_path) == ["clock"]


@pytest.mark.parametrize(
    ("expires", "used", "found"),
    [
        (None, None, ["token-unused"]),
        (None, 80.0, []),
        (365.0, None, []),
    ],
)
def test_tokens_without_an_end_that_nobody_uses(
    world: World, tmp_path: Path, expires: float | None, used: float | None, found: list[str]
) -> None:
    now = time.time()
    made = create_token(
        world.store,
        "t",
        EVERYTHING,
        expires_at=None if expires is None else now + expires * DAY,
        actor="test",
        at=now,
    )
    if used is not None:
        with world.store.note() as session:
            session.tokens.used(made.token.id, now + used * DAY)
    noted(world, now + 91 * DAY)

    assert ids(tmp_path, now + 91 * DAY) == found


def seen(world: World, issued: Issued, at: float) -> None:
    with world.store.note() as session:
        session.certificates.seen({issued.certificate.fingerprint_sha256: at})


def test_certificates_in_use_that_end(world: World, tmp_path: Path) -> None:
    alice = world.issue("alice")
    end = alice.certificate.expires_at
    noted(world, end - 2 * DAY)
    # Nobody shows it any more.
    assert ids(tmp_path, end - 2 * DAY) == []

    seen(world, alice, end - 2.5 * DAY)
    assert ids(tmp_path, end - 2 * DAY) == ["clients-expire"]
    assert ids(tmp_path, end + 1) == []
