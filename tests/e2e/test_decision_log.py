# SPDX-License-Identifier: Apache-2.0
"""The decision log and Envoy's access log are one story: joined line by line, with the real Envoy.

The page how-to/keep-a-decision-log.md shows how; its own program does the joining here.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.scenario import policy_yaml
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    drain,
    eventually,
    start_stack,
    unique,
    wait_for_health,
)
from tests.factories.decision_log import read_lines
from tests.factories.pages import fenced

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

LOG = {"decision_log": {"enabled": True, "path": "decisions.jsonl"}}


def join(stack: Stack, directory: Path) -> list[dict[str, Any]]:
    """What the guide's program makes of the two logs: a line for each line of Envoy's."""
    [program] = [
        block for block in fenced("how-to/keep-a-decision-log.md", "python") if "join" in block
    ]
    (directory / "join.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, directory / "join.py"),
            *(stack.envoy.access_log, directory / "decisions.jsonl"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def slowed(begun: Path) -> dict[str, str]:
    """What makes an authz take its time when a path asks for it, and then make a file."""
    paths = (str(Path(__file__).parent / "slowed"), *sys.path)
    return {
        **os.environ,
        "PYTHONPATH": ":".join(path for path in paths if path),
        "AUTHZ_SLOWED": str(begun),
    }


@pytest.fixture
def slow_stack(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> Stack:
    """The demo's policy, with an authz that can be made to take its time."""
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    settings = authz_settings(transport, LOG)
    authz = start_authz(children, directory, settings, environment=slowed(directory / "begun"))
    config = render_envoy_config(
        load_settings(directory / "authz.yaml"),
        default_options(credentials, upstream, authz.grpc),
    )
    envoy = start_envoy(children, directory, config)
    wait_for_health(envoy, 1)
    return Stack(credentials=credentials, authz=authz, envoy=envoy)


def test_every_request_is_in_both_logs_whatever_became_of_it(
    slow_stack: Stack, credentials: Credentials
) -> None:
    stack, directory = slow_stack, credentials.directory
    log = directory / "decisions.jsonl"
    markers: dict[str, str] = {}

    def written(marker: str) -> bool:
        """Whether the decision of a request is in the log."""
        request_id = stack.logged(marker)["request_id"]
        return any(one["request_id"] == request_id for one in read_lines(log))

    for name, host, certificate, status in (
        ("allowed", "api.localhost", "valid", 200),
        ("denied", "api.localhost", "", 403),
        ("revoked", "admin.localhost", "revoked-by-crl", 403),
        ("unknown host", "nobody.example", "valid", 403),
    ):
        path, markers[name] = unique("/admin" if name == "revoked" else "/")
        answer = stack.get(host, path, certificate, sni="api.localhost")
        assert answer.status == status, name

    # Envoy gives up after half a second; the decision is made after that. Each has a path of its
    # own: what was decided twice is remembered, and takes no time.
    path, markers["timed out"] = unique("/late?slow=0.8")
    assert stack.get("api.localhost", path, "valid").status == 503

    eventually(lambda: written(markers["timed out"]), "the late decision")
    # Meanwhile it has missed a health check.
    eventually(lambda: stack.get("api.localhost", "/up", "valid").status == 200, "Envoy asks again")

    # The client leaves while the decision is being made.
    (directory / "begun").unlink()
    path, markers["cancelled"] = unique("/left?slow=0.4")
    with contextlib.closing(stack.connect("api.localhost", "valid")) as connection:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", "api.localhost")
        connection.endheaders()
        eventually((directory / "begun").exists, "the check has begun")

    for name, marker in markers.items():
        eventually(partial(written, marker), name)
    joined = {
        name: one
        for one in join(stack, directory)
        for name, marker in markers.items()
        if marker in one["access"]["path"]
    }

    assert {
        name: (one["access"]["status"], one["joined_by"], one["decision"]["reason"])
        for name, one in joined.items()
    } == {
        "allowed": (200, "decision_id", "default_action"),
        "denied": (403, "decision_id", "rule"),
        "revoked": (403, "decision_id", "rule"),
        "unknown host": (403, "decision_id", "unknown_host"),
        # No answer came, so Envoy knows no decision: the request's id is what both have.
        "timed out": (503, "request_id", "deadline_exceeded"),
        "cancelled": (0, "request_id", "default_action"),
    }
    for name, one in joined.items():
        access, decision = one["access"], one["decision"]
        in_time = one["joined_by"] == "decision_id"
        assert decision["delivered"] == in_time, name
        assert decision["request_id"] == access["request_id"]
        assert decision["client_ip"] == access["client"]
        assert (decision["method"], decision["protocol"]) == (access["method"], access["protocol"])
        assert decision["sni"] == access["sni"]
        if in_time:
            for field in ("verdict", "reason"):
                assert decision[field] == access[field]
            for field in ("site", "rule", "failure", "fingerprint"):
                assert decision.get(field) == access[field], (name, field)
    assert "DC" in joined["cancelled"]["access"]["flags"]
    assert joined["timed out"]["decision"]["duration_us"] > 500_000
    # Neither the marker nor anything else that came as a value is in the log.
    assert all("slow=0" not in json.dumps(one["decision"]) for one in joined.values())


def test_several_workers_write_one_log_that_is_rotated_under_them(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    directory = credentials.directory
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={**LOG, "grpc": {"workers": 2, "port_per_worker": True}},
    )
    path, rotated = directory / "decisions.jsonl", directory / "decisions.jsonl.1"
    sent = 0
    with contextlib.closing(stack.connect("api.localhost", "valid")) as connection:
        for number in range(60):
            assert connection.send_request(f"/{number}", hosts=("api.localhost",)).status == 200
            sent += 1
            if number == 30:
                eventually(path.exists, "the log")
                path.rename(rotated)
    # Draining writes what is left.
    drain(stack)

    found = read_lines(rotated, path)
    assert len(found) == sent
    assert {one["worker"] for one in found} == {"0", "1"}
    ids = {line["decision_id"] for line in stack.envoy.log_lines()}
    assert {one["id"] for one in found} == ids


def test_lines_go_to_standard_output_beside_the_log(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport="native",
        settings={"decision_log": {"enabled": True}, "grpc": {"workers": 2}},
    )
    for _ in range(5):
        stack.get("api.localhost", "/", "valid")
    drain(stack)

    # One stream here, as in a container: `event` tells what is what.
    lines = [json.loads(line) for line in stack.authz.child.log.read_text().splitlines()]
    assert [one["event"] for one in lines].count("decision") == 5
    assert {"serving", "stopped"} <= {one["event"] for one in lines}


def test_what_a_killed_process_had_written_stays(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    directory = credentials.directory
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings=LOG,
    )
    for _ in range(20):
        stack.get("api.localhost", "/", "valid")
    path = directory / "decisions.jsonl"
    eventually(lambda: len(read_lines(path)) == 20, "every line")
    stack.get("api.localhost", "/", "valid")
    stack.authz.child.send_signal(signal.SIGKILL)

    # Of the last tenth of a second, something may be missing; never half a line.
    assert len(read_lines(path)) in (20, 21)
    assert path.read_bytes().endswith(b"\n")
