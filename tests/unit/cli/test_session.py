# SPDX-License-Identifier: Apache-2.0
"""`authz session`: who is signed in, and out with them; sessions begin in a browser only."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from authz.cli.main import main
from authz.services.permissions import EVERYTHING, READING
from authz.services.sign_ins import (
    Browser,
    Person,
    SessionTimes,
    sign_in,
    sign_in_known,
    subject_of,
)
from authz.services.tokens import create_token
from authz.store.engine import open_store

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = Browser(address="192.0.2.1", agent="Firefox\x1b[2J")


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    """A session of a token, two of a person, one that nobody uses any more."""
    store = open_store("sqlite", tmp_path)
    now, times = time.time(), SessionTimes()
    token = create_token(store, "ops", EVERYTHING, actor="t", at=now).secret
    alice = Person(name="alice", subject=subject_of("https://id", "1"), grants=READING)
    made = [
        sign_in(store, token, BROWSER, times=times, at=now),
        sign_in_known(store, alice, BROWSER, times=times, at=now - 1),
        sign_in_known(store, alice, BROWSER, times=times, at=now - 2),
        sign_in(store, token, BROWSER, times=times, at=now - times.idle - 60),
    ]
    store.close()
    return [one.sign_in.id for one in made]


def authz(tmp_path: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["session", *words, "--data-dir", str(tmp_path)])
    return int(ended.value.code or 0)


def listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert authz(tmp_path, "list", "--json") == 0
    return [one["id"] for one in json.loads(capsys.readouterr().out)]


def test_who_is_signed_in(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authz(tmp_path, "list") == 0
    heading, *lines = capsys.readouterr().out.splitlines()

    assert heading.split("  ")[0] == "NAME"
    assert [line.split()[:3] for line in lines] == [
        ["ops", "token", "192.0.2.1"],
        ["alice", "provider", "192.0.2.1"],
        ["alice", "provider", "192.0.2.1"],
    ]
    assert [line.split()[-1] for line in lines] == ids[:3]


def test_what_the_browser_keeps_is_not_told(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authz(tmp_path, "list", "--json")
    said = capsys.readouterr().out
    first = json.loads(said)[0]

    assert "\x1b" not in said
    assert set(first) == {
        "id",
        "name",
        "token_id",
        "address",
        "browser",
        "since",
        "last_used",
        "until",
    }


def test_one_is_ended(ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert authz(tmp_path, "end", ids[1][:12].upper()) == 0
    assert capsys.readouterr().out == f"{ids[1]} alice\n"
    assert listed(tmp_path, capsys) == [ids[0], ids[2]]
    assert authz(tmp_path, "end", ids[1]) == 2
    assert authz(tmp_path, "end", "") == 2


def test_everybody_of_a_name_is_ended(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authz(tmp_path, "end", "--name", "alice", "--json") == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ids[1:3]
    assert listed(tmp_path, capsys) == ids[:1]


def test_everybody_is_ended(
    ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authz(tmp_path, "end", "--all") == 0
    assert len(capsys.readouterr().out.splitlines()) == 4, "also those that nobody uses"
    assert listed(tmp_path, capsys) == []


def test_one_is_not_chosen_among_several(
    ids: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataclasses import replace

    from authz.services import sign_ins

    found = sign_ins.every_session

    def alike(*given: object, **named: object) -> list[object]:
        return [replace(one, id=f"ab{one.id}") for one in found(*given, **named)]  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(sign_ins, "every_session", alike)
    assert authz(tmp_path, "end", "ab") == 2
    assert '4 identifiers begin with "ab"' in capsys.readouterr().err
