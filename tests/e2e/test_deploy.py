# SPDX-License-Identifier: Apache-2.0
"""The topology of deploy/compose.yaml as processes, in both forms: its own files, the real Envoy,
the real Prometheus, and the commands of deploy/README.md as they stand there."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.stack import ask
from tests.conftest import absent
from tests.e2e.composed import Topology
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted
from tests.factories.page_blocks import texts_of
from tests.factories.prometheus import promtool, require_prometheus
from tests.factories.shipped import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]

#: Those whose program and image are the same here; of Grafana there is neither.
CHECKED = ("authz", "envoy", "upstream", "prometheus")


def program(name: str) -> str:
    """Its name and version, as it says them."""
    flag = "-V" if name == "curl" else "version" if name == "openssl" else "--version"
    said = subprocess.run([name, flag], check=True, capture_output=True, text=True)
    return " ".join((said.stdout + said.stderr).split("\n")[0].split()[:3])


@pytest.fixture(scope="module", params=["store", "policy file"])
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, transport: str
) -> Iterator[Topology]:
    for name in ("prometheus", "promtool", "openssl", "curl"):
        if shutil.which(name) is None:
            absent("prometheus", f"{name} is not installed; Debian has it: apt-get install {name}")
    with Children() as children:
        home = tmp_path_factory.mktemp("compose")
        topology = Topology(home, children, transport, form=request.param)
        topology.start()
        yield topology


def test_the_guide_works_as_it_is_written(topology: Topology) -> None:
    """A CA, a protected host, a certificate, its revocation and its return, a token."""
    if topology.form != "store":
        pytest.skip("a file cannot be managed")
    # What is before starts everything, what is after is for another form.
    blocks = [one for one in texts_of(DEPLOY / "README.md", "sh") if "authz authz" in one]
    assert len(blocks) == 4

    seen = topology.follow("\n".join(blocks))

    assert [expected for expected, _ in seen] == ["403", "200", "403", "200", "200", "401"]
    assert [got for _, got in seen] == [expected for expected, _ in seen]
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
