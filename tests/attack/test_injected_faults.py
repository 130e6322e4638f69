# SPDX-License-Identifier: Apache-2.0
"""Whatever call of a check raises, and whatever it raises: no wrong allow, an answer, and the next
check is answered as if nothing had been.

The calls are found by watching checks of every kind (scenarios.py; test_check_path.py proves that
no function is left out), with decision log, recording and traces on: functions of ours, and calls
of ours into native code. `make test` breaks each of them once, `make attack` and `make acceptance`
each of them in every kind of check, and by several kinds of exception.
"""

from __future__ import annotations

import functools
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from authz.extauthz import encode
from authz.observability import log
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.client import NOBODY
from tests.attack.injection import Call, Panic, calls_of, strike
from tests.attack.report import tried
from tests.attack.scenarios import Scenario, scenarios
from tests.attack.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from authz.node.endpoint import Endpoint

# A generator that is thrown away is closed, which is a call, too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

SEED: Final = 20261127

#: What Python code and native code raise. KeyboardInterrupt reaches the main thread alone.
ERRORS: Final[tuple[Callable[[], BaseException], ...]] = (
    lambda: ValueError("injected"),
    MemoryError,
    RecursionError,
    lambda: Panic("injected"),
    lambda: KeyError("injected"),
    lambda: OSError(24, "too many open files"),
    StopIteration,
    GeneratorExit,
    lambda: AttributeError("injected"),
    lambda: UnicodeDecodeError("utf-8", b"", 0, 0, "injected"),
    lambda: SystemExit(0),
    lambda: TimeoutError("injected"),
)

#: Nothing of ours is below it to catch what comes out of it: the transport's business, which the
#: tests below have.
OUTERMOST: Final = ("Endpoint.check", "CheckService.check", "CheckService.shed")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from authz.observability.tracing import Tracing

    # Nobody listens there; nothing is exported, because no thread of the feed runs.
    tracing = Tracing("0", "http://127.0.0.1:9", 1.0)
    with pytest.MonkeyPatch.context() as patch:
        # Each fault is a line with a traceback.
        patch.setattr(log._writer, "put", lambda _: None)
        yield World(tmp_path_factory.mktemp("world"), tracing)
    tracing.begin_to_end()
    tracing.stop()


def forget() -> None:
    """Empty what is remembered for the whole process, as it is when that starts."""
    for name, module in list(sys.modules.items()):
        if name.startswith("authz."):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
    encode._remembered.clear()
    NOBODY.values.clear()
    NOBODY._decisions.clear()
    NOBODY._room = NOBODY.MAX_VALUES


def content(answer: bytes) -> CheckResponse:
    """An answer without what is every check's own."""
    response = CheckResponse.FromString(answer)
    response.dynamic_metadata.fields.pop("decision_id", None)
    return response


def is_denial(response: CheckResponse) -> bool:
    """Whether Envoy reads it as a denial, whatever its settings."""
    return (
        response.HasField("status")
        and response.status.code in (7, 16)
        and response.WhichOneof("http_response") == "denied_response"
    )


def is_finding(call: Call, error: BaseException) -> bool:
    """Whether this is how a library says that what it was given is no good: a ValueError.

    Nobody can tell that from a defect. What was given is then what it looks like: a certificate
    verifies nobody, a text is no number, and the rules decide (architecture 4.1).
    """
    is_judged = bool(call.native) or "/authz/certs/" in call.code.co_filename
    return isinstance(error, ValueError) and is_judged


def agrees(got: CheckResponse, expected: CheckResponse) -> bool:
    """Whether nobody is let in who would not be without the fault."""
    return is_denial(got) or not is_denial(expected)


@dataclass
class Outcome:
    """What came of all the faults of a run."""

    struck: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


