# SPDX-License-Identifier: Apache-2.0
"""What how-to/keep-a-decision-log.md shows works as it stands there, with real programs.

Its program that joins two logs runs on a real Envoy's in tests/e2e/test_decision_log.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from authz.extauthz.decision_id import decision_ids
from authz.observability.checked_request import NOTHING
from authz.observability.decision_log import DecisionLog
from authz.observability.decision_log_options import DecisionLogOptions
from authz.settings import Settings
from tests.factories.accepted import followed, tool
from tests.factories.decision_log import noted, read_lines
from tests.factories.pages import DOCS, fenced

PAGE = "how-to/keep-a-decision-log.md"


def log_at(path: Path, **rates: float) -> DecisionLog:
    return DecisionLog(DecisionLogOptions(path=str(path), **rates), "0")


def write(log: DecisionLog, *ids: bytes) -> None:
    for one in ids:
        log.take(noted(decision_id=one), NOTHING, "", delivered=True)
    assert log.write()


def test_the_settings_of_the_pages_are_settings() -> None:
    blocks = [*fenced(PAGE, "yaml"), fenced("how-to/trace-checks.md", "yaml")[0]]
    found = [yaml.safe_load(block) for block in blocks]
    settings = [one for one in found if {"decision_log", "tracing"} & set(one)]

    assert len(settings) == 4
    for one in settings:
        Settings.model_validate({"data_dir": "d", **one}, context={"base": Path()})


def test_an_access_log_is_thinned_out_as_the_decision_log_is(tmp_path: Path) -> None:
    [program] = [block for block in fenced(PAGE, "python") if "crc32" in block]
    log = log_at(tmp_path / "log.jsonl", allowed=0.25)
    drawn = decision_ids()
    ids = [next(drawn) for _ in range(400)]
    write(log, *(one for one in ids if log.wants(one, blocked=False)))
    access = "".join(json.dumps({"decision_id": one.decode()}) + "\n" for one in ids)

    done = subprocess.run(
        [sys.executable, "-c", program, "0.25"],
        input=access + '{"decision_id": null}\n',
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    kept = [json.loads(line)["decision_id"] for line in done.stdout.splitlines()]
    assert kept == [one["id"] for one in read_lines(tmp_path / "log.jsonl")]
    assert 50 < len(kept) < 150


def test_two_logs_are_joined_by_what_both_have(tmp_path: Path) -> None:
    [program] = [block for block in fenced(PAGE, "python") if "by_request" in block]
    (tmp_path / "decisions.jsonl").write_text(
        '{"id": "A", "request_id": "1"}\n\n{"id": "B", "request_id": "2"}\n{"id": "cut o\n'
    )
    (tmp_path / "access.log").write_text(
        "".join(
            json.dumps({"decision_id": decision, "request_id": request}) + "\n"
            for decision, request in (("A", "1"), (None, "2"), (None, "3"), ("gone", "4"))
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "access.log", "decisions.jsonl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["joined_by"], (one["decision"] or {}).get("id")) for one in found] == [
        ("decision_id", "A"),
        ("request_id", "B"),
        (None, None),
        (None, None),
    ]


def test_jq_finds_a_decision_as_shown(tmp_path: Path) -> None:
    tool("jq")
    example = json.loads(fenced("reference/decision-log.md", "json")[0])
    (tmp_path / "decisions.jsonl").write_text(json.dumps(example) + "\n")
    [shown] = fenced(PAGE, "console")
    command, expected = shown.splitlines()

    done = subprocess.run(
        ["bash", "-c", command.removeprefix("$ ")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [expected]


def test_the_pieces_for_an_access_log_are_those_of_the_shipped_one() -> None:
    pieces = [
        yaml.safe_load(block) for block in fenced(PAGE, "yaml") if "DYNAMIC_METADATA" in block
    ]
    shipped = (DOCS.parent / "envoy" / "envoy.yaml").read_text(encoding="utf-8")

    assert pieces
    for name, value in pieces[0].items():
        assert f'{name}: "{value}"' in shipped


@pytest.mark.deploy
@pytest.mark.parametrize("form", ["as shown", "copytruncate"])
def test_logrotate_rotates_it_without_a_signal(tmp_path: Path, form: str) -> None:
    program = tool("logrotate")
    [shown] = [block for block in fenced(PAGE, "text") if "rotate 14" in block]
    path, config = tmp_path / "decisions.jsonl", tmp_path / "logrotate.conf"
    text = shown.replace("/var/log/authz/decisions.jsonl", str(path))
    if form == "copytruncate":
        text = text.replace("nocreate", "copytruncate")
    # Started by root, it wants to be told who may do what in a directory of others.
    config.write_text(text.replace("{", "{\n    su root root" if os.getuid() == 0 else "{", 1))
    config.chmod(0o600)
    log = log_at(path)
    written: list[bytes] = []
    drawn = decision_ids()
    for _ in range(3):
        more = [next(drawn) for _ in range(5)]
        write(log, *more)
        written += more
        subprocess.run(
            [program, "--force", "--state", tmp_path / "state", config], check=True, timeout=60
        )
    write(log, next(drawn))
    log.close()

    old = sorted(tmp_path.glob("decisions.jsonl.*"))
    assert [file.name for file in old] == [
        "decisions.jsonl.1",
        "decisions.jsonl.2.gz",
        "decisions.jsonl.3.gz",
    ]
    for file in old:
        if file.suffix == ".gz":
            subprocess.run(["gunzip", file], check=True, timeout=60)
    found = read_lines(*(tmp_path / f"decisions.jsonl.{number}" for number in (3, 2, 1)))
    assert [one["id"].encode() for one in found] == written
    assert len(read_lines(path)) == 1
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    followed(
        PAGE,
        (version.stdout or version.stderr).splitlines()[0],
        f"{form}: the decision log rotated by its configuration, every line found again",
    )
