# SPDX-License-Identifier: Apache-2.0
"""What Istio and Envoy Gateway make of the files in deploy/: how it is made, and of what.

Each form is one proxy's configuration as its control plane's own code generates it, kept in
tests/e2e/generated. Making them needs the translators (`python -m tests.deploy.translate`); telling
whether an input has changed since does not. Running them is `generated`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authz.demo.pki import make_root

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "tests" / "e2e" / "generated"

EGCTL: Final = "egctl"
ISTIO: Final = "istio-config"
#: The version of the module each translator is built from.
VERSIONS: Final = {
    EGCTL: "github.com/envoyproxy/gateway v1.9.1",
    ISTIO: "istio.io/istio v0.0.0-20260827124520-eed52ebb66ad",
}

_ISTIO_INPUTS: Final = "tests/e2e/generated/istio"
_GATEWAY = (
    *("--mesh", "deploy/istio/mesh-config.yaml"),
    *("--pod-annotations", "deploy/istio/gateway-values.yaml"),
    *("--kube", f"{_ISTIO_INPUTS}/cluster.yaml"),
    *("--kube", f"{_ISTIO_INPUTS}/service.yaml"),
    *("--config", "deploy/istio/authorization.yaml"),
    *("--config", "deploy/istio/limit-checks.yaml"),
    *("--type", "router", "--name", "istio-ingress", "--namespace", "istio-ingress"),
    *("--ip", "10.0.0.5", "--label", "istio=ingress"),
)
_SHIPPED = ("--config", "deploy/istio/gateway.yaml", "--config", f"{_ISTIO_INPUTS}/routes.yaml")
_HARDENING = ("--config", "deploy/istio/hardening.yaml")
_SIDECAR = (
    *("--mesh", "deploy/istio/mesh-config.yaml"),
    *("--kube", f"{_ISTIO_INPUTS}/cluster.yaml"),
    *("--kube", f"{_ISTIO_INPUTS}/service-workload.yaml"),
    *("--config", f"{_ISTIO_INPUTS}/sidecar.yaml"),
    *("--config", "deploy/istio/limit-checks.yaml"),
    *("--type", "sidecar", "--name", "app", "--namespace", "default"),
    *("--ip", "10.0.0.20", "--label", "app=app"),
)
_ENVOY_GATEWAY = (
    "deploy/envoy-gateway/gateway.yaml",
    "deploy/envoy-gateway/policies.yaml",
    "tests/e2e/generated/envoy_gateway/cluster.yaml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One generated configuration.

    `arguments` are those of istio-config, or egctl's input files. `secrets` are TLS secrets, as
    NAMESPACE/NAME, whose contents are made up for the translator and not kept.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where the generated configuration is kept."""
        return GENERATED / f"{self.name}.json"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The files it is made of, relative to the project."""
        return tuple(one for one in self.arguments if one.endswith(".yaml"))


_OF_ISTIO = ("istio-ingress/gateway-certificate",)
_OF_ENVOY_GATEWAY = ("default/gateway-certificate",)

FORMS: Final = (
    Form(
        name="envoy_gateway/gateway",
        program=EGCTL,
        arguments=_ENVOY_GATEWAY,
        secrets=_OF_ENVOY_GATEWAY,
    ),
    Form(
        name="envoy_gateway/hardened",
        program=EGCTL,
        arguments=(*_ENVOY_GATEWAY, "deploy/envoy-gateway/hardening.yaml"),
        secrets=_OF_ENVOY_GATEWAY,
    ),
    Form(
        name="istio/gateway",
        program=ISTIO,
        arguments=(*_GATEWAY, *_SHIPPED),
        secrets=_OF_ISTIO,
    ),
    Form(
        name="istio/hardened",
        program=ISTIO,
        arguments=(*_GATEWAY, *_SHIPPED, *_HARDENING),
        secrets=_OF_ISTIO,
    ),
    Form(
        name="istio/http3",
        program=ISTIO,
        arguments=(*_GATEWAY, *_SHIPPED, *_HARDENING),
        secrets=_OF_ISTIO,
        environment={"PILOT_ENABLE_QUIC_LISTENERS": "true"},
    ),
    Form(
        name="istio/mutual",
        program=ISTIO,
        arguments=(
            *_GATEWAY,
            *("--config", "deploy/istio/gateway-mutual.yaml"),
            *("--config", f"{_ISTIO_INPUTS}/routes-mutual.yaml"),
        ),
        secrets=("istio-ingress/api-certificate", "istio-ingress/partner-certificate"),
        environment={"PILOT_ENABLE_QUIC_LISTENERS": "true"},
    ),
    Form(
        name="istio/only_through_the_gateway",
        program=ISTIO,
        arguments=(*_SIDECAR, "--config", "deploy/istio/only-through-the-gateway.yaml"),
    ),
    Form(
        name="istio/workload",
        program=ISTIO,
        arguments=(*_SIDECAR, "--config", f"{_ISTIO_INPUTS}/workload.yaml"),
    ),
    Form(
        name="istio/workload_with_certificate",
        program=ISTIO,
        arguments=(
            *_SIDECAR,
            *("--config", f"{_ISTIO_INPUTS}/workload.yaml"),
            *("--pod-annotations", f"{_ISTIO_INPUTS}/workload-values.yaml"),
        ),
    ),
)


def form_named(name: str) -> Form:
    """The form of this name."""
    (form,) = [form for form in FORMS if form.name == name]
    return form


def digests(form: Form) -> dict[str, str]:
    """SHA-256 of each input file as it is now."""
    return {
        name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in sorted(form.inputs)
    }


def command(form: Form) -> str:
    """How it was made, for whoever reads the file."""
    words = [f"{name}={value}" for name, value in form.environment.items()]
    if form.program == ISTIO:
        return " ".join((*words, ISTIO, *form.arguments, "--kube", "SECRETS"))
    joined = " ".join(form.arguments)
    return (
        f"cat {joined} SECRETS | "
        f"{EGCTL} experimental translate --from gateway-api --to gateway-api,xds --type all "
        "--output json --file -"
    )


def translate(form: Form, program: Path, directory: Path) -> dict[str, Any]:
    """Run the translator; what `form.file` must hold.

    Raises:
        subprocess.CalledProcessError: the translator refused the files.
    """
    made_up = _secrets(form)
    secrets = directory / "secrets.yaml"
    secrets.write_text("\n---\n".join(json.dumps(one) for one in made_up), encoding="utf-8")
    if form.program == ISTIO:
        given = ["--kube", str(secrets)] if made_up else []
        output = _run([str(program), *form.arguments, *given], form.environment)
        resources = {key: value for key, value in output.items() if key != "istio"}
        assert VERSIONS[ISTIO].endswith(output["istio"]), output["istio"]
    else:
        joined = directory / "input.yaml"
        texts = [(ROOT / name).read_text(encoding="utf-8") for name in form.arguments]
        joined.write_text("\n---\n".join([*texts, secrets.read_text()]), encoding="utf-8")
        options = "experimental translate --from gateway-api --to gateway-api,xds --type all"
        arguments = [*options.split(), "--output", "json", "--file", str(joined)]
        resources = _of_envoy_gateway(_run([str(program), *arguments], {}))
    return {
        "made_by": {
            "translator": VERSIONS[form.program],
            "command": command(form),
            "inputs": digests(form),
        },
        **_without_contents(resources, made_up),
    }


def _run(command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    run = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=True,
    )
    output: dict[str, Any] = json.loads(run.stdout)
    return output


def _secrets(form: Form) -> list[dict[str, Any]]:
    """A certificate, its key and an authority for each secret, as Kubernetes has them."""
    out: list[dict[str, Any]] = []
    for secret in form.secrets:
        namespace, name = secret.split("/")
        authority = make_root("Made up")
        server = authority.server("gateway.example")
        data = {"tls.crt": server.chain_pem, "tls.key": server.key_pem, "ca.crt": authority.pem}
        out.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": {"name": name, "namespace": namespace},
                "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
            }
        )
        if form.program == EGCTL:
            out.append(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "client-ca", "namespace": namespace},
                    "data": {"ca.crt": authority.pem.decode()},
                }
            )
    return out


def _without_contents(resources: dict[str, Any], made_up: list[dict[str, Any]]) -> dict[str, Any]:
    """The contents of secrets replaced by their names: they differ each time."""
    text = json.dumps(resources, sort_keys=True)
    for secret in made_up:
        if secret["kind"] == "Secret":
            for key, value in secret["data"].items():
                text = text.replace(value, f"{secret['metadata']['name']}/{key}")
    assert "LS0tLS1CRUdJTi" not in text, "PEM that nobody made up"
    plain: dict[str, Any] = json.loads(text)
    return {key: _sorted(value) for key, value in plain.items()}


def _sorted(value: Any) -> Any:
    """Resources by name, each once: routes that two listeners share are printed twice."""
    if not isinstance(value, list):
        return value
    by_name = {str(one.get("name") or one.get("clusterName")): one for one in value}
    return [by_name[name] for name in sorted(by_name)]


def _of_envoy_gateway(output: dict[str, Any]) -> dict[str, Any]:
    """Envoy's configuration dump taken apart, and what the translator said of every object."""
    (dump,) = output["xds"].values()
    found: dict[str, list[Any]] = {}
    for part in dump["configs"]:
        for key, value in part.items():
            if key.startswith("dynamic"):
                found[key] = value
    status = {
        f"{one['kind']}/{one['metadata']['name']}": one["status"]
        for group in output.values()
        if isinstance(group, list)
        for one in group
    }
    return {
        "status": status,
        "listeners": [one["activeState"]["listener"] for one in found["dynamicListeners"]],
        "routes": [one["routeConfig"] for one in found["dynamicRouteConfigs"]],
        # Neither is there where no route is taken.
        "clusters": [one["cluster"] for one in found.get("dynamicActiveClusters", ())],
        "endpoints": [one["endpointConfig"] for one in found.get("dynamicEndpointConfigs", ())],
        "secrets": [],
    }
