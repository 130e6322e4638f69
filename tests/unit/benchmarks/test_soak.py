# SPDX-License-Identifier: Apache-2.0
"""One finding of any kind, or something that was never done, and nothing is kept."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from benchmarks.flatness import Row
from benchmarks.known_answers import KnownAnswers
from benchmarks.soak import Answers, Outcome, is_error, probe, told
from benchmarks.soak_changes import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

LONG, TRIAL = 1800.0, 30.0


def _changes(*failures: str, without: str = "") -> Any:
    done = Counter(dict.fromkeys(KINDS, 3))
    del done[without]
    return SimpleNamespace(counts=done, failures=list(failures))


def _row(*, kept: bool) -> Row:
    return Row(process="worker 7", what="threads", before=7, after=9, kept=kept)


FINE = Outcome(
    loads=Answers(asked=1000, p50=[0.4], p999=[3.0]),
    probes=Answers(asked=100),
    changes=_changes(),
    rows=[_row(kept=True)],
    ended=[],
    errors=[],
)


def test_what_is_fine_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(FINE, LONG)

    printed = capsys.readouterr().out
    assert "load: 1,000 checks" in printed
    assert "revoked 3" in printed
    assert printed.rstrip().endswith("kept")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda: {"loads": Answers(asked=1000, wrong=Counter({"code 7": 4}))},
            "wrong answers: 4\n  4 times: code 7",
        ),
        (
            lambda: {"probes": Answers(asked=100, wrong=Counter({"alice: 0": 1}))},
            "wrong answers: 1\n  1 times: alice: 0",
        ),
        (
            lambda: {"loads": Answers(asked=1000, unanswered=Counter({"late": 2}))},
            "unanswered, late or shed: 2\n",
        ),
        (lambda: {"changes": _changes("revoked: 500")}, "that failed: 1\n  1 times: revoked: 500"),
        (lambda: {"changes": _changes(without="reload")}, "never done: 1\n  1 times: reload"),
        (lambda: {"loads": Answers()}, "never done: 1\n  1 times: load"),
        (lambda: {"probes": Answers()}, "never done: 1\n  1 times: probes"),
        (lambda: {"errors": ["Traceback"]}, "errors in the log: 1\n  1 times: Traceback"),
        (lambda: {"ended": ["worker 7"]}, "processes that ended: 1\n  1 times: worker 7"),
        (lambda: {"rows": [_row(kept=False)]}, "not flat: 1\n  1 times: worker 7: threads"),
    ],
)
def test_one_finding_is_enough(
    change: Callable[[], dict[str, Any]], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not told(replace(FINE, **change()), LONG)

    printed = capsys.readouterr().out
    assert says in printed
    assert printed.rstrip().endswith("NOT KEPT")


def test_a_trial_has_no_time_for_everything() -> None:
    outcome = replace(FINE, changes=_changes(without="reload"))

    assert told(outcome, TRIAL)
    assert not told(outcome, LONG)


@pytest.mark.parametrize(
    ("code", "wrong", "unanswered"), [(7, 0, 0), (0, 2, 0), (16, 2, 0), (None, 0, 2)]
)
def test_a_probe_counts_what_is_wrong_and_what_does_not_come(
    code: int | None, wrong: int, unanswered: int
) -> None:
    ended = threading.Event()
    asked = []

    def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
        asked.append(1)
        if len(asked) == 2:
            ended.set()
        if code is None:
            context.abort(grpc.StatusCode.INTERNAL, "none")
        response = CheckResponse()
        response.status.code = code
        return response.SerializeToString()

    service, _, method = CHECK.strip("/").partition("/")
    handler = grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(answer)}
    )
    known = KnownAnswers(grace=2.0)
    known.begin("alice", 7, 0.0)
    changes: Any = SimpleNamespace(checks={"alice": b"x"})
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        found = probe(f"127.0.0.1:{port}", changes, known, ended)
        server.stop(None).wait()

    assert (found.asked, found.wrong.total(), found.unanswered.total()) == (2, wrong, unanswered)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"level": "info", "event": "serving"}', False),
        ('{"level": "warning", "event": "late"}', False),
        ('{"level": "error", "event": "a worker is late and is killed"}', True),
        ("Traceback (most recent call last):", True),
    ],
)
def test_an_error_and_what_is_no_line_of_the_log_are_found(line: str, wrong: bool) -> None:
    assert is_error(line) == wrong
