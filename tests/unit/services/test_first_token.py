# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError, StoreUnavailableError
from authz.services.authentication import authenticate
from authz.services.first_token import first_token
from authz.services.permissions import EVERYTHING, exceeding
from authz.services.tokens import create_token, list_tokens, revoke_token
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.store.session import Session
    from tests.unit.services.conftest import World


GIVEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ_-"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


def test_the_first_token_may_do_everything_and_is_for_its_user_alone(
    world: World, data: Path
) -> None:
    file = first_token(world.store, data, at=AT)

    assert file == data / "admin-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text().strip()
    assert not exceeding(authenticate(world.store, secret, at=AT).grants, EVERYTHING)
    assert list(data.iterdir()) == [file]
    assert world.last().actor == "first start"
    assert secret not in repr(world.audited())


def test_it_is_made_once(world: World, data: Path) -> None:
    file = first_token(world.store, data, at=AT)
    assert file is not None
    file.unlink()

    assert first_token(world.store, data, at=AT) is None
    assert not file.exists()


def test_not_where_there_was_one_before(world: World, data: Path) -> None:
    made = create_token(world.store, "x", EVERYTHING, actor="t", at=AT)
    revoke_token(world.store, made.token.id, actor="t", at=AT)

    assert first_token(world.store, data, at=AT) is None
    assert list(data.iterdir()) == []


def test_a_file_of_another_store_is_neither_used_nor_written_over(world: World, data: Path) -> None:
    (data / "admin-token").write_text("of-another-store\n")

    with pytest.raises(SettingsError, match="already") as error:
        first_token(world.store, data, at=AT)

    assert "remove it" in str(error.value.hint)
    assert (data / "admin-token").read_text() == "of-another-store\n"
    assert [one.name for one in data.iterdir()] == ["admin-token"]
    assert list_tokens(world.store) == []
    with pytest.raises(Exception, match="not known"):
        authenticate(world.store, "of-another-store", at=AT)


def test_not_through_a_link_that_leads_elsewhere(world: World, data: Path, tmp_path: Path) -> None:
    (data / "admin-token").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError, match="already"):
        first_token(world.store, data, at=AT)
    assert not (tmp_path / "elsewhere").exists()


def test_where_it_cannot_be_written_there_is_no_token_either(world: World, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"):
        first_token(world.store, tmp_path / "nothing", at=AT)

    assert list_tokens(world.store) == []


def test_a_token_that_could_not_be_kept_has_no_file(
    world: World, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    write = world.store.write

    @contextmanager
    def failing() -> Iterator[Session]:
        with write() as session:
            yield session
            raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(world.store, "write", failing)

    with pytest.raises(StoreUnavailableError):
        first_token(world.store, data, at=AT)

    assert list(data.iterdir()) == []
    assert list_tokens(world.store) == []


def given_in(directory: Path, text: str) -> Path:
    file = directory / "given"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_one_that_is_brought_is_taken_and_written_nowhere(
    world: World, data: Path, tmp_path: Path
) -> None:
    file = given_in(tmp_path, f"{GIVEN}\n")

    assert first_token(world.store, data, at=AT, given=file) == file

    assert not exceeding(authenticate(world.store, GIVEN, at=AT).grants, EVERYTHING)
    assert list(data.iterdir()) == []
    assert GIVEN not in repr(world.audited())


def test_one_that_is_brought_later_is_not(world: World, data: Path, tmp_path: Path) -> None:
    create_token(world.store, "x", EVERYTHING, actor="t", at=AT)

    assert first_token(world.store, data, at=AT, given=given_in(tmp_path, GIVEN)) is None

    with pytest.raises(Exception, match="not known"):
        authenticate(world.store, GIVEN, at=AT)


@pytest.mark.parametrize("text", ["", "short", "a" * 42, "a" * 129, "a" * 42 + "+", f"\n{GIVEN}"])
def test_what_could_be_guessed_or_is_none_is_refused(
    world: World, data: Path, tmp_path: Path, text: str
) -> None:
    file = given_in(tmp_path, text)

    with pytest.raises(SettingsError) as error:
        first_token(world.store, data, at=AT, given=file)

    assert error.value.where == "admin.first_token_file"
    assert list_tokens(world.store) == []


def test_a_file_that_others_can_read_is_no_secret(world: World, data: Path, tmp_path: Path) -> None:
    file = given_in(tmp_path, GIVEN)
    file.chmod(0o644)

    with pytest.raises(SettingsError, match="can be read by other users"):
        first_token(world.store, data, at=AT, given=file)

    assert list_tokens(world.store) == []


def test_one_that_could_not_be_kept_leaves_the_file(
    world: World, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = given_in(tmp_path, GIVEN)

    def failing() -> None:
        raise StoreUnavailableError("the disk is full")

    monkeypatch.setattr(world.store, "write", failing)

    with pytest.raises(StoreUnavailableError):
        first_token(world.store, data, at=AT, given=file)

    assert file.exists()
