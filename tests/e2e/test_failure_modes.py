# SPDX-License-Identifier: Apache-2.0
"""No answer is a denial, and a denial is never "no answer".

Envoy reads an unset status as "allowed" and hands every error to failure_mode_allow. So each of our
denials must stay one with failure_mode_allow on (architecture 4.3).
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from authz.demo.scenario import ROWS, Row, policy_yaml
from tests.attack.report import tried
from tests.e2e.harness import eventually, start_stack

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

DENIED = tuple(row for row in ROWS if row.status in (403, 421))


pytestmark = pytest.mark.attack


def fail_open(config: str) -> str:
    """The configuration that nobody should use."""
    changed = config.replace("failure_mode_allow: false", "failure_mode_allow: true")
    assert changed != config
    return changed


#: The answers of a service that works.
BOTH = [200, 403]


def both(stack: Stack) -> list[int]:
    """What is let in, and what is not."""
    return [
        stack.get("api.localhost", "/", "valid").status,
        stack.get("api.localhost", "/").status,
    ]


def send_row(stack: Stack, row: Row) -> int:
    return stack.get(
        row.host, row.path, row.certificate, sni=row.sni or row.host, headers=row.headers
    ).status


@pytest.fixture
def stack(
    request: pytest.FixtureRequest,
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    transport: str,
) -> Stack:
    """Fresh; its parameter changes Envoy's configuration."""
    return start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        change=request.param,
    )


@pytest.mark.parametrize("stack", [fail_open], indirect=True, ids=["failure_mode_allow"])
def test_every_denial_is_one_with_failure_mode_allow(stack: Stack) -> None:
    answers = {row.id: send_row(stack, row) for row in DENIED}

    right = {row.id: row.status for row in DENIED}
    wrong = sum(answers[one] != status for one, status in right.items())
    tried("faults", "denials with failure_mode_allow", len(DENIED), wrong=wrong)
    assert answers == right
    assert stack.envoy.stat("http.ingress.ext_authz.denied") == len(DENIED)
    assert stack.envoy.stat("http.ingress.ext_authz.error") == 0
    assert stack.envoy.stat("http.ingress.ext_authz.failure_mode_allowed") == 0


@pytest.mark.parametrize(
    ("stack", "status"),
    [(str, 503), (fail_open, 200)],
    indirect=["stack"],
    ids=["shipped", "failure_mode_allow"],
)
def test_a_service_that_is_gone_denies_unless_envoy_was_told_otherwise(
    stack: Stack, status: int
) -> None:
    assert both(stack) == BOTH

    stack.authz.child.send_signal(signal.SIGKILL)
    stack.authz.child.wait()

    # From the first request on, long before a health check notices.
    answers = both(stack)
    eventually(lambda: not stack.envoy.sees_healthy(1), "Envoy noticed")
    answers += both(stack)
    if status == 503:
        wrong = sum(one != status for one in answers)
        tried("faults", "the service is gone, requests through Envoy", len(answers), wrong=wrong)
    assert answers == [status] * 4


@pytest.mark.parametrize("stack", [str], indirect=True, ids=["shipped"])
def test_a_service_that_hangs_denies_within_the_time_limit(stack: Stack) -> None:
    stack.authz.child.send_signal(signal.SIGSTOP)
    process = psutil.Process(stack.authz.child.pid)
    # The signal is on its way when kill() returns; a thread may still answer.
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, "it stopped")
    try:
        answers = both(stack)
    finally:
        stack.authz.child.send_signal(signal.SIGCONT)
    wrong = sum(one != 503 for one in answers)
    what = "the service stands still (SIGSTOP), requests through Envoy"
    tried("faults", what, len(answers), wrong=wrong)

    assert answers == [503, 503]
    eventually(lambda: stack.get("api.localhost", "/", "valid").status == 200, "it recovered")
    again = both(stack)
    wrong = sum(one != right for one, right in zip(again, BOTH, strict=True))
    tried("faults", "the service stood still, requests afterwards", len(again), wrong=wrong)
    assert again == BOTH
