# SPDX-License-Identifier: Apache-2.0
"""Asking before something is destroyed: a person at a terminal answers, a script says `--yes`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

#: For every command that asks.
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def confirmed(question: str, yes: bool) -> None:
    """Go on only when `yes` was given, or a person answers `y` or `yes`.

    The question goes to standard error, where everything for a person goes.

    Args:
        question: without a question mark: `replace everything in authz.db`.

    Raises:
        SettingsError: nobody is there to ask.
        typer.Exit: with status 1, when the answer is anything else.
    """
    from authz.cli import messages
    from authz.errors import SettingsError

    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(
            f"{question}: not without a confirmation",
            where="--yes",
            hint="add --yes, or run this in a terminal",
        )
    sys.stderr.write(f"{messages.printable(question)}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        messages.note("nothing was changed")
        raise typer.Exit(1)
