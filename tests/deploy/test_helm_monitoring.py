# SPDX-License-Identifier: Apache-2.0
"""ServiceMonitor, PrometheusRule and dashboards of the Helm chart, and the files it copies.

Kinds of the Prometheus Operator are compared with its own definitions (the published CRDs), rules
are read by promtool.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from deploy.helm.generate import CHART, README, copies, originals, readme
from tests.factories.accepted import ROOT, accepted, built_version, go_module
from tests.factories.helm import Release, Values, changed, release_of, render, template, values_of
from tests.factories.page_blocks import texts_of
from tests.factories.pages import DOCS
from tests.factories.prometheus import promtool, require_prometheus
from tests.factories.promql import alerts

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

OPERATOR = "github.com/prometheus-operator/prometheus-operator"
RULES = """\
groups:
  - name: one
    rules:
      - record: instance:authz_checks:rate5m
        expr: sum by (instance) (rate(authz_checks_total[5m]))
      - alert: AuthzDown
        expr: up{job="authz"} == 0
        for: 2m
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is gone"}
"""


def strict(schema: Any) -> Any:
    """The schema, keys that it does not know refused, as the API server warns of them."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(one) for key, one in schema.items()}
    if isinstance(pattern := schema.get("pattern"), str):
        # Go takes the flag anywhere, Python at the beginning.
        result["pattern"] = pattern.replace("^(?i)", "(?i)^")
    if "properties" in schema and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def definition(kind: str) -> tuple[Any, str]:
    """The schema of a kind of the operator, and the operator's version."""
    module = go_module(OPERATOR)
    directory = module / "example" / "prometheus-operator-crd"
    file = directory / f"monitoring.coreos.com_{kind.lower()}s.yaml"
    (version,) = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]["versions"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    # Left open by the definition: it is every object's.
    schema["properties"]["metadata"] = {"type": "object"}
    return schema, module.name.replace("@", " ")


def check(thing: Any) -> str:
    schema, operator = definition(thing["kind"])
    jsonschema.validate(thing, schema)
    return operator


def chart_with(tmp_path: Path, **files: str) -> Path:
    """A copy of the chart with other files, `rules__one_yml` being files/rules/one.yml."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    for folder in ("rules", "dashboards"):
        shutil.rmtree(chart / "files" / folder, ignore_errors=True)
        (chart / "files" / folder).mkdir()
    for name, text in files.items():
        folder, _, rest = name.partition("__")
        (chart / "files" / folder / rest.replace("_", ".")).write_text(text, encoding="utf-8")
    return chart


@pytest.mark.parametrize("name", ["deployment-postgresql", "sidecar-policy"])
def test_the_service_monitor_is_one_of_the_operator_s(name: str) -> None:
    monitor = release_of(name).one("ServiceMonitor")

    operator = check(monitor)

    accepted(CHART / "templates" / "servicemonitor.yaml", operator, "its definition, strict")


def test_the_definition_would_notice_a_mistake() -> None:
    monitor = release_of("sidecar-policy").one("ServiceMonitor")

    with pytest.raises(jsonschema.ValidationError, match="'endpoint' was unexpected"):
        check({**monitor, "spec": {**monitor["spec"], "endpoint": []}})


@pytest.mark.parametrize("name", ["deployment-postgresql", "sidecar-policy"])
def test_the_service_monitor_selects_one_service_and_its_ports(name: str) -> None:
    release = release_of(name)
    spec = release.one("ServiceMonitor")["spec"]

    (service,) = [
        one
        for one in release.all("Service")
        if spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    ]
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {one["port"] for one in spec["endpoints"]} == ports


def rule_of(release: Release) -> Any:
    return release.one("PrometheusRule")


def check_rules(groups: Any, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    promtool("check", "rules", file)


@pytest.mark.prometheus
def test_rules_come_as_they_are(tmp_path: Path) -> None:
    values = changed(values_of("deployment-policy"), "prometheusRule.enabled", True)
    chart = chart_with(tmp_path, rules__one_yml=RULES, rules__two_yml=RULES.replace("one", "two"))

    rule = rule_of(render(values, chart))

    first, second = (
        yaml.safe_load(text)["groups"][0] for text in (RULES, RULES.replace("one", "two"))
    )
    assert rule["spec"] == {"groups": [first, second]}
    operator = check(rule)
    check_rules(rule["spec"]["groups"], tmp_path)
    accepted(CHART / "templates" / "prometheusrule.yaml", operator, "its definition, strict")
    accepted(CHART / "templates" / "prometheusrule.yaml", require_prometheus(), "check rules")


@pytest.mark.prometheus
def test_the_shipped_rules_are_rules(tmp_path: Path) -> None:
    shipped = [path for path in originals() if path.parent.name == "rules"]
    values = changed(values_of("deployment-policy"), "prometheusRule.enabled", True)

    rule = rule_of(render(values))
    check(rule)
    check_rules(rule["spec"]["groups"], tmp_path)
    groups = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in shipped]
    assert shipped
    assert rule["spec"]["groups"] == [one for several in groups for one in several]
    for path in shipped:
        program = f"{built_version('helm')}, {require_prometheus()}"
        accepted(path, program, "rendered into the PrometheusRule; check rules")


def runbooks(values: Values) -> dict[str, str]:
    """What each alert of the PrometheusRule links to."""
    groups = rule_of(render(values))["spec"]["groups"]
    found = [one for group in groups for one in group["rules"] if "alert" in one]
    return {one["alert"]: one["annotations"]["runbook_url"] for one in found}


def test_alerts_link_to_where_their_page_is_published() -> None:
    page = "https://docs.example.com/authz/how-to/alerts.html"
    values = changed(values_of("deployment-policy"), "prometheusRule.enabled", True)

    linked = runbooks(changed(values, "prometheusRule.runbookPage", page))

    assert linked == {name: f"{page}#{name.lower()}" for name in alerts()}
    shipped = "docs/how-to/alerts.md"
    assert runbooks(values) == {name: f"{shipped}#{name.lower()}" for name in alerts()}


def test_the_guide_s_command_does_the_same_to_the_files(tmp_path: Path) -> None:
    rules = tmp_path / "deploy" / "prometheus" / "rules"
    shutil.copytree(ROOT / "deploy" / "prometheus" / "rules", rules)
    blocks = texts_of(DOCS / "how-to" / "monitor.md", "sh")
    (command,) = [one for one in blocks if "runbook_url" in one]

    subprocess.run(["/bin/sh", "-ec", command], cwd=tmp_path, check=True, timeout=20)

    text = "".join(file.read_text(encoding="utf-8") for file in rules.glob("*.yml"))
    linked = re.findall(r"runbook_url: https://docs\.example\.com/authz/how-to/alerts\.html#", text)
    assert len(linked) == text.count("runbook_url:") == len(alerts())


@pytest.mark.parametrize("page", ["docs/alerts.html", "https://docs.example.com/a#b"])
def test_a_page_that_no_link_can_be_made_of_is_refused(page: str) -> None:
    run = template(changed(values_of("deployment-policy"), "prometheusRule.runbookPage", page))

    assert run.returncode != 0
    assert "runbookPage" in run.stderr


def bytes_of(quantity: str) -> int:
    units = {"Mi": 2**20, "Gi": 2**30}
    return int(quantity[:-2]) * units[quantity[-2:]]


def shipped_limits() -> dict[str, int]:
    """The limit of memory of each container called authz, as it is shipped."""
    pods = {name: release_of(name).pod for name in ("deployment-policy", "sidecar-policy")}
    for file in ("authz.yaml", "store.yaml"):
        text = (ROOT / "deploy" / "kubernetes" / file).read_text(encoding="utf-8")
        (workload,) = [one for one in yaml.safe_load_all(text) if one["kind"] == "Deployment"]
        pods[file] = workload["spec"]["template"]["spec"]
    return {
        name: bytes_of(container["resources"]["limits"]["memory"])
        for name, pod in pods.items()
        for container in [*pod.get("initContainers", ()), *pod["containers"]]
        if container["name"] == "authz"
    }


def test_the_alert_on_memory_comes_before_the_shipped_limit() -> None:
    """Beyond the limit, nobody is left to alert on."""
    limits = shipped_limits()
    threshold = int(alerts()["AuthzWorkerMemory"]["expr"].rpartition(" > ")[2])

    assert len(limits) == 4
    assert threshold == min(limits.values()) * 3 // 4


def test_the_alerts_on_pods_are_about_the_container_of_each_form() -> None:
    asked = [alerts()[name]["expr"] for name in ("AuthzMemoryNearLimit", "AuthzOutOfMemory")]

    assert all(re.findall(r'container="([^"]*)"', one) for one in asked)
    named = {one for text in asked for one in re.findall(r'container="([^"]*)"', text)}
    assert named == {release_of("sidecar-policy").container()["name"]} == {"authz"}


@pytest.mark.parametrize(
    ("switch", "folder"),
    [("prometheusRule.enabled", "rules"), ("dashboards.enabled", "dashboards")],
)
def test_a_chart_without_the_files_is_refused(tmp_path: Path, switch: str, folder: str) -> None:
    run = template(changed(values_of("deployment-policy"), switch, True), chart_with(tmp_path))

    assert run.returncode != 0
    assert f"this chart was packed without files/{folder}" in run.stderr


def test_a_dashboard_is_a_config_map_that_grafana_s_sidecar_finds(tmp_path: Path) -> None:
    board = {"title": "Checks", "panels": [{"expr": "{{instance}} {{ .Values }}"}]}
    values = changed(values_of("deployment-policy"), "dashboards.enabled", True)
    chart = chart_with(tmp_path, dashboards__checks_json=json.dumps(board, indent=2))

    config = render(values, chart).one("ConfigMap", "-checks")

    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(config["data"]["checks.json"]) == board


def test_the_shipped_dashboards_come_as_they_are() -> None:
    shipped = [path for path in originals() if path.parent.name == "dashboards"]
    values = changed(values_of("deployment-policy"), "dashboards.enabled", True)

    found = {
        key: json.loads(text)
        for one in render(values).all("ConfigMap")
        if "grafana_dashboard" in one["metadata"]["labels"]
        for key, text in one["data"].items()
    }
    assert shipped
    assert found == {path.name: json.loads(path.read_text("utf-8")) for path in shipped}
    for path in shipped:
        accepted(path, built_version("helm"), "rendered into its ConfigMap as it is")


def test_copies_in_the_chart_are_those_of_their_originals() -> None:
    """Otherwise: python -m deploy.helm.generate"""
    wanted = originals()

    assert copies() == sorted(wanted)
    for copy, original in wanted.items():
        assert copy.read_bytes() == original.read_bytes(), copy
    program = f"python {platform.python_version()}"
    accepted("deploy/helm/generate.py", program, "the copies in the chart are what it writes")


def test_the_readme_has_the_values_as_they_are() -> None:
    """Otherwise: python -m deploy.helm.generate"""
    assert README.read_text(encoding="utf-8") == readme()
    assert "| `grpc.workers` | `1` |" in readme()
