# SPDX-License-Identifier: Apache-2.0
"""Certificates of the embedded CA, from `authz ca create` to a revocation that counts at once.

Every change is made by the command that a user would type, while authz and Envoy run on; what it
did is asked over Envoy. The right answers are in `story_steps`.
"""

from __future__ import annotations

import contextlib
import re
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
from authz.demo.running import LENIENT, STRICT
from authz.demo.story_steps import HOST, NEVER, SEEN, STEP, STEPS, Step
from authz.demo.table import Table
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.demo.client import Connection
    from authz.demo.running import Demo

TABLET: Final = Client(certificate="clients/tablet/client.pem", key="clients/tablet/client.key")
LAPTOP: Final = Client(certificate="clients/laptop/client.pem", key="clients/laptop/client.key")
#: A client of the policy file's authority.
STRANGER: Final = Client(certificate="clients/valid.pem")

#: How long workers and the control process may take to write down who was seen, in seconds.
SEEN_SECONDS: Final = 5.0

_HEAD: Final = ("#", "request", "to", "expected", "actual", "", "after", "decided by")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What one step gave: the answer, who decided, how long it took, and every deviation.

    `seconds` is from the command's return to the end of the first right answer, None where that
    is not measured; `asked` how many requests it took.
    """

    step: Step
    actual: str
    decided_by: str = ""
    seconds: float | None = None
    asked: int = 1
    wrong: tuple[str, ...] = ()


class Story:
    """Tells the story once, printing as it goes.

    Attributes:
        outcomes: what each step gave so far.
        issued: the identifier of the first certificate.
    """

    def __init__(self, demo: Demo) -> None:
        self.outcomes: list[StepOutcome] = []
        self.issued = ""
        self._demo = demo
        self._directory = demo.directory
        self._returned = 0.0
        self._table = Table(
            _HEAD,
            [
                (str(number), step.says, step.to, step.expected, REFUSED, "wrong", "2000 ms", "")
                for number, step in enumerate(STEPS, 1)
            ],
        )

    def tell(self) -> None:
        """Every step, each after its commands.

        Raises:
            DemoError: a command failed, so that the rest makes no sense.
        """
        print(
            f"\nCertificates of the embedded CA, for {HOST}: what commands change in the store is\n"
            "in force when they return. authz and Envoy run on.\n"
        )
        self._table.print_head()
        with contextlib.ExitStack() as stack:

            def open_connection(listener: str) -> Connection:
                port = self._demo.envoy.ports[listener]
                connection = connect(self._directory, HOST, port, TABLET)
                return stack.enter_context(contextlib.closing(connection))

            # 1 A CA, a host that asks for its certificates, and a rule that keeps others out.
            self._authz("ca create --name devices")
            self._authz(f"host add {HOST} --ca devices --protect '/*'")
            self._curl("no-certificate", None)

            # 2 A certificate.
            said = self._authz("cert issue --label tablet --days 30 --out clients/tablet")
            self.issued = _identifier(said)
            self._curl("issued", TABLET)
            kept = open_connection(LENIENT)
            self._on("kept-open", kept)

            # 3 Revoked and restored, while a connection is open.
            self._authz(f"cert revoke {self.issued}")
            self._on("revoked-open", kept)
            self._curl("revoked-new", TABLET)
            self._authz(f"cert restore {self.issued}")
            self._on("restored-open", kept)
            self._curl("restored-new", TABLET)
            self._curl("other-authority", STRANGER)
            self._last_seen()

            # 4 A second CA, where Envoy verifies too: it hears of it over SDS.
            strict = open_connection(STRICT)
            self._on("strict", strict)
            self._authz("ca create --name laptops")
            self._authz("cert issue --ca laptops --label laptop --days 30 --out clients/laptop")
            self._curl("new-authority-before", LAPTOP)
            self._curl("new-authority-before-strict", LAPTOP, STRICT)
            self._authz(f"host add {HOST} --ca laptops")
            self._curl("new-authority", LAPTOP)
            self._curl("new-authority-strict", LAPTOP, STRICT)
            self._on("strict-still-open", strict)
        for number, outcome in enumerate(self.outcomes, 1):
            for what in outcome.wrong:
                print(f"step {number}: {what}")

    # --- commands --------------------------------------------------------------------------------

    def _authz(self, arguments: str) -> str:
        print(f"$ authz {arguments}")
        said = run_authz(self._directory, arguments)
        self._returned = time.monotonic()
        return said

    def _curl(self, step: str, client: Client | None, listener: str = LENIENT) -> None:
        port = self._demo.envoy.ports[listener]
        print(f"$ {shown(curl_words(f'https://{HOST}:{port}/', client))}")
        self._expect(STEP[step], lambda: ask_by_curl(self._directory, HOST, port, client))

    def _on(self, step: str, connection: Connection) -> None:
        """Ask on a connection that stays open: the first time opens it."""
        opened = connection.sock

        def ask() -> str:
            answer = ask_on(connection, HOST)
            # http.client would connect anew without a word.
            same = opened is None or connection.sock is opened
            return answer if same else f"{answer}, reconnected"

        self._expect(STEP[step], ask)

    def _last_seen(self) -> None:
        until = time.monotonic() + SEEN_SECONDS
        while True:
            said = run_authz(self._directory, "cert list")
            never = NEVER in _line_of(said, self.issued).split()
            if not never or time.monotonic() > until:
                break
        print("$ authz cert list")
        print("".join(f"  {line}\n" for line in said.splitlines()), end="")
        self._note(judged(STEP["last-seen"], NEVER if never else SEEN))

    # --- answers ---------------------------------------------------------------------------------

    def _expect(self, step: Step, ask: Callable[[], str]) -> None:
        """Ask, and where a step has time, until the answer is right or the time is over."""
        asked = 0
        while True:
            before = len(self._demo.envoy.log_lines())
            answer = ask()
            seconds = time.monotonic() - self._returned
            asked += 1
            logged = logged_since(self._demo.envoy, before) if answer.isdigit() else None
            outcome = judged(step, answer, logged, seconds=seconds, asked=asked)
            if not outcome.wrong or step.within is None or seconds > step.within:
                self._note(outcome)
                return

    def _note(self, outcome: StepOutcome) -> None:
        self.outcomes.append(outcome)
        self._table.print_row(cells(len(self.outcomes), outcome))


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
        seconds: since the last command returned.
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
        wrong.append(f"{seconds:.3f} s after the command returned, not within {step.within:g} s")
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


def _identifier(said: str) -> str:
    """The certificate's identifier in what `authz cert issue` printed."""
    found = re.search(r"^id +(\S+)$", said, re.MULTILINE)
    if found is None:
        raise DemoError("authz cert issue printed no identifier", hint=f"it said:\n{said}")
    return found[1]


def _line_of(said: str, identifier: str) -> str:
    return next((line for line in said.splitlines() if identifier in line), NEVER)
