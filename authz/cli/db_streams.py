# SPDX-License-Identifier: Apache-2.0
"""`-` for the file of `authz db backup` and `restore`: standard output and standard input.

That is how a backup gets out of a container whose root is read-only and into one: `kubectl exec`
and `docker compose exec -T` carry both streams. SQLite needs a file that it can seek in, so there
is one for as long as the command runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

STREAM: Final = Path("-")

#: Signals by which people, time limits and service managers end a command.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_DEFAULTS: Final = (signal.SIG_DFL, signal.default_int_handler)


@contextmanager
def to_output(directory: Path) -> Iterator[Path]:
    """Where to write a file that goes to standard output when all went well, whole or not at all.

    Args:
        directory: the data directory, which has room for a copy of what is in it; where nothing can
            be written to it, the system's directory for temporary files is taken.

    Raises:
        InvalidInputError: standard output is a terminal.
        StoreUnavailableError: nobody reads all of it.
    """
    if sys.stdout.isatty():
        raise InvalidInputError(
            "a backup is nothing for a terminal", where="-", hint="write it to a file: - > F"
        )
    with _private(directory) as private:
        file = private / "standard-output.db"
        yield file
        try:
            with file.open("rb") as source:
                shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        except OSError as error:
            # Else the interpreter tries once more at its end, and says so its own way.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise _failed("written", error, "read all of standard output") from error


@contextmanager
def from_input(directory: Path) -> Iterator[Path]:
    """What comes from standard input, as a file.

    Args:
        directory: as for `to_output`.

    Raises:
        InvalidInputError: standard input is a terminal.
        StoreUnavailableError: it cannot be read, or not be kept.
    """
    if sys.stdin.isatty():
        raise InvalidInputError("there is no backup on a terminal", where="-", hint="- < F")
    with _private(directory) as private:
        file = private / "standard-input.db"
        try:
            with file.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
        except OSError as error:
            raise _failed("read", error, f"make room in {private.parent}") from error
        yield file


def _failed(what: str, error: OSError, hint: str) -> StoreUnavailableError:
    reason = (error.strerror or str(error)).lower()
    return StoreUnavailableError(f"the backup was not {what}: {reason}", where="-", hint=hint)


@contextmanager
def _private(directory: Path) -> Iterator[Path]:
    """A directory that only this user can read, for a moment."""
    writable = directory.is_dir() and os.access(directory, os.W_OK | os.X_OK)
    with _ended_in_order(), ExitStack() as stack:
        # A signal waits until somebody removes what is made here, or nobody would.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            private = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=".stream-", dir=directory if writable else None)
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield Path(private)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Signals that would end the process at once let it tidy up first; another one waits for that.

    Of those that somebody else has decided about (`nohup`) nothing changes.
    """
    number = 0

    def end(received: int, _: FrameType | None) -> None:
        nonlocal number
        if not number:
            number = received
            raise _EndedError

    ours = [one for one in _ENDING if signal.getsignal(one) in _DEFAULTS]
    before = {one: signal.signal(one, end) for one in ours}
    try:
        yield
    except _EndedError:
        # What whoever sent it waits for: an end by that signal.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _EndedError(BaseException):
    """Nothing that anybody handles: the stack is left, and what is temporary goes."""
