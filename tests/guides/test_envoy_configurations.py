# SPDX-License-Identifier: Apache-2.0
"""The guides that print a configuration for Envoy: the real Envoy runs it, before the service that
printed it. Only ports and paths are others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from authz.demo.processes import Children, free_port
from authz.demo.stack import ask
from tests.e2e.harness import eventually
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name, require_envoy
from tests.factories.http3 import get
from tests.factories.page_blocks import ROOT
from tests.factories.page_session import follow
from tests.factories.pages import DOCS, fenced
from tests.guides.installation import REFUSED, Installation, install, shell
from tests.integration.test_workers_page import moved

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.stack import Envoy
    from authz.demo.upstream import Upstream

pytestmark = [pytest.mark.e2e, pytest.mark.deploy]

HOST = "api.localhost"
URL = f"https://{HOST}/"
ALICE = "--cert alice/client.pem --key alice/client.key"
STRANGER = "--cert stranger.pem --key stranger.key"
#: What stands on the machine before the pages begin, as issue-and-revoke.md says.
BEFORE = f"""\
authz ca create --name Acme
authz host add {HOST} --ca Acme --protect '/*'
authz cert issue --label alice --cn alice --days 90 --out alice
openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -subj /CN=stranger -out stranger.pem
"""


@pytest.fixture(scope="module")
def installed(
    children: Children, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A service with a store that has an authority, a host that asks for it, and a client."""
    require_envoy()
    directory = tmp_path_factory.mktemp("envoy")
    settings = {"sds": {"listen": f"127.0.0.1:{free_port()}"}}
    installation = install(children, directory, upstream, settings)
    shell(BEFORE, directory, installation.asking())
    return installation


def printed(installation: Installation, name: str = "envoy.yaml") -> str:
    return (installation.directory / name).read_text(encoding="utf-8")


def shipped(installation: Installation, name: str) -> str:
    """A shipped configuration, for this service's port."""
    text = (ROOT / "envoy" / name).read_text(encoding="utf-8")
    port = installation.authz.grpc[0].rpartition(":")[2]
    return text.replace("port_value: 50051", f"port_value: {port}")


def answers(installation: Installation, envoy: Envoy, status: int | str, options: str) -> None:
    """A request gets this status."""
    command = f"answers {status} {URL} {options}"
    shell(command, installation.directory, installation.asking(envoy))


def test_let_envoy_verify(installed: Installation) -> None:
    page = "how-to/let-envoy-verify.md"

    follow(page, cwd=installed.directory, environment=installed.asking())
    strict = installed.envoy(printed(installed), "strict")
    shell("authz envoy config --sds > envoy.yaml", installed.directory, installed.asking())
    lenient = installed.envoy(printed(installed), "lenient")

    # The table of the page, row by row.
    for options in ("", STRANGER):
        answers(installed, strict, REFUSED, options)
        answers(installed, lenient, 403, options)
    for envoy in (strict, lenient):
        answers(installed, envoy, 200, ALICE)
    # "See that it works".
    assert installed.authz.metric("authz_sds_streams") == 2
    assert installed.authz.metric("authz_sds_rejections_total") == 0
    counted = ask(strict.admin_address, "/stats?filter=fail_verify")[1]
    assert re.search(r"ssl\.fail_verify_error: [1-9]", counted)
    assert re.search(r"ssl\.fail_verify_no_cert: [1-9]", counted)
    assert "ca_cert" in ask(strict.admin_address, "/certs")[1]
    said = shell(
        f"authz doctor --envoy-admin {strict.admin_address} --json || [ $? = 1 ]",
        installed.directory,
        installed.asking(),
    )
    assert '"sds' not in said
    followed(page, envoy_name(), "runs what the page prints: who gets through the handshake")


def test_serve_http3(installed: Installation) -> None:
    page = "how-to/serve-http3.md"

    follow(
        page,
        cwd=installed.directory,
        environment=installed.asking(),
        then=[("authz envoy config --http3 >", "cp envoy.yaml first.yaml")],
    )
    assert printed(installed, "first.yaml") == shipped(installed, "envoy-http3.yaml")
    envoy = installed.envoy(printed(installed), "http3")

    home = installed.directory / ".http3"
    pem = home / "alice.pem"
    alice = installed.directory / "alice"
    pem.write_text((alice / "client.pem").read_text() + (alice / "client.key").read_text())
    for certificate, status in ((None, 403), (pem, 200)):
        answer = get(
            envoy.ports["https-http3"],
            HOST,
            "/by-udp",
            server_ca=home / "server-ca.pem",
            certificate=certificate,
        )
        assert answer.status == status
        assert 'h3=":443"' in dict(answer.headers)["alt-svc"]
    eventually(
        lambda: '"protocol":"HTTP/3"' in envoy.child.log.read_text().replace('": "', '":"'),
        "the access log says so",
    )
    answers(installed, envoy, 200, ALICE)
    followed(page, envoy_name(), "runs what the page prints: aioquic over UDP, curl over TCP")


def test_behind_another_proxy(installed: Installation, tmp_path: Path) -> None:
    page = "how-to/behind-another-proxy.md"

    follow(page, cwd=installed.directory, environment=installed.asking(), languages=("sh",))
    text = printed(installed)
    assert text == shipped(installed, "envoy-behind-balancer.yaml")
    # The balancer is on this machine: curl writes its header.
    here = re.sub(r'"10\.0\.8\.0", prefix_len: 24', '"127.0.0.0", prefix_len: 8', text)
    assert here != text
    envoy = installed.envoy(here, "balanced")
    answers(installed, envoy, 200, f"--haproxy-protocol {ALICE}")
    answers(installed, envoy, 403, "--haproxy-protocol")
    answers(installed, envoy, REFUSED, ALICE)

    (tmp_path / "authz.yaml").write_text(fenced(page, "yaml")[0])
    (command,) = re.findall(
        r"`(authz envoy config --config [^`]+)`", (DOCS / page).read_text(encoding="utf-8")
    )
    behind = shell(command, tmp_path, installed.asking())
    assert behind == (ROOT / "envoy" / "envoy-behind-proxy.yaml").read_text(encoding="utf-8")
    followed(page, envoy_name(), "runs what the page prints; curl writes PROXY headers")


FORMS = {"one port per worker": 0, "one shared port": 2}


@pytest.mark.parametrize("form", FORMS)
def test_several_workers(form: str, upstream: Upstream, tmp_path: Path) -> None:
    page = "how-to/several-workers.md"
    require_envoy()
    blocks = fenced(page, "yaml")
    settings = yaml.safe_load(moved(blocks[FORMS[form]]))
    cluster = blocks[FORMS[form] + 1]

    with Children() as children:
        installation = install(children, tmp_path, upstream, settings)
        environment = installation.asking()
        shell("authz envoy config > envoy.yaml", tmp_path, environment)
        text = printed(installation)
        # "This is its cluster", but for the ports.
        assert without_ports(cluster) in without_ports(text)
        envoy = installation.envoy(text)
        answers(installation, envoy, 200, "")

        # One line of the table; the others, under load, are tests/e2e/test_workers.py.
        shell(f"kill -TERM {installation.authz.child.pid}", tmp_path, environment)
        assert installation.authz.child.wait(30) == 0
    followed(page, envoy_name(), f"runs what is printed for it: {form}")


def without_ports(text: str) -> str:
    """Configuration with one and the same number for each port, and no indentation."""
    text = re.sub(r"port_value: \d+", "port_value: N", text)
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())
