# SPDX-License-Identifier: Apache-2.0
"""A page as one session of bash: its commands run one after the other, their outputs compared.

What is shown below a command is what it printed, but for what is different each time: identifiers
and digests (32 hexadecimal digits and more), times and dates, revisions and sizes of the store,
directories.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.factories.page_commands import Command, commands_on
from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_MARK = "@@end-of-command@@"
_DIFFERENT = (
    (re.compile(r"\b[0-9a-f]{32,}\b"), "HEX"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"\brevision \d+\b"), "REVISION"),
    (re.compile(r"\b\d{1,3}(,\d{3})+ bytes\b"), "SIZE"),
    # Where files are is a matter of the machine.
    (re.compile(r"(?<![\w.])/[\w./-]+/"), "/"),
)


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run: what it printed, standard error included, and its status."""

    command: Command
    printed: str
    status: int

    @property
    def is_as_shown(self) -> bool:
        """Whether it did what the page says; a page need not show what a command prints."""
        shown = self.command.output
        return self.status == 0 and (not shown or same(shown) == same(self.printed))


def same(text: str) -> str:
    """The text without what is different each time."""
    for pattern, word in _DIFFERENT:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def with_authz(directory: Path) -> dict[str, str]:
    """Put this interpreter's `authz` into a directory; the environment in which it comes first."""
    program = directory / "authz"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m authz "$@"\n')
    program.chmod(0o755)
    return {
        "PATH": f"{directory}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(sys.path),
    }


def run_page(
    page: str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    skip: Callable[[str], bool] = lambda command: False,
    change: Callable[[str], str] = lambda command: command,
    languages: Sequence[str] = ("console",),
    shell: Sequence[str] = ("bash",),
    seconds: float = 300.0,
) -> list[Ran]:
    """Run the commands of `docs/PAGE` in one bash; it ends with the first that fails.

    Args:
        skip: says which commands were done already.
        change: may alter a command, such as its ports.
        languages: those of the blocks that are run.
        shell: a bash, and what it takes to come to it.

    Whatever was left running in the background is ended.
    """
    commands = [one for one in commands_on(DOCS / page, None, languages) if not skip(one.text)]
    script = "exec 2>&1\n" + "\n".join(
        f"{change(command.text)}\nstatus=$?; echo; echo {_MARK} $status\n"
        "[ $status = 0 ] || exit 1\n"
        for command in commands
    )
    process = subprocess.Popen(
        [*shell, "-c", script],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=seconds)
    finally:
        # What a page starts in the background is of this session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    ran = []
    for command in commands:
        text, mark, printed = printed.partition(_MARK)
        status, _, printed = printed.partition("\n")
        ran.append(Ran(command, text, int(status) if mark else -1))
        if not mark or int(status):
            break
    return ran


def follow(
    page: str,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    skip: Callable[[str], bool] = lambda command: False,
    change: Callable[[str], str] = lambda command: command,
    then: Sequence[tuple[str, str]] = (),
    languages: Sequence[str] = ("console",),
    shell: Sequence[str] = ("bash",),
    seconds: float = 300.0,
) -> list[Ran]:
    """Follow a page: every command succeeds and prints what the page shows below it.

    Args:
        then: what the page promises of some of its commands, in order: how the command begins, and
            a command of ours that fails (and prints why) unless it is so.

    Raises:
        AssertionError: the page is wrong there, or has no such command.
    """
    waiting = list(then)

    def with_promises(command: str) -> str:
        text = change(command)
        if "sh" in languages:
            # Such a block is one command to us: each of its lines has to succeed.
            text = f"set -e\n{text}\nset +e"
        while waiting and command.startswith(waiting[0][0]):
            promise = f"{{\n{waiting.pop(0)[1]}\n}} 2>&1"
            text += f'\n[ $? = 0 ] && {{ told="$({promise})" || {{ echo "$told"; false; }}; }}'
        return text

    ran = run_page(
        page,
        cwd=cwd,
        environment=environment,
        skip=skip,
        change=with_promises,
        languages=languages,
        shell=shell,
        seconds=seconds,
    )
    assert ran, f"{page} has no commands"
    assert not waiting, f"{page} has no command {waiting[0][0]!r} there"
    for one in ran:
        assert one.status == 0, f"$ {one.command.text}\n{one.printed}"
        assert one.is_as_shown, f"$ {one.command.text}\n{same(one.printed)}"
    return ran
