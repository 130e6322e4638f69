# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml merged with compose.sds.yaml and compose.http3.yaml, as processes: what the
guide of deploy/README.md does first holds there, and each does what it is for."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.stack import ask
from tests.e2e.composed import FORMS, Topology, require_programs
from tests.e2e.composed_shell import certificate_steps, follow
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted
from tests.factories.http3 import Http3Answer, get
from tests.factories.shipped import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]


@pytest.fixture(params=["SDS", "HTTP/3"])
def topology(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Topology]:
    require_programs()
    with Children() as children:
        topology = Topology(tmp_path, children, "native", form=request.param)
        topology.start()
        yield topology


def test_the_guide_holds_and_the_form_does_what_it_is_for(topology: Topology) -> None:
    printed = follow(topology, certificate_steps())

    assert printed == ["403", "200", "200", "403", "403", "200", "200", "true"]
    {"SDS": authorities_are_named, "HTTP/3": http_3_is_answered}[topology.form](topology)
    (file,) = FORMS[topology.form]
    accepted(DEPLOY / file, "Envoy, Prometheus, authz", "run as processes, with the guide")


def authorities_are_named(topology: Topology) -> None:
    """The CA that the guide made while Envoy ran, in a handshake."""
    assert "authz_sds_streams" in ask(topology.metrics, "/metrics")[1]

    def handshake() -> str:
        return subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{topology.envoy.port}"),
                *("-servername", "devices.localhost"),
            ],
            input="",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        ).stdout

    eventually(
        lambda: "devices" in handshake().partition("client certificate CA names")[2], "named"
    )


def http_3_is_answered(topology: Topology) -> None:
    """With the certificate that the guide issued, and without one."""
    home = topology.home
    both = home / "both.pem"
    issued = home / "issued"
    both.write_bytes((issued / "tablet.pem").read_bytes() + (issued / "tablet.key").read_bytes())

    def send(certificate: Path | None) -> Http3Answer:
        return get(
            topology.envoy.ports["https-http3"],
            "devices.localhost",
            server_ca=home / "certs" / "server-ca.crt",
            certificate=certificate,
        )

    assert send(None).status == 403
    answer = send(both)
    assert answer.status == 200
    assert json.loads(answer.body)["path"] == "/"
    assert dict(answer.headers)["alt-svc"] == 'h3=":8443"; ma=86400'
