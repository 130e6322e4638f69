# SPDX-License-Identifier: Apache-2.0
"""The topology of deploy/compose.yaml as processes, answered by the store and by a file: its own
files, the real Envoy, the real Prometheus.

All commands of deploy/README.md are followed in test_deploy_story.py, and its forms with SDS and
with HTTP/3 are in test_deploy_forms.py."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.stack import ask
from tests.e2e.composed import CHECKED, Topology, require_programs
from tests.e2e.composed_shell import certificate_steps, follow
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted
from tests.factories.prometheus import promtool, require_prometheus
from tests.factories.shipped import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]


def program(name: str) -> str:
    """Its name and version, as it says them."""
    flag = "-V" if name == "curl" else "version" if name == "openssl" else "--version"
    said = subprocess.run([name, flag], check=True, capture_output=True, text=True)
    return " ".join((said.stdout + said.stderr).split("\n")[0].split()[:3])


@pytest.fixture(scope="module", params=["store", "policy file"])
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, transport: str
) -> Iterator[Topology]:
    require_programs()
    with Children() as children:
        home = tmp_path_factory.mktemp("compose")
        topology = Topology(home, children, transport, form=request.param)
        topology.start()
        yield topology


def test_the_guide_issues_revokes_and_restores_a_certificate(topology: Topology) -> None:
    """As it is written, on both transports; the rest of it is test_deploy_story.py."""
    if topology.form != "store":
        pytest.skip("a file cannot be managed")

    printed = follow(topology, certificate_steps())

    assert printed == ["403", "200", "200", "403", "403", "200", "200", "true"]
    accepted(DEPLOY / "compose.yaml", "Envoy, Prometheus, authz", "run as processes, its guide too")
    accepted(DEPLOY / "envoy.yaml", "Envoy", "runs, and asks the service")


def test_the_health_checks_of_compose_pass(topology: Topology) -> None:
    for service in CHECKED:
        assert topology.health_check(service) == 0, service


def test_a_health_check_fails_where_nobody_answers(topology: Topology) -> None:
    envoy, upstream, prometheus = topology.envoy, topology.upstream, topology.prometheus
    text = (topology.home / "authz.yaml").read_text(encoding="utf-8")
    try:
        # Port 9 (discard): nobody answers there.
        topology.upstream = topology.prometheus = "127.0.0.1:9"
        topology.envoy = type(envoy)(
            child=envoy.child,
            admin_address="127.0.0.1:9",
            ports=envoy.ports,
            access_log=envoy.access_log,
        )
        (topology.home / "authz.yaml").write_text(
            text.replace(topology.metrics, "127.0.0.1:9"), encoding="utf-8"
        )

        for service in CHECKED:
            assert topology.health_check(service) != 0, service
    finally:
        topology.envoy, topology.upstream, topology.prometheus = envoy, upstream, prometheus
        (topology.home / "authz.yaml").write_text(text, encoding="utf-8")


def test_promtool_accepts_the_configuration(topology: Topology) -> None:
    promtool("check", "config", topology.home / "prometheus.yml")

    accepted(DEPLOY / "prometheus.yml", require_prometheus(), "check config, and Prometheus runs")


def test_the_policy_file_form_answers_as_its_comments_promise(topology: Topology) -> None:
    if topology.form != "policy file":
        pytest.skip("the store has no rule for /admin")
    assert topology.get("/admin", certificate=False).status_code == 403
    assert topology.get("/", certificate=False).status_code == 200
    allowed = topology.get("/admin", certificate=True)
    assert allowed.status_code == 200
    assert ["cf-cert-verified", "true"] in allowed.json()["headers"]
    accepted(DEPLOY / "compose.policy-file.yaml", "Envoy, Prometheus, authz", "run as processes")
    accepted(DEPLOY / "make-certificates.sh", program("openssl"), "run: Envoy and authz use them")


def test_prometheus_scrapes_the_decisions(topology: Topology) -> None:
    # A host that the store protects does not exist yet, or does by now; the file protects /admin.
    topology.get("/admin", certificate=False)

    eventually(lambda: topology.query("up") == [1.0], "the target is up", 30)
    decided = 'sum(authz_decisions_total{site="default"})'
    if topology.form == "policy file":
        decided = 'sum(authz_decisions_total{site="default",action="block",reason="rule"})'
    eventually(lambda: (topology.query(decided) or [0])[0] >= 1, "the decision was scraped", 30)


def test_promtool_finds_nothing_to_say_about_the_metrics(topology: Topology) -> None:
    run = subprocess.run(
        ["promtool", "check", "metrics"],
        input=ask(topology.metrics, "/metrics")[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
