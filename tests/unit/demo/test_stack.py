# SPDX-License-Identifier: Apache-2.0
"""Asking running programs; starting them is for tests/e2e."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children, free_port
from authz.demo.stack import Authz, Envoy, ask, samples, start_authz
from authz.demo.upstream import Upstream
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.processes import Child

METRICS = """\
# TYPE authz_decisions_total counter
authz_decisions_total{site="a",reason="rule"} 2.0
authz_decisions_total{site="b",reason="rule"} 3.0
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Children() as children:
        yield children.start(
            "child", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log"
        )


def test_a_port_that_nobody_listens_on_answers_nothing() -> None:
    assert ask(f"127.0.0.1:{free_port()}", "/") == (0, "")


def test_a_status_beyond_200_is_an_answer() -> None:
    with Upstream() as upstream:
        status, body = ask(f"127.0.0.1:{upstream.port}", "/path")
        assert (status, '"path": "/path"' in body) == (200, True)


def test_samples_keep_their_labels() -> None:
    assert samples(METRICS) == [
        ("authz_decisions_total", {"site": "a", "reason": "rule"}, 2.0),
        ("authz_decisions_total", {"site": "b", "reason": "rule"}, 3.0),
    ]


def test_a_metric_is_the_sum_of_what_has_the_labels(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    authz = Authz(child=child, grpc=(), metrics_address="127.0.0.1:1")
    monkeypatch.setattr("authz.demo.stack.ask", lambda *_: (200, METRICS))

    assert authz.metric("authz_decisions_total") == 5
    assert authz.metric("authz_decisions_total", site="a") == 2
    assert authz.metric("authz_decisions_total", site="c") == 0


def test_the_access_log_is_read_without_its_half_line(child: Child, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    envoy = Envoy(child=child, admin_address="127.0.0.1:1", ports={"mtls": 1}, access_log=log)

    assert envoy.log_lines() == []
    log.write_text('{"a": 1}\n{"a": 2}\n{"a"', encoding="utf-8")
    assert envoy.log_lines() == [{"a": 1}, {"a": 2}]


def test_a_stat_of_an_envoy_that_is_gone_is_zero(child: Child, tmp_path: Path) -> None:
    gone = f"127.0.0.1:{free_port()}"
    envoy = Envoy(child=child, admin_address=gone, ports={"mtls": 1}, access_log=tmp_path / "none")

    assert envoy.stat("cluster.authz.membership_healthy") == 0


def test_a_service_that_does_not_come_up_is_quoted(tmp_path: Path) -> None:
    with Children() as children, pytest.raises(DemoError) as caught:
        start_authz(children, tmp_path, {"policy": "missing.yaml"})

    assert "missing.yaml" in str(caught.value.hint)
