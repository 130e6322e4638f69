# SPDX-License-Identifier: Apache-2.0
"""That every step is told, and every wrong one reported; tests/e2e/test_demo.py runs it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo import story, telling
from authz.demo.api_client import ApiAnswer
from authz.demo.story import Story
from authz.demo.story_api import MadeOverApi
from authz.demo.story_steps import NEVER, STEP, STEPS, Step
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

ISSUED = "id       c0ffee\nlabel    tablet\n"
#: A token's value; made up.
SECRET = "reader" * 7
LISTED = "LABEL   LAST SEEN   ID\ntablet  {seen}  c0ffee\n"


def logged(reason: str = "rule", failure: str = "") -> dict[str, Any]:
    return {"reason": reason, "rule": "r", "failure": failure}


#: Steps over the API that open their connection, or have none.
NOT_AGAIN = {"api-issued", "api-not-permitted"}


class Faked:
    """Programs that answer each step as expected, but for those in `instead`.

    `heals`: what is wrong is right from the second request on.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.found = [{"id": "z0"}]
        self.instead: dict[str, str] = {}
        self.heals = False
        self.seen = "2026-03-01"
        envoy = SimpleNamespace(ports={"https": 1, "strict": 2}, log_lines=list)
        api = SimpleNamespace(result=self._result, call=self._refused)
        demo: Any = SimpleNamespace(directory=directory, envoy=envoy, api=api)
        self.story = Story(demo)
        monkeypatch.setattr(story, "run_authz", self._command)
        monkeypatch.setattr(telling, "run_authz", self._command)
        monkeypatch.setattr(telling, "ask_by_curl", lambda *_: self._answer())
        monkeypatch.setattr(telling, "ask_on", lambda *_: self._answer())
        monkeypatch.setattr(
            telling, "connect", lambda *_: SimpleNamespace(sock=None, close=lambda: None)
        )
        monkeypatch.setattr(
            telling, "logged_since", lambda *_: logged(self._step.reason, self._step.failure)
        )

    def wrong(self) -> list[str]:
        """The steps that came out wrong."""
        return [one.step.id for one in self.story.outcomes if one.wrong]

    @property
    def _step(self) -> Step:
        return STEPS[len(self.story.outcomes)]

    def _command(self, _directory: Path, arguments: str) -> str:
        self.commands.append(arguments)
        if arguments == "cert list":
            return LISTED.format(seen=self.seen)
        return ISSUED if arguments.startswith("cert issue") else ""

    def _result(self, method: str, path: str, body: Any = None) -> Any:
        self.calls.append((method, path))
        if method == "GET" and "?" in path:
            return self.found
        return {"id": f"{path.rsplit('/', 1)[1]}-id", "certificate": "PEM", "value": SECRET}

    def _refused(self, method: str, path: str, *, token: str) -> ApiAnswer:
        assert token == SECRET
        self.calls.append((method, path))
        return ApiAnswer(status=int(self._answer()), result=None, errors=())

    def _answer(self) -> str:
        step = self._step
        answer = self.instead.get(step.id, step.expected)
        if self.heals:
            self.instead.pop(step.id, None)
        return answer


@pytest.fixture
def faked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faked:
    ticks = iter(range(10_000))
    # Each look at the clock is 10 ms later.
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 100)
    monkeypatch.setattr(story, "time", clock)
    monkeypatch.setattr(telling, "time", clock)
    return Faked(tmp_path, monkeypatch)


def test_every_step_is_told_in_order_after_its_commands(
    faked: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    told = faked.story

    told.tell()

    assert [outcome.step for outcome in told.outcomes] == list(STEPS)
    assert [outcome.wrong for outcome in told.outcomes] == [()] * len(STEPS)
    assert told.issued == "c0ffee"
    assert {"cert revoke c0ffee", "cert restore c0ffee"} <= set(faked.commands)
    out = capsys.readouterr().out
    assert all(f"$ authz {command}\n" in out for command in faked.commands)
    assert all(f"> {method} {path}" in out for method, path in faked.calls)
    assert told.over_api == MadeOverApi(
        zone="z0", ruleset="entrypoint-id", certificate="client_certificates-id"
    )
    assert SECRET not in out
    assert "\nstep " not in out


@pytest.mark.parametrize("broken", [one.id for one in STEPS if one.id != "last-seen"])
def test_a_step_that_is_broken_on_purpose_is_reported(
    broken: str, faked: Faked, capsys: pytest.CaptureFixture[str]
) -> None:
    faked.instead[broken] = "404"
    faked.story.tell()

    # Once the two seconds are over, the next step of the same command is late as well.
    late = ["new-authority-strict"] if broken == "new-authority" else []
    assert faked.wrong() == [broken, *late]
    number = STEPS.index(STEP[broken]) + 1
    assert f"step {number}: 404, not {STEP[broken].expected}" in capsys.readouterr().out


def test_a_certificate_that_was_never_seen_is_reported(faked: Faked) -> None:
    faked.seen = NEVER
    faked.story.tell()

    assert faked.wrong() == ["last-seen"]
    assert faked.commands.count("cert list") > 1


def test_what_comes_late_but_in_time_is_right_where_there_is_time(faked: Faked) -> None:
    faked.instead["revoked-open"] = "200"
    faked.heals = True

    faked.story.tell()

    (late,) = [one for one in faked.story.outcomes if one.step.id == "revoked-open"]
    assert (late.wrong, late.asked) == ((), 2)


def test_where_there_is_no_time_the_first_answer_counts(faked: Faked) -> None:
    faked.instead["revoked-new"] = "200"
    faked.heals = True

    faked.story.tell()

    assert faked.wrong() == ["revoked-new"]


def test_a_connection_that_did_not_stay_open_is_told(
    faked: Faked, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reconnecting:
        """A connection that is another one after each request."""

        def __init__(self) -> None:
            self.sock: object = None

        def close(self) -> None:
            pass

    asked = telling.ask_on

    def ask(connection: Any, host: str, path: str) -> str:
        connection.sock = object()
        return asked(connection, host, path)

    monkeypatch.setattr(telling, "connect", lambda *_: Reconnecting())
    monkeypatch.setattr(telling, "ask_on", ask)

    faked.story.tell()

    assert faked.wrong() == [
        "revoked-open",
        "restored-open",
        "strict-still-open",
        *(one.id for one in STEPS if one.id.startswith("api-") and one.id not in NOT_AGAIN),
    ]


def test_a_certificate_without_an_identifier_ends_the_story(
    faked: Faked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "run_authz", lambda *_: "nothing of use")

    with pytest.raises(DemoError, match="no identifier"):
        faked.story.tell()
