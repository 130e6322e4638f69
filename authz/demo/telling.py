# SPDX-License-Identifier: Apache-2.0
"""How the story is told: a change is made, then Envoy is asked, and both are printed.

Changes are commands of `authz` and calls of the management API; requests are sent with curl and on
connections that stay open. What is told is in `story` and `story_api`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.demo.commands import (
    REFUSED,
    Client,
    ask_by_curl,
    ask_on,
    connect,
    curl_words,
    run_authz,
    shown,
)
from authz.demo.rows import decided_by, logged_since
from authz.demo.running import LENIENT
from authz.demo.story_steps import HOST, STEP, STEPS, Step
from authz.demo.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from authz.demo.client import Connection
    from authz.demo.running import Demo

_HEAD: Final = ("#", "request", "to", "expected", "actual", "", "after", "decided by")
#: As wide as it usually gets: a call returns before workers have what it changed.
_AFTER: Final = "100 ms, request 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What one step gave: the answer, who decided, how long it took, and every deviation.

    `seconds` is from the end of the change to the end of the first right answer, None where that
    is not measured; `asked` how many requests it took.
    """

    step: Step
    actual: str
    decided_by: str = ""
    seconds: float | None = None
    asked: int = 1
    wrong: tuple[str, ...] = ()


class Telling:
    """Makes changes, asks, and prints it all as one table.

    Attributes:
        outcomes: what each step gave so far.
        directory: where commands run.
    """

    def __init__(self, demo: Demo) -> None:
        self.outcomes: list[StepOutcome] = []
        self.directory: Path = demo.directory
        self._demo = demo
        self._changed = 0.0
        self._connections: list[Connection] = []
        self._table = Table(
            _HEAD,
            [
                (str(number), step.says, step.to, step.expected, REFUSED, "wrong", _AFTER, "")
                for number, step in enumerate(STEPS, 1)
            ],
        )

    def print_head(self) -> None:
        """The headings of the table."""
        self._table.print_head()

    def print_wrong(self) -> None:
        """Every deviation so far, by the number of its step."""
        for number, outcome in enumerate(self.outcomes, 1):
            for what in outcome.wrong:
                print(f"step {number}: {what}")

    def close(self) -> None:
        """Close the connections that were kept open."""
        for connection in self._connections:
            connection.close()

    # --- changes ---------------------------------------------------------------------------------

    def authz(self, arguments: str) -> str:
        """Run a command of authz; what it printed.

        Raises:
            DemoError: it failed.
        """
        print(f"$ authz {arguments}")
        said = run_authz(self.directory, arguments)
        self._changed = time.monotonic()
        return said

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make a call of the API, with its first token; the result.

        Raises:
            DemoError: it was refused.
        """
        print(request_line(method, path, body))
        result = self._demo.api.result(method, path, body)
        self._changed = time.monotonic()
        return result

    def call_with(self, name: str, token: str, step: str, method: str, path: str) -> None:
        """Make a call of the API with the token called `name`: its status is `step`'s answer."""
        print(f"{request_line(method, path)}  (with the token {name})")
        self.note(judged(STEP[step], str(self._demo.api.call(method, path, token=token).status)))

    # --- requests --------------------------------------------------------------------------------

    def curl(self, step: str, client: Client | None, listener: str = LENIENT) -> None:
        """Ask with curl, on a new connection."""
        port = self._demo.envoy.ports[listener]
        print(f"$ {shown(curl_words(f'https://{HOST}:{port}/', client))}")
        self._expect(STEP[step], lambda: ask_by_curl(self.directory, HOST, port, client))

    def open_connection(self, client: Client, listener: str = LENIENT) -> Connection:
        """A connection for `on`, until `close`."""
        connection = connect(self.directory, HOST, self._demo.envoy.ports[listener], client)
        self._connections.append(connection)
        return connection

    def on(self, step: str, connection: Connection, path: str = "/") -> None:
        """Ask on a connection that stays open: the first time opens it."""
        opened = connection.sock

        def ask() -> str:
            answer = ask_on(connection, HOST, path)
            # http.client would connect anew without a word.
            same = opened is None or connection.sock is opened
            return answer if same else f"{answer}, reconnected"

        self._expect(STEP[step], ask)

    def note(self, outcome: StepOutcome) -> None:
        """Print a step's line."""
        self.outcomes.append(outcome)
        self._table.print_row(cells(len(self.outcomes), outcome))

    def _expect(self, step: Step, ask: Callable[[], str]) -> None:
        """Ask, and where a step has time, until the answer is right or the time is over."""
        asked = 0
        while True:
            before = len(self._demo.envoy.log_lines())
            answer = ask()
            seconds = time.monotonic() - self._changed
            asked += 1
            logged = logged_since(self._demo.envoy, before) if answer.isdigit() else None
            outcome = judged(step, answer, logged, seconds=seconds, asked=asked)
            if not outcome.wrong or step.within is None or seconds > step.within:
                self.note(outcome)
                return


def request_line(method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A call of the API in one line: of the body, what is PEM or nested is left out."""
    words = [">", method, path]
    if body is not None:
        words.append(json.dumps({key: _brief(value) for key, value in body.items()}))
    return " ".join(words)


def _brief(value: object) -> object:
    nested = isinstance(value, list | dict)
    return "..." if nested or str(value).startswith("-----BEGIN") else value


def judged(
    step: Step,
    actual: str,
    logged: dict[str, Any] | None = None,
    *,
    seconds: float | None = None,
    asked: int = 1,
) -> StepOutcome:
    """A step's answer, compared with the right one.

    Args:
        logged: Envoy's access log about the request; None when it has nothing to say.
        seconds: since the last change was done.
        asked: how many requests there were.
    """
    wrong = []
    if actual != step.expected:
        wrong.append(f"{actual}, not {step.expected}")
    for key in ("reason", "failure"):
        said, expected = (logged[key] or "") if logged else "", getattr(step, key)
        if said != expected:
            wrong.append(f"{key} {said!r}, not {expected!r}")
    measured = seconds if step.within is not None else None
    if step.within is not None and seconds is not None and seconds > step.within:
        wrong.append(f"{seconds:.3f} s after the change was done, not within {step.within:g} s")
    return StepOutcome(
        step=step,
        actual=actual,
        decided_by=_who(actual, logged),
        seconds=measured,
        asked=asked,
        wrong=tuple(wrong),
    )


def _who(actual: str, logged: dict[str, Any] | None) -> str:
    if logged is None:
        return "Envoy" if actual == REFUSED else ""
    return decided_by(logged)


def cells(number: int, outcome: StepOutcome) -> tuple[str, ...]:
    """A step's line of the table."""
    step = outcome.step
    after = "" if outcome.seconds is None else f"{outcome.seconds * 1000:.0f} ms"
    return (
        str(number),
        step.says,
        step.to,
        step.expected,
        outcome.actual,
        "wrong" if outcome.wrong else "ok",
        after if outcome.asked == 1 else f"{after}, request {outcome.asked}",
        outcome.decided_by,
    )
