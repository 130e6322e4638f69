# SPDX-License-Identifier: Apache-2.0
"""Descriptors run out in one process of a node: checks are answered, and rightly, all the same.

Of a worker, in test_faults.py.
"""

from __future__ import annotations

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from tests.factories.checks import check_request
from tests.factories.populated import check_of
from tests.integration.asking import DENIED as UNAUTHENTICATED
from tests.integration.asking import PROTECTED, Asking
from tests.integration.harness import PATIENCE, eventually
from tests.integration.shortage import without_descriptors
from tests.integration.stores import ALLOWED, DENIED, questions_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.factories.populated import World
    from tests.integration.asking import Questions
    from tests.integration.harness import Node
    from tests.integration.stores import Asker, StoreNode

    Start = Callable[..., StoreNode]
    Ask = Callable[[str], Asker]

pytestmark = pytest.mark.attack

TWO = ("--workers", "2", "--port-per-worker")
NOT_ACCEPTED = "a connection is not accepted"


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def questions(world: World) -> Questions:
    """What is let in, and what is not."""
    return questions_of(world)


def _connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def test_in_the_supervisor(
    start_store: Start, asker: Ask, world: World, questions: Questions
) -> None:
    alice = world.issue("alice")
    node = start_store(*TWO).until_serving()
    one = asker(node.addresses[0])
    assert one.ask(check_of(alice)) == ALLOWED
    assert node.metric("authz_workers_ready") == 2
    supervisor = psutil.Process(node.process.pid)
    says = "no descriptors are left in the supervisor"
    with Asking(node.addresses[0], questions=questions, says=says) as asking:
        with without_descriptors(supervisor):
            # What is committed counts all the same: the workers have descriptors.
            world.revoke(alice)
            one.seconds_until(check_of(alice), DENIED)
            with contextlib.ExitStack() as stack:
                for _ in range(3):
                    # A snapshot that is not held any more has left it one.
                    stack.enter_context(_connect(node.metrics_address))
                assert node.until_logged(NOT_ACCEPTED)["server"] == "metrics"
                asking.more()
            node.workers()[1].kill()
            node.until_logged("a worker cannot be started")
            asking.more()
        node.until_logged("the worker is ready")
    says = "after descriptors were short in the supervisor"
    with Asking(node.addresses[1], questions=questions, says=says) as asking:
        asking.more()
    assert asker(node.addresses[1]).ask(check_of(alice)) == DENIED
    assert node.metric("authz_workers_ready") == 2


def test_in_the_control_process(
    start_store: Start, asker: Ask, world: World, questions: Questions
) -> None:
    alice = world.issue("alice")
    node = start_store(*TWO).until_serving()
    workers = [asker(address) for address in node.addresses]
    # It answers: whatever it imports for that, it has.
    eventually(lambda: node.metric("authz_store_up") == 1, "it says what it knows")
    control = node.control()
    assert control is not None
    says = "no descriptors are left in the control process"
    with Asking(node.addresses[0], questions=questions, says=says) as asking:
        with without_descriptors(control):
            world.revoke(alice)
            refused = node.until_logged("a change cannot be put in force; what was in force stays")
            assert "Too many open files" in refused["reason"]
            asking.more()
        for one in workers:
            one.seconds_until(check_of(alice), DENIED)
    eventually(lambda: node.get("/readyz") == (200, "ready\n"), "it follows the store again")


def test_in_the_process_of_the_api(start_store: Start, world: World, questions: Questions) -> None:
    node = start_store("--admin", "127.0.0.1:0").until_serving()
    made = create_token(world.store, "test", EVERYTHING, actor="test", at=time.time())
    url = f"http://{node.address('admin')}/client/v4/zones"
    header = {"Authorization": f"Bearer {made.secret}"}
    says = "no descriptors are left in the process of the API"
    with (
        Asking(node.addresses[0], questions=questions, says=says) as asking,
        httpx.Client(headers=header, timeout=PATIENCE) as connected,
        ThreadPoolExecutor(1) as another,
    ):
        assert connected.get(url).status_code == 200
        [process] = node._children("authz.node.admin")
        with without_descriptors(process), contextlib.ExitStack() as stack:
            for _ in range(3):
                # What it may have closed meanwhile is taken.
                stack.enter_context(_connect(node.address("admin")))
            waiting = another.submit(httpx.get, url, headers=header, timeout=PATIENCE)
            node.until_logged(NOT_ACCEPTED)
            assert connected.get(url).status_code == 200
            asking.more()
            assert not waiting.done()
        assert waiting.result().status_code == 200
    assert process.is_running()


def test_in_one_process_that_does_it_all(start: Callable[..., Node], asker: Ask) -> None:
    node = start(policy=PROTECTED).until_serving()
    process = psutil.Process(node.process.pid)
    more = check_request(path="/more").SerializeToString()
    one = asker(node.addresses[0])
    assert one.ask(more) == ALLOWED
    says = "no descriptors are left in one process that does it all"
    with Asking(node.addresses[0], says=says) as asking:
        asking.more()
        with without_descriptors(process), contextlib.ExitStack() as stack:
            for address in (node.metrics_address, node.addresses[0]) * 3:
                stack.enter_context(_connect(address))
            assert node.until_logged(NOT_ACCEPTED)["server"] == "metrics"
            node.rewrite(PROTECTED.replace('eq "/admin"', 'in {"/admin" "/more"}'))
            failed = node.until_logged("the policy cannot be used; the last good one stays")
            assert "too many open files" in failed["reason"]
            asking.more()
        # Nobody has to ask for it again.
        one.seconds_until(more, UNAUTHENTICATED)
    assert node.metric("authz_reload_failures_total", kind="loader") > 0
