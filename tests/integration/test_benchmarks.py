# SPDX-License-Identifier: Apache-2.0
"""The benchmarks work, and refuse to measure wrong answers. No speed is asserted here."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from authz.demo.processes import Children
from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from benchmarks import goload
from benchmarks.figures import BenchError
from benchmarks.messages import check_for, write_bodies
from benchmarks.peers import go
from benchmarks.policies import Authority, full_policy, make_authority
from benchmarks.run import GROUPS
from benchmarks.servers import AS_OURS, Server, native_peer, start_ours, start_peer
from tests.conftest import absent
from tests.factories.envoy import require_envoy

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
#: Groups that measure nothing without the Go client; the others only lack a row.
NEED_GO = {"certificates", "swaps", "envoy"}
NEED_H2LOAD = set(GROUPS) - {
    "micro",
    "telling",
    "decisions",
    "first-sight",
    "certificates",
    "envoy",
}


def need_h2load() -> None:
    if shutil.which("h2load") is None:
        absent("h2load", "no h2load (nghttp2-client)")


def need_go() -> None:
    """Go, and its modules: the first build fetches them."""
    try:
        go.program("load")
        go.program("upstream")
    except BenchError as error:
        absent("go", str(error))


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_measures_right_answers(group: str) -> None:
    if group in NEED_GO:
        need_go()
    if group in NEED_H2LOAD:
        need_h2load()
    if group == "envoy":
        require_envoy()
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--quick", "--only", group],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "not measured" not in done.stdout or shutil.which("go") is None
    assert re.search(r"\d (µs|ms|MB|checks/s|requests/s)", done.stdout), done.stdout


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[Server]:
    """Ours, which knows what a right answer to the pinned certificate looks like."""
    with Children() as children:
        policy = full_policy(tmp_path / "policy.yaml", authority)
        running = start_ours(children, tmp_path, policy)
        running.expect_allowed(check_for(authority.client))
        yield running


@pytest.fixture
def denied(tmp_path: Path, authority: Authority) -> Path:
    """The body of a check that the policy denies."""
    return write_bodies(tmp_path / "denied", [check_for(authority.root.client("mallory"))])


def test_a_server_that_denies_is_not_measured(server: Server, authority: Authority) -> None:
    with pytest.raises(BenchError, match="denied the check that is to be allowed"):
        server.expect_allowed(check_for(None))


def test_denials_under_load_are_not_taken_for_answers(server: Server, denied: Path) -> None:
    need_h2load()
    with pytest.raises(BenchError, match=r"answers have .* bytes, right ones would have"):
        server.saturate(denied, 0.1)


def test_denials_of_the_go_client_are_not_taken_for_answers(server: Server, denied: Path) -> None:
    need_go()
    with pytest.raises(BenchError, match="answers were wrong, such as: denied with code 7"):
        goload.checks(server.address, denied, 0.2)


@contextlib.contextmanager
def denying(reason: str) -> Iterator[str]:
    """The address of a server that denies every check for this reason."""
    answer = CheckResponse()
    answer.status.code, answer.status.message = 7, reason
    service, _, method = CHECK.strip("/").partition("/")
    handler = grpc.unary_unary_rpc_method_handler(lambda *_: answer.SerializeToString())
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(
            threads, handlers=[grpc.method_handlers_generic_handler(service, {method: handler})]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(None).wait()


def _at_a_low_rate(address: str, bodies: Path) -> goload.Load:
    return goload.overload(address, bodies, 0.5, rate=20.0, timeout=20.0, breaker=0)


def test_the_go_client_counts_what_was_shed_and_what_was_too_late(denied: Path) -> None:
    need_go()
    with denying("overloaded") as address:
        load = _at_a_low_rate(address, denied)
        assert (load.requests, load.shed, load.late) == (0, 10, 0)
    with denying("deadline_exceeded") as address:
        load = _at_a_low_rate(address, denied)
        assert (load.requests, load.shed, load.late) == (0, 0, 10)


def test_the_go_client_says_why_an_answer_is_wrong(denied: Path) -> None:
    need_go()
    message = "10 of 10 answers were wrong, such as: denied with code 7: unknown_host"
    with denying("unknown_host") as address, pytest.raises(BenchError, match=message):
        _at_a_low_rate(address, denied)


def test_the_native_peer_outlives_a_client_that_dies(tmp_path: Path, authority: Authority) -> None:
    need_go()
    message = check_for(authority.client)
    body = write_bodies(tmp_path / "body", [message])
    with Children() as children:
        peer = start_peer(children, tmp_path, "peer", native_peer("--parse", *AS_OURS))
        command = [go.program("load"), "-target", peer.address, "-bodies", body, "-seconds", "60"]
        for _ in range(5):
            before = peer.cpu_seconds()
            load = children.start("load", command, tmp_path / "load.log")
            load.wait_until(lambda spent=before: peer.cpu_seconds() > spent + 0.1, "it was busy")
            load.send_signal(signal.SIGKILL)
            load.wait()

            peer.expect_allowed(message)


def test_a_group_that_does_not_exist_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--only", "fool"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode != 0
    assert "no group fool; there are micro," in done.stderr
