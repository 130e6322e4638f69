# SPDX-License-Identifier: Apache-2.0
"""Whatever call of a transport raises: the check is answered, denied at worst, and so is the next.

Found and broken as the calls of a check are (test_injected_faults.py), on the threads of the
transport, with somebody who is told of each call.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from authz.extauthz.encode import CONSTANT_DENIAL
from authz.extauthz.transport import CHECK
from tests.attack.injection import Call, Fault, Panic, call_of, on_new_threads
from tests.attack.report import tried
from tests.unit.extauthz.transport.conftest import Service, opened

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE: Final = 5.0

ERRORS: Final[tuple[Callable[[], BaseException], ...]] = (
    lambda: ValueError("injected"),
    MemoryError,
    lambda: Panic("injected"),
    StopIteration,
    lambda: SystemExit(0),
)

#: What is called by no function of ours, each once for a process or by grpcio. What comes out of
#: the first two ends the thread, and the process with it (node.vital); what comes out of the latter
#: two, grpcio answers with an error, which Envoy as shipped denies.
OUTERMOST: Final = (
    "NativeTransport._run",
    "NativeTransport._serve",
    "_Handlers.service",
    "_check_handler.<locals>.handle",
)


class Told:
    """Hears of each call."""

    def arrived(self, metadata: Any) -> None:
        list(metadata)

    def gone(self) -> None:
        pass


def _is_ours(call: Call) -> bool:
    return "/extauthz/transport/" in call.code.co_filename and (
        bool(call.native) or call.code.co_qualname not in OUTERMOST
    )


def _calls(transport: str) -> list[Call]:
    """What a transport calls from its start to an answer, in its threads."""
    seen: dict[Call, None] = {}

    def watch(frame: Any, event: str, argument: Any) -> None:
        call = call_of(frame, event, argument)
        if call is not None and _is_ours(call):
            seen.setdefault(call)

    with on_new_threads(watch), opened(transport, caller=Told()) as it:
        for _ in range(3):
            it.channel.unary_unary(CHECK)(b"x", timeout=PATIENCE)
        # One who does not wait.
        begun = threading.Event()
        it.channel.unary_unary(CHECK).future(b"x", timeout=PATIENCE).add_done_callback(
            lambda _: begun.set()
        )
        assert begun.wait(PATIENCE)
    return list(seen)


@pytest.mark.attack
@pytest.mark.parametrize("transport", ["native", "grpcio"])
def test_each_call_of_a_transport_may_raise(transport: str) -> None:
    calls = _calls(transport)
    struck = 0
    wrong, unanswered = [], []
    for call in calls:
        for make_error in ERRORS:
            error = make_error()
            fault = Fault(call, error)
            what = f"{call} raises {error!r}"
            try:
                with on_new_threads(fault), opened(transport, Service(), caller=Told()) as it:
                    ask = it.channel.unary_unary(CHECK)
                    first = ask(b"x", timeout=PATIENCE)
                    after = [ask(b"%d" % turn, timeout=PATIENCE) for turn in range(2)]
            except Exception as raised:  # noqa: BLE001 - counted, and told of below
                unanswered.append(f"{what}: {raised!r}")
                continue
            struck += fault.struck
            if first not in (CONSTANT_DENIAL, b"answer to x"):
                wrong.append(f"{what}: {first!r}")
            # Where the fault comes with the thread's second turn, it is the second check's.
            if after[-1] != b"answer to 1":
                wrong.append(f"{what}: then {after!r}")
    tried(
        "faults",
        f"a call of the {transport} transport raises",
        struck + len(unanswered),
        wrong=len(wrong),
        unanswered=len(unanswered),
    )

    assert unanswered == []
    assert wrong == []
    assert struck >= len(calls) * len(ERRORS) * 0.9 > 20, calls
