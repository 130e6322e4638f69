# SPDX-License-Identifier: Apache-2.0
"""What both transports do alike."""

from __future__ import annotations

import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.certs.presented import DEFAULT_LIMITS
from authz.errors import TransportError
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.encode import CONSTANT_DENIAL
from authz.extauthz.health import HEALTH_CHECK, HEALTH_WATCH, NOT_SERVING, SERVICE_UNKNOWN, SERVING
from authz.extauthz.service import MAX_CHECK_BYTES, CheckService
from authz.extauthz.transport import CHECK
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.pb.health_pb2 import HealthCheckRequest
from authz.settings.addresses import ListenAddress
from tests.factories.checks import check_request
from tests.factories.pki import AT
from tests.factories.policies import snapshot
from tests.unit.extauthz.transport.conftest import Service, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: How long a test waits for what should happen at once.
PATIENCE = 10.0


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        threading.Event().wait(0.005)


def check(channel: Any, data: bytes = b"x", **more: Any) -> bytes:
    return bytes(channel.unary_unary(CHECK)(data, timeout=PATIENCE, **more))


def test_bytes_go_in_and_come_out(transport: str, listen: ListenAddress) -> None:
    with opened(transport, listen=listen) as it:
        assert check(it.channel, b"ping") == b"answer to ping"
        assert it.transport.name == transport
        assert it.transport.why


def test_the_actual_port_is_told(transport: str) -> None:
    with opened(transport) as it:
        host, _, port = it.transport.address.rpartition(":")

        assert host == "127.0.0.1"
        assert int(port) > 0


def test_an_ipv6_address_is_written_with_brackets(transport: str) -> None:
    with opened(transport, listen=ListenAddress(host="::1", port=0)) as it:
        assert it.transport.address.startswith("[::1]:")
        assert check(it.channel) == b"answer to x"


def test_a_real_check_is_decided(transport: str) -> None:
    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Metrics(), clock=lambda: AT)
    service.snapshot = snapshot()
    with opened(transport, service) as it:
        denied = check(it.channel, check_request(path="/admin").SerializeToString())
        allowed = check(it.channel, check_request().SerializeToString())

    assert CheckResponse.FromString(denied).status.code == 16
    assert CheckResponse.FromString(allowed).status.code == 0


def test_many_checks_at_once_each_get_their_own_answer(transport: str) -> None:
    with opened(transport) as it, ThreadPoolExecutor(8) as pool:
        asked = [b"%d" % number for number in range(300)]
        answers = list(pool.map(lambda data: check(it.channel, data), asked))

    assert answers == [b"answer to " + data for data in asked]


def test_the_deadline_is_handed_on(transport: str) -> None:
    service = Service()
    with opened(transport, service) as it:
        it.channel.unary_unary(CHECK)(b"", timeout=5.0)
    (remaining,) = service.remaining

    assert remaining is not None
    assert 4.0 < remaining <= 5.01


def test_without_a_deadline_there_is_time(transport: str) -> None:
    service = Service()
    with opened(transport, service) as it:
        it.channel.unary_unary(CHECK)(b"")
    (remaining,) = service.remaining

    assert remaining is None or remaining > 3600


@pytest.mark.parametrize("error", [ValueError("x"), BaseException("panic")], ids=repr)
def test_a_service_that_raises_is_a_denial_and_no_error(
    transport: str, error: BaseException
) -> None:
    def fail(data: bytes) -> bytes:
        if data == b"bad":
            raise error
        return b"fine"

    with opened(transport, Service(fail)) as it:
        assert check(it.channel, b"bad") == CONSTANT_DENIAL
        assert check(it.channel, b"good") == b"fine"


def test_a_large_check_is_denied_and_no_error(transport: str) -> None:
    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Metrics(), clock=lambda: AT)
    service.snapshot = snapshot()
    with opened(transport, service) as it:
        answer = CheckResponse.FromString(check(it.channel, b"\0" * (MAX_CHECK_BYTES + 1)))

    assert answer.dynamic_metadata["reason"] == "undecodable"


