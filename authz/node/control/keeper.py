# SPDX-License-Identifier: Apache-2.0
"""The control process as the supervisor's process sees it: what it publishes, and what is wrong.

How it is kept alive is in `node.keeper`. What to enforce goes to `publish`, held until the next is;
what an operator has to know of, to `failed` while nothing was ever published, and into the log
after that.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from authz.errors import TransportError
from authz.node.control.messages import (
    FromControl,
    InForce,
    Listening,
    NewSnapshot,
    Rebuild,
    StoreState,
    Tell,
)
from authz.node.control.metrics import RESTARTS, render
from authz.node.findings_log import log_findings
from authz.node.keeper import Keeper
from authz.node.keeper_messages import Failed, Numbers
from authz.node.log_export import END_SECONDS
from authz.whole_files import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from io import FileIO

    from authz.node.control.config import ControlConfig
    from authz.observability.activity import Report

#: Deaths before it ever published, after which the node gives up.
START_ATTEMPTS: Final = 5


class ControlKeeper(Keeper[FromControl]):
    """Keeps one control process alive.

    Args:
        config: what it is told first.
        publish: told of every snapshot that is to be enforced.
        failed: told why there will never be one.

    Attributes:
        listening: what it listens on, None until it says so.
        trouble: why what is committed does not count at the moment, `""` while it does.
        generation: the number of the last snapshot, 0 before the first.
        restarts: how often it was started again.
    """

    def __init__(
        self,
        config: ControlConfig,
        *,
        publish: Callable[[NewSnapshot], None],
        failed: Callable[[TransportError], None],
    ) -> None:
        super().__init__(
            "authz.node.control",
            name="the control process",
            incoming=FromControl,
            exit_seconds=3.0 + END_SECONDS,
        )
        self.listening: Listening | None = None
        self.trouble = ""
        self.generation = 0
        self._config = config
        self._publish = publish
        self._failed = failed
        self._published = False
        self._deaths = 0
        self._listened = threading.Event()
        self._in_force: InForce | None = None
        self._held: FileIO | None = None

    def wait_listening(self, seconds: float) -> Listening | None:
        """What it listens on; None when it has not said so in time."""
        self._listened.wait(seconds)
        return self.listening

    def in_force(self, generation: int, file: str) -> None:
        """Tell it what the workers are told to answer by."""
        self._published = True
        self._in_force = InForce(generation=generation, file=file)
        self._say(self._in_force)

    def rebuild(self) -> None:
        """Have it publish again, changed or not."""
        self._say(Rebuild())

    def tell(self, report: Report) -> None:
        """Hand on what a worker tells."""
        self._say(Tell(report=report))

    def render(self) -> bytes:
        """Its metrics as Prometheus reads them, the last it gave when it does not answer in
        time."""
        return render({RESTARTS.name: [((), float(self.restarts))]}) + self.inquire()[0]

    def stop(self) -> None:
        """End it; it finishes what it is writing."""
        super().stop()
        if self._held is not None:
            self._held.close()

    def _greet(self) -> Sequence[msgspec.Struct]:
        resumed = None if self._in_force is None else self._in_force.file
        config = msgspec.structs.replace(self._config, resumed=resumed)
        return [config] if self._in_force is None else [config, self._in_force]

    def _died(self, status: int | str) -> None:
        self._deaths += 1
        self.trouble = "the control process ended and is started again"
        if not (self._published or self._in_force) and self._deaths >= START_ATTEMPTS:
            self._failed(
                TransportError(
                    f"the control process ended {self._deaths} times before there was anything to "
                    f"answer by, the last time with status {status}",
                    hint="what it said on standard error is above",
                )
            )

    def _heard(self, message: FromControl) -> None:
        if isinstance(message, NewSnapshot):
            self._new_snapshot(message)
        elif isinstance(message, StoreState):
            self.trouble = message.why
        elif isinstance(message, Listening):
            self.listening = message
            self._listened.set()
        elif isinstance(message, Failed):
            self._log.error(
                "the control process cannot go on", reason=message.message, hint=message.hint
            )
            if not self._published:
                self._failed(TransportError(message.message, hint=message.hint))
        elif not isinstance(message, Numbers):
            log_findings(message, self._log)

    def _new_snapshot(self, message: NewSnapshot) -> None:
        # A worker that starts again reads it, whatever another supervisor has written since. Held
        # before anybody is told, and the one before until this one is in force.
        held: FileIO | None = None
        try:
            held = hold(Path(message.file))
        except FileNotFoundError as error:
            self._log.error("a snapshot is gone again", file=message.file, reason=str(error))
            self.rebuild()
            return
        except OSError as error:
            # No descriptor is left here, for one. The workers have theirs, and a revocation must
            # not wait; one that finds the file gone later says so, and it is written anew.
            self._log.warning("a snapshot cannot be held", file=message.file, reason=str(error))
        self._publish(message)
        self._published = True
        self.generation = message.generation
        if not message.last_good:
            self.trouble = ""
        before, self._held = self._held, held
        if before is not None:
            before.close()
        self.in_force(message.generation, message.file)
