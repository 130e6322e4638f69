# SPDX-License-Identifier: Apache-2.0
"""Runs tests/cli/*.txt: sessions with the `authz` command, written as they look in a terminal.

    # A comment.
    $ authz fingerprint alice.pem --json < input.json      a command; `< FILE` is standard input
    > a line of standard output
    ! a line of standard error
    ~ a regular expression: the rest of standard output must contain it; what a named group of it
      matches stands for `{name}` in the commands after it
    !~ the same for standard error
    = 2                                                    the exit status, 0 when left out
    -- policy.yaml --                                      a file, until the next one or the end

Output is compared line by line unless there is a `~` line for that stream. An unknown line fails.
Every session has ca.pem, old-ca.pem (expired), alice.pem (valid at tests.factories.pki.AT),
expired.pem and other.pem (of another CA); in its files `@alice@` and so on stand for the
URL-encoded PEM.
"""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz.cli.main import main
from authz.demo.pki import make_root
from tests.factories.pki import AT, DAY, fixed_key, root, url_encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = sorted((Path(__file__).parents[1] / "cli").glob("*.txt"))

_CA = root()
_CERTIFICATES = {
    "alice": _CA.client("alice", at=AT, serial=0x0A1B2C),
    "expired": _CA.client("eve", at=AT - 1000 * DAY),
    "other": root("Other Root CA").client("mallory", at=AT),
}


@dataclass
class Step:
    """One command and what it should do."""

    line: int
    words: list[str]
    stdin: str | None = None
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    stdout_patterns: list[str] = field(default_factory=list)
    stderr_patterns: list[str] = field(default_factory=list)
    status: int = 0


def parse(text: str) -> tuple[list[Step], dict[str, str]]:
    """The steps and files of a script."""
    steps: list[Step] = []
    files: dict[str, str] = {}
    current: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.fullmatch(r"-- (\S+) --", line):
            current = found[1]
            files[current] = ""
        elif current is not None:
            files[current] += f"{line}\n"
        else:
            _parse_step(line, number, steps)
    return steps, files


def _parse_step(line: str, number: int, steps: list[Step]) -> None:
    if not line.strip() or line.startswith("#"):
        return
    kind, _, rest = line.partition(" ")
    if kind == "$":
        command, _, stdin = rest.partition(" < ")
        program, *words = shlex.split(command)
        assert program == "authz", f"line {number}: only authz is run"
        steps.append(Step(line=number, words=words, stdin=stdin.strip() or None))
        return
    assert steps, f"line {number}: no command yet"
    step = steps[-1]
    lists = {
        ">": step.stdout,
        "!": step.stderr,
        "~": step.stdout_patterns,
        "!~": step.stderr_patterns,
    }
    if kind == "=":
        step.status = int(rest)
    elif kind in lists:
        lists[kind].append(rest)
    else:
        pytest.fail(f"line {number}: unknown line {line!r}")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory a session runs in."""
    (tmp_path / "ca.pem").write_bytes(_CA.pem)
    old = make_root("Old CA", at=AT - 10_000 * DAY, key=fixed_key("Old CA"), serial=1)
    (tmp_path / "old-ca.pem").write_bytes(old.pem)
    for name, certificate in _CERTIFICATES.items():
        (tmp_path / f"{name}.pem").write_bytes(certificate.pem)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_session(
    script: Path,
    session: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps, files = parse(script.read_text(encoding="utf-8"))
    for name, text in files.items():
        for certificate, issued in _CERTIFICATES.items():
            text = text.replace(f"@{certificate}@", url_encoded(issued.pem))  # noqa: PLW2901
        (session / name).parent.mkdir(parents=True, exist_ok=True)
        (session / name).write_text(text, encoding="utf-8")

    assert steps
    found: dict[str, str] = {}
    for step in steps:
        for name, value in found.items():
            step.words = [word.replace(f"{{{name}}}", value) for word in step.words]
        data = (session / step.stdin).read_bytes() if step.stdin else b""
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        with pytest.raises(SystemExit) as exit_:
            main(step.words)
        out, err = capsys.readouterr()
        place = f"{script.name}:{step.line}"
        assert (exit_.value.code or 0) == step.status, f"{place}: {out}{err}"
        found |= _compare(out, step.stdout, step.stdout_patterns, f"{place}: standard output")
        _compare(err, step.stderr, step.stderr_patterns, f"{place}: standard error")


def _compare(text: str, lines: list[str], patterns: list[str], place: str) -> dict[str, str]:
    """Fail where they differ; what the named groups of the patterns matched."""
    if not patterns:
        assert text.splitlines() == lines, place
    found: dict[str, str] = {}
    for pattern in patterns:
        match = re.search(pattern, text)
        assert match, f"{place}: no {pattern!r} in {text}"
        found |= match.groupdict()
    return found


def test_there_is_a_session_for_every_command() -> None:
    used = {
        " ".join(word for word in step.words[:2] if not word.startswith("-"))
        for script in SCRIPTS
        for step in parse(script.read_text(encoding="utf-8"))[0]
    }
    missing = [name for name in _commands() if not any(one.startswith(name) for one in used)]

    assert not missing


def _commands() -> Iterator[str]:
    import typer.main

    from authz.cli.main import app

    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # a group
        below = getattr(command, "commands", None)
        yield from (f"{name} {sub}" for sub in below) if below else (name,)
