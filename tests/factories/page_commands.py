# SPDX-License-Identifier: Apache-2.0
"""What a console block says: commands behind `$ `, and below each what it prints.

    $ authz cert list \\
        --expiring
    no certificates

A command goes on over lines for as long as a quote, a `$(`, a here-document or a backslash leaves
it open. A block without any `$ ` is commands alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.factories.page_blocks import blocks_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PROMPT = "$ "
_HERE = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


class Command(NamedTuple):
    """One command, and the output that the page shows; "" where it shows none."""

    text: str
    output: str


class Redirect(NamedTuple):
    """A redirection outside of quotes: where its target stands in the text."""

    operator: str
    start: int
    end: int


def commands_of(text: str) -> list[Command]:
    """The commands of a console block."""
    lines = text.splitlines()
    if not any(line.startswith(_PROMPT) for line in lines):
        return [Command(text, "")]
    found: list[Command] = []
    shown: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.startswith(_PROMPT):
            shown.append(line)
            continue
        if found:
            found[-1] = found[-1]._replace(output="\n".join(shown))
        elif shown:
            raise ValueError(f"output before the first command: {shown[0]}")
        command, shown = line.removeprefix(_PROMPT), []
        while not scan(command).complete and at < len(lines):
            # A shell shows `> ` there; pages leave it out, as it cannot be pasted.
            command += f"\n{lines[at]}"
            at += 1
        found.append(Command(command, ""))
    if found:
        found[-1] = found[-1]._replace(output="\n".join(shown))
    return found


def commands_on(
    page: Path, heading: str | None = None, languages: Sequence[str] = ("console",)
) -> list[Command]:
    """The commands of a page that can be run, in order; of all, or of those below a heading.

    Blocks of `sh` are for whoever has what is in them: a cluster, a token, an Envoy.
    """
    return [
        command
        for block in blocks_of(page)
        if block.language in languages and not block.reason and heading in (None, block.heading)
        for command in commands_of(block.text)
    ]


class Scan(NamedTuple):
    """What is seen of a shell text: is it whole, and where does it redirect to."""

    complete: bool
    redirects: tuple[Redirect, ...]


def scan(text: str) -> Scan:
    """Read quotes, `$(`, here-documents and redirections; everything else is bash's to read."""
    open_: list[str] = []
    waiting: list[str] = []
    redirects: list[Redirect] = []
    at = 0
    while at < len(text):
        character, inside = text[at], open_[-1] if open_ else ""
        if character == "\\" and inside != "'":
            at += 2
            if at >= len(text) + (text[-1] != "\n"):
                return Scan(False, tuple(redirects))
        elif inside == "'":
            at += 1
            if character == "'":
                open_.pop()
        elif text.startswith("$(", at):
            open_.append(")")
            at += 2
        elif character == '"':
            open_.pop() if inside == '"' else open_.append('"')
            at += 1
        elif inside == '"':
            at += 1
        elif character == "'":
            open_.append("'")
            at += 1
        elif character == ")" and inside == ")":
            open_.pop()
            at += 1
        elif character == "#" and (at == 0 or text[at - 1] in " \t\n"):
            at = _end_of_line(text, at)
        elif here := _HERE.match(text, at):
            waiting.append(here[2])
            at = here.end()
        elif character == "\n" and waiting:
            at = _behind(text, at, waiting)
            if at < 0:
                return Scan(False, tuple(redirects))
        elif target := re.compile(r"(>>?|<)\s*([\w./$~{}-]+)").match(text, at):
            if text[at - 1 : at] != "&" and not target[2].startswith("/dev/"):
                redirects.append(Redirect(target[1], *target.span(2)))
            at = target.end()
        else:
            at += 1
    return Scan(not open_ and not waiting and not text.endswith("\\"), tuple(redirects))


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _behind(text: str, at: int, waiting: list[str]) -> int:
    """The end of the here-documents that begin behind a line; -1: one is open."""
    while waiting:
        word = waiting.pop(0)
        end = re.compile(rf"^\t*{re.escape(word)}$", re.MULTILINE).search(text, at)
        if end is None:
            return -1
        at = end.end()
    return at