class Breaker:
    """Breaks calls, each in an endpoint of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._expected: dict[str, CheckResponse] = {}
        self.outcome = Outcome()

    def calls(self, scenario: Scenario) -> list[Call]:
        """The calls of a check; remembers what it is answered."""
        forget()
        endpoint = self._world.endpoint(scenario)
        answers: list[bytes] = []
        found = calls_of(lambda: answers.append(scenario.ask(endpoint)))
        self._expected[scenario.name] = content(answers[0])
        return [call for call in found if call.native or call.code.co_qualname not in OUTERMOST]

    def break_(self, scenario: Scenario, call: Call, error: BaseException) -> None:
        """One fault: the check it is in, and those after it."""
        for anew in (False, True):
            # What was compiled may have been asked already for what this call is made for.
            if anew:
                forget()
            endpoint = self._world.endpoint(scenario, anew=anew)

            def ask(endpoint: Endpoint = endpoint) -> bytes:
                return scenario.ask(endpoint)

            what = f"{scenario.name}: {call} raises {error!r}"
            try:
                answer, struck = strike(call, error, ask)
            except BaseException as escaped:  # noqa: BLE001 - that is what must not happen
                self.outcome.unanswered.append(f"{what}: {escaped!r} escaped")
                return
            if struck:
                break
        else:
            self.outcome.missed.append(what)
            return
        self.outcome.struck += 1
        got, expected = content(answer), self._expected[scenario.name]
        counted = endpoint.metrics.export()["internal_errors"]
        right = [expected]
        if got == expected:
            # It was not for the decision, or was done without.
            self.outcome.answers["the same"] += 1
            if counted:
                self.outcome.wrong.append(f"{what}: counted as an error, and answered all the same")
        elif is_finding(call, error) and agrees(got, expected) and not counted:
            self.outcome.answers["as of something unreadable"] += 1
            # What a library says of a certificate is remembered.
            right.append(got)
        elif not is_denial(got):
            self.outcome.wrong.append(f"{what}: {got}")
        else:
            self.outcome.answers[str(got.dynamic_metadata["reason"])] += 1
            if counted != 1:
                self.outcome.wrong.append(f"{what}: denied, and counted {counted} times")
        for turn in range(3):
            after = content(ask())
            if after not in right:
                self.outcome.wrong.append(
                    f"{what}: check {turn + 1} after it got {after}, not {expected}"
                )
                return


def broken_inside(endpoint: Endpoint) -> Endpoint:
    """An endpoint in which whoever counts decisions always raises."""

    def observe(*_: object) -> None:
        raise Panic("injected")

    endpoint._service._observe = observe
    return endpoint


def report(what: str, outcome: Outcome) -> None:
    """Say what came of it, and fail if anything did that must not."""
    tried(
        "faults",
        what,
        outcome.struck + len(outcome.unanswered),
        wrong=len(outcome.wrong),
        unanswered=len(outcome.unanswered),
    )
    assert outcome.unanswered == []
    assert outcome.wrong == []
    # A fault that was not met proves nothing.
    assert outcome.missed == []


def once_each(breaker: Breaker) -> Iterable[tuple[Scenario, Call]]:
    """Every call, in the first kind of check that makes it."""
    seen: set[Call] = set()
    for scenario in scenarios():
        for call in breaker.calls(scenario):
            if call not in seen:
                seen.add(call)
                yield scenario, call


@pytest.mark.attack
def test_each_call_of_a_check_may_raise_once(world: World) -> None:
    breaker = Breaker(world)
    pick = random.Random(SEED)
    for scenario, call in once_each(breaker):
        breaker.break_(scenario, call, pick.choice(ERRORS)())

    assert breaker.outcome.struck > 1200, "the check path has not become that much shorter"
    report("a call of a check raises, each call once", breaker.outcome)


@pytest.mark.acceptance
@pytest.mark.attack
def test_each_call_of_each_kind_of_check_may_raise(world: World) -> None:
    breaker = Breaker(world)
    pick = random.Random(SEED)
    for scenario in scenarios():
        for call in breaker.calls(scenario):
            for make_error in pick.sample(ERRORS, 2):
                breaker.break_(scenario, call, make_error())

    report("a call of a check raises, in each kind of check, twice", breaker.outcome)


@pytest.mark.attack
def test_what_answers_a_fault_may_raise_too(world: World) -> None:
    """A second fault, on the way from the first one to its denial."""
    scenario = scenarios()[0]
    endpoint = broken_inside(world.endpoint(scenario))
    plain = set(calls_of(lambda: world.endpoint(scenario).check(scenario.data)))
    calls = [one for one in calls_of(lambda: endpoint.check(scenario.data)) if one not in plain]
    pick = random.Random(SEED)
    wrong, unanswered, struck = [], [], 0
    for call in calls:
        again = broken_inside(world.endpoint(scenario))
        error = pick.choice(ERRORS)()
        try:
            answer, was_struck = strike(call, error, partial(scenario.ask, again))
        except BaseException as escaped:  # noqa: BLE001 - that is what must not happen
            unanswered.append(f"{call} raises {error!r}: {escaped!r} escaped")
            continue
        struck += was_struck
        if not is_denial(content(answer)) or not is_denial(content(again.check(scenario.data))):
            wrong.append(f"{call} raises {error!r}: {content(answer)}")
    tried(
        "faults",
        "a call that answers a fault raises, each call once",
        len(calls),
        wrong=len(wrong),
        unanswered=len(unanswered),
    )

    assert wrong == unanswered == []
    assert struck == len(calls) > 20