@pytest.mark.parametrize("method", ["/envoy.service.auth.v3.Authorization/Other", "/a.B/C"])
def test_an_unknown_method_is_unimplemented(transport: str, method: str) -> None:
    with opened(transport) as it, pytest.raises(grpc.RpcError) as raised:
        it.channel.unary_unary(method)(b"", timeout=PATIENCE)

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_reflection_is_off(transport: str) -> None:
    method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    with opened(transport) as it, pytest.raises(grpc.RpcError) as raised:
        list(it.channel.stream_stream(method)(iter([b""]), timeout=PATIENCE))

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- health --------------------------------------------------------------------------------


def test_health_follows_the_state(transport: str, listen: ListenAddress) -> None:
    with opened(transport, listen=listen) as it:
        ask = it.channel.unary_unary(HEALTH_CHECK)

        assert ask(b"", timeout=PATIENCE) == NOT_SERVING
        it.health.set_serving(True)
        assert ask(b"", timeout=PATIENCE) == SERVING
        it.health.set_serving(False)
        assert ask(b"", timeout=PATIENCE) == NOT_SERVING


def test_the_health_of_an_unknown_service_is_not_found(transport: str) -> None:
    data = HealthCheckRequest(service="other.Service").SerializeToString()
    with opened(transport) as it, pytest.raises(grpc.RpcError) as raised:
        it.channel.unary_unary(HEALTH_CHECK)(data, timeout=PATIENCE)

    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_watch_sees_every_change(transport: str, listen: ListenAddress) -> None:
    with opened(transport, listen=listen) as it:
        watch = it.channel.unary_stream(HEALTH_WATCH)(b"", timeout=PATIENCE)

        assert next(watch) == NOT_SERVING
        it.health.set_serving(True)
        assert next(watch) == SERVING
        it.health.set_serving(False)
        assert next(watch) == NOT_SERVING


def test_a_watch_of_an_unknown_service_says_so(transport: str) -> None:
    data = HealthCheckRequest(service="other.Service").SerializeToString()
    with opened(transport) as it:
        watch = it.channel.unary_stream(HEALTH_WATCH)(data, timeout=PATIENCE)

        assert next(watch) == SERVICE_UNKNOWN


def test_a_watcher_that_leaves_is_forgotten(transport: str) -> None:
    with opened(transport) as it:
        watch = it.channel.unary_stream(HEALTH_WATCH)(b"", timeout=PATIENCE)
        next(watch)
        wait_for(lambda: it.health.watchers == 1)

        watch.cancel()

        wait_for(lambda: it.health.watchers == 0)


def test_watchers_do_not_hold_up_checks(transport: str) -> None:
    with opened(transport) as it:
        watches = [it.channel.unary_stream(HEALTH_WATCH)(b"", timeout=PATIENCE) for _ in range(40)]
        assert [next(watch) for watch in watches] == [NOT_SERVING] * 40

        assert check(it.channel) == b"answer to x"
        it.health.set_serving(True)
        assert [next(watch) for watch in watches] == [SERVING] * 40


# --- who is told of calls --------------------------------------------------------------------


