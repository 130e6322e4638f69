# SPDX-License-Identifier: Apache-2.0
"""Somebody who asks all the time: what is counted, and that it is said whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
import pytest

from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack.report import read
from tests.integration.asking import ALLOWED, CLOSED, DENIED, OPEN, Asking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RIGHT = {OPEN: ALLOWED, CLOSED: DENIED}


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, codes: Mapping[bytes, int]) -> None:
        self._codes = codes

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        assert details.method == CHECK
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        if request not in self._codes:
            context.abort(grpc.StatusCode.INTERNAL, "broken")
        answer = CheckResponse()
        answer.status.code = self._codes[request]
        return answer.SerializeToString()


@contextmanager
def _answering(codes: Mapping[bytes, int]) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[_Handler(codes)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    target = tmp_path / "tried"
    target.touch()
    monkeypatch.setenv("AUTHZ_ATTACK_REPORT", str(target))
    return target


def test_right_answers_are_counted(report: Path) -> None:
    with _answering(RIGHT) as address, Asking(address, says="nothing") as asking:
        asking.more()
    [row] = read(report)
    assert row == {
        "group": "faults",
        "what": "nothing",
        "times": asking.times,
        "wrong": 0,
        "unanswered": 0,
    }


def test_a_closed_door_that_opens_is_said_and_fails(report: Path) -> None:
    with (
        _answering({**RIGHT, CLOSED: ALLOWED}) as address,
        pytest.raises(AssertionError),
        Asking(address, says="a kill", group="nodes") as asking,
    ):
        asking.more()
    [row] = read(report)
    assert (row["group"], row["wrong"], row["unanswered"]) == ("nodes", asking.times / 2, 0)


def test_no_answer_is_said_and_fails_where_one_is_due(report: Path) -> None:
    with _answering({OPEN: ALLOWED}) as address:
        with pytest.raises(AssertionError), Asking(address, says="due") as due:
            due.more()
        with Asking(address, says="not due", may_fail=True) as not_due:
            not_due.more()
    rows = {row["what"]: (row["times"], row["wrong"], row["unanswered"]) for row in read(report)}
    assert rows == {
        "due": (due.times, 0, due.times / 2),
        "not due": (not_due.times / 2, 0, 0),
    }


def test_a_test_that_fails_meanwhile_is_one_wrong_more(report: Path) -> None:
    with (
        _answering(RIGHT) as address,
        pytest.raises(RuntimeError),
        Asking(address, says="a kill") as asking,
    ):
        _break_off(asking)
    [row] = read(report)
    assert (row["times"], row["wrong"], row["unanswered"]) == (asking.times, 1, 0)


def _break_off(asking: Asking) -> None:
    asking.more()
    raise RuntimeError("it does not come back")