class Listening:
    """Hears of calls, or breaks."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.arrivals: list[dict[str, object]] = []
        self.left = threading.Event()

    def arrived(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        self.arrivals.append(dict(metadata))
        if self.broken:
            raise SystemExit("a defect")

    def gone(self) -> None:
        self.left.set()
        if self.broken:
            raise SystemExit("a defect")


def test_a_call_is_told_of_with_its_metadata(transport: str) -> None:
    caller = Listening()
    with opened(transport, caller=caller) as it:
        assert check(it.channel, metadata=[("traceparent", "00-a-b-01")]) == b"answer to x"
        assert check(it.channel) == b"answer to x"

    assert [one.get("traceparent") for one in caller.arrivals] == ["00-a-b-01", None]
    assert not caller.left.is_set()


@pytest.mark.parametrize("how", ["cancelled", "too late"])
def test_a_caller_that_did_not_wait_is_told_of(transport: str, how: str) -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow(data: bytes) -> bytes:
        begun.release()
        assert go_on.acquire(timeout=PATIENCE)
        return b"late"

    caller = Listening()
    with opened(transport, Service(slow), caller=caller) as it:
        until = time.monotonic() + PATIENCE
        # The other end hears of it some time, which may be too late for one call.
        while not caller.left.is_set() and time.monotonic() < until:
            seconds = PATIENCE if how == "cancelled" else 0.05
            call = it.channel.unary_unary(CHECK).future(b"x", timeout=seconds)
            assert begun.acquire(timeout=PATIENCE)
            if how == "cancelled":
                call.cancel()
            else:
                assert call.exception() is not None
            go_on.release()

        assert caller.left.wait(PATIENCE)


def test_whatever_breaks_there_the_answer_stays(transport: str) -> None:
    caller = Listening(broken=True)
    with opened(transport, caller=caller) as it:
        assert [check(it.channel, b"%d" % n) for n in range(3)] == [
            b"answer to 0",
            b"answer to 1",
            b"answer to 2",
        ]

    assert len(caller.arrivals) == 3


# --- threads -------------------------------------------------------------------------------


def test_all_threads_that_answer_are_there_before_the_first_call(transport: str) -> None:
    with opened(transport) as it:
        threads = list(it.transport.threads)
        assert len(threads) == {"native": 1, "grpcio": 3}[transport]
        assert all(thread.is_alive() for thread in threads)
        before = set(threading.enumerate())

        assert check(it.channel) == b"answer to x"
        # The client has threads, too.
        assert not any("authz" in one.name for one in set(threading.enumerate()) - before)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.mark.parametrize("given", [0, 1])
def test_without_threads_it_does_not_start_and_says_why(
    transport: str, given: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = given if transport == "grpcio" else 0
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        nonlocal left
        if left == 0:
            raise RuntimeError("can't start new thread")
        left -= 1
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", limited)
        with (
            pytest.raises(TransportError, match="can't start new thread") as raised,
            opened(transport),
        ):
            pytest.fail("it started")
    assert "ulimit" in str(raised.value.hint)


# --- signs of life -------------------------------------------------------------------------


def test_it_comes_round_without_calls(transport: str) -> None:
    with opened(transport) as it:
        first = it.transport.beats()

        wait_for(lambda: it.transport.beats() > first + 1)


def test_it_does_not_come_round_while_a_check_hangs(transport: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(data: bytes) -> bytes:
        begun.set()
        assert go_on.wait(PATIENCE)
        return data

    with opened(transport, Service(hang)) as it:
        call = it.channel.unary_unary(CHECK).future(b"x", timeout=PATIENCE)
        assert begun.wait(PATIENCE)
        stuck = it.transport.beats()
        # Longer than the native loop waits for a call.
        threading.Event().wait(1.2)
        assert it.transport.beats() == stuck
        go_on.set()

        assert call.result() == b"x"
        wait_for(lambda: it.transport.beats() > stuck)


def test_who_works_off_a_long_queue_does_not_hang(transport: str) -> None:
    def slow(data: bytes) -> bytes:
        threading.Event().wait(0.005)
        return data

    with opened(transport, Service(slow)) as it:
        call = it.channel.unary_unary(CHECK)
        # Nobody says how long they wait.
        many = [call.future(b"x") for _ in range(300)]
        wait_for(lambda: sum(one.done() for one in many) > 20)
        before = it.transport.beats()
        wait_for(lambda: it.transport.beats() > before + 20)

        assert not all(one.done() for one in many)
        assert {one.result() for one in many} <= {b"x", b"shed x"}


def test_of_a_burst_every_call_has_its_answer(transport: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang(data: bytes) -> bytes:
        begun.set()
        assert go_on.wait(3 * PATIENCE)
        return data

    alone = [("grpc.use_local_subchannel_pool", 1)]
    with opened(transport, Service(hang)) as it, ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(it.transport.address, alone))
            for _ in range(8)
        ]
        calls = [one.unary_unary(CHECK) for one in channels]
        many = [one.future(b"x", timeout=6 * PATIENCE) for _ in range(250) for one in calls]
        assert begun.wait(PATIENCE)
        # What is refused is refused while the others wait.
        threading.Event().wait(0.5)
        go_on.set()

        assert {one.result() for one in many} <= {b"x", b"shed x"}


def test_once_stopped_it_does_not_come_round_and_may_be_asked(transport: str) -> None:
    with opened(transport) as it:
        it.transport.stop(0)
        last = it.transport.beats()

        assert it.transport.beats() == last


# --- stopping ------------------------------------------------------------------------------


def test_a_check_under_way_is_answered_before_closing(transport: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(data: bytes) -> bytes:
        begun.set()
        assert go_on.wait(PATIENCE)
        return b"late"

    with opened(transport, Service(slow)) as it:
        call = it.channel.unary_unary(CHECK).future(b"", timeout=PATIENCE)
        assert begun.wait(PATIENCE)
        stopper = threading.Thread(target=it.transport.stop, args=(PATIENCE,))
        stopper.start()
        go_on.set()

        assert call.result() == b"late"
        stopper.join(PATIENCE)
        assert not stopper.is_alive()


def test_stopping_ends_watches(transport: str) -> None:
    with opened(transport) as it:
        watch = it.channel.unary_stream(HEALTH_WATCH)(b"", timeout=PATIENCE)
        next(watch)
        it.transport.stop(0.2)

        with pytest.raises((grpc.RpcError, StopIteration)):
            next(watch)


def test_stopping_twice_is_fine(transport: str) -> None:
    with opened(transport) as it:
        it.transport.stop(0)
        it.transport.stop(0)


def test_a_transport_that_never_started_can_be_stopped(transport: str) -> None:
    from authz.extauthz.health import HealthState
    from authz.extauthz.transport import TransportKind, TransportOptions, open_transport
    from tests.unit.extauthz.transport.conftest import LOOPBACK

    options = TransportOptions(listen=LOOPBACK, kind=TransportKind(transport))

    open_transport(options, Service(), HealthState()).stop(0)


def test_the_port_is_free_again_after_stopping(transport: str) -> None:
    with opened(transport) as it:
        port = int(it.transport.address.rpartition(":")[2])
    with opened(transport, listen=ListenAddress(host="127.0.0.1", port=port)) as it:
        assert check(it.channel) == b"answer to x"


# --- addresses -----------------------------------------------------------------------------


def test_a_port_that_is_taken_is_an_error_with_a_hint(transport: str) -> None:
    with opened(transport) as it:
        port = int(it.transport.address.rpartition(":")[2])
        with (
            pytest.raises(TransportError, match="cannot listen on") as raised,
            opened(transport, listen=ListenAddress(host="127.0.0.1", port=port)),
        ):
            pass

    assert raised.value.hint


def test_two_listeners_share_a_port_when_asked_to(transport: str) -> None:
    with opened(transport, reuse_port=True) as it:
        port = int(it.transport.address.rpartition(":")[2])
        listen = ListenAddress(host="127.0.0.1", port=port)
        with opened(transport, listen=listen, reuse_port=True) as other:
            assert other.transport.address == it.transport.address


def test_the_group_may_connect_to_a_unix_socket_and_others_may_not(
    transport: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.sock"
    with opened(transport, listen=ListenAddress(path=str(path))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_the_socket_of_a_dead_process_is_replaced(transport: str, tmp_path: Path) -> None:
    import socket

    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    with opened(transport, listen=ListenAddress(path=str(path))) as it:
        assert check(it.channel) == b"answer to x"


def test_the_socket_of_a_living_process_is_left_alone(transport: str, tmp_path: Path) -> None:
    listen = ListenAddress(path=str(tmp_path / "a.sock"))
    with opened(transport, listen=listen) as it:
        with (
            pytest.raises(TransportError, match="another process"),
            opened(transport, listen=listen),
        ):
            pass

        assert check(it.channel) == b"answer to x"


def test_a_file_in_the_way_is_not_removed(transport: str, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    path.write_text("precious")

    with (
        pytest.raises(TransportError, match="no socket"),
        opened(transport, listen=ListenAddress(path=str(path))),
    ):
        pass

    assert path.read_text() == "precious"


def test_a_directory_that_is_not_there_is_an_error(transport: str, tmp_path: Path) -> None:
    listen = ListenAddress(path=str(tmp_path / "missing" / "a.sock"))

    with pytest.raises(TransportError, match="cannot listen"), opened(transport, listen=listen):
        pass
