# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/install-with-helm.md: its values are values, and its commands are helm's."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.factories.accepted import accepted, built_version, followed
from tests.factories.helm import CHART, Release, helm, notes, render, values_of
from tests.factories.page_blocks import ROOT, texts_of
from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

PAGE = DOCS / "how-to" / "install-with-helm.md"
BLOCKS = texts_of(PAGE, "yaml")
#: Values of this chart; the last two blocks of the section about other charts are theirs.
VALUES = [one for one in BLOCKS if "of your chart" not in one]
#: What the page leaves to its reader.
DIGEST = "sha256:" + "0" * 64


def values_in(block: str) -> Any:
    return yaml.safe_load(block.replace("sha256:…", DIGEST))


def test_there_is_something_to_try() -> None:
    assert len(VALUES) >= 7
    assert len(BLOCKS) == len(VALUES) + 2


@pytest.mark.parametrize("block", VALUES, ids=range(len(VALUES)))
def test_the_values_are_values(block: str) -> None:
    assert render(values_in(block)).objects


def test_every_form_and_store_is_shown() -> None:
    given = [values_in(block) for block in VALUES]

    assert {one.get("form") for one in given} >= {"daemonset", "sidecar", None}
    stores = {one["store"].get("kind", "sqlite") for one in given if "store" in one}
    assert stores == {"sqlite", "postgresql"}


def test_the_service_is_the_one_that_the_meshes_name() -> None:
    """As deploy/istio and deploy/envoy-gateway have it."""
    (gate,) = [block for block in VALUES if block.startswith("# gate.yaml")]
    release = render(values_in(gate))

    (service,) = [one for one in release.all("Service") if one["metadata"]["name"] == "authz"]
    assert service["spec"]["ports"][0]["port"] == 50051
    mesh = (ROOT / "deploy" / "istio" / "mesh-config.yaml").read_text(encoding="utf-8")
    assert "authz.authz.svc.cluster.local" in mesh
    assert "authz.authz.svc.cluster.local:50051" in PAGE.read_text(encoding="utf-8")


# --- what its commands make ----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Command:
    """A `helm install` or `helm upgrade` of the page."""

    verb: str
    namespace: str
    files: tuple[str, ...]
    release: Release


def commands(directory: Path) -> list[Command]:
    """Each of them, rendered with the files that it names as the page has them."""
    for block in VALUES:
        if named := re.match(r"# ([\w-]+\.yaml)\n", block):
            (directory / named[1]).write_text(block.replace("sha256:…", DIGEST), encoding="utf-8")
    lines = [line for block in texts_of(PAGE, "console") for line in block.splitlines()]
    found = []
    for line in lines:
        if not line.startswith(("$ helm install ", "$ helm upgrade ")):
            continue
        _, _, verb, name, chart, *options = shlex.split(line)
        pairs = list(zip(options[::2], options[1::2], strict=True))
        files = tuple(value for option, value in pairs if option == "--values")
        (namespace,) = (value for option, value in pairs if option == "--namespace")
        # Nothing beside the files: an upgrade would not have it.
        assert len(pairs) == len(files) + 1, line
        given = [word for one in files for word in ("--values", directory / one)]
        run = helm("template", name, ROOT / chart, "--namespace", namespace, *given)
        assert run.returncode == 0, run.stderr
        objects = tuple(one for one in yaml.safe_load_all(run.stdout) if one)
        release = Release(text=run.stdout, objects=objects)
        found.append(Command(verb=verb, namespace=namespace, files=files, release=release))
    return found


def names(release: Release) -> set[tuple[str, str]]:
    return {(one["kind"], one["metadata"]["name"]) for one in release.objects}


def test_every_form_and_store_has_its_command(tmp_path: Path) -> None:
    installed = {one.files for one in commands(tmp_path) if one.verb == "install"}

    second = ("gate.yaml", "shop.yaml", "sqlite.yaml", "postgresql.yaml")
    assert installed == {("image.yaml", one) for one in second}
    how = "each install and upgrade of the page, rendered with the files that it shows"
    followed("how-to/install-with-helm.md", built_version("helm"), how)


def test_an_upgrade_keeps_every_name(tmp_path: Path) -> None:
    """Other names are other objects: the Service that gateways ask would be gone."""
    found = commands(tmp_path)

    (upgrade,) = [one for one in found if one.verb == "upgrade"]
    (install,) = [one for one in found if one.verb == "install" and one.files == upgrade.files]
    assert names(upgrade.release) == names(install.release)
    assert ("Service", "authz") in names(upgrade.release)


def test_what_pods_mount_is_made_by_the_release_or_on_the_page(tmp_path: Path) -> None:
    text = "\n".join(texts_of(PAGE, "console"))
    made = set(
        re.findall(
            r"kubectl --namespace (\S+) create (configmap|secret) (?:generic |tls )?(\S+)", text
        )
    )

    for one in commands(tmp_path):
        wanted = {("configmap", v["configMap"]["name"]) for v in volumes(one) if "configMap" in v}
        wanted |= {("secret", v["secret"]["secretName"]) for v in volumes(one) if "secret" in v}
        own = {(kind.lower(), name) for kind, name in names(one.release)}
        there = own | {(kind, name) for namespace, kind, name in made if namespace == one.namespace}
        assert wanted <= there, one.files


def volumes(command: Command) -> list[Any]:
    found: list[Any] = command.release.pod["volumes"]
    return found


def test_gateways_may_ask_and_are_believed_in_whatever_is_installed_beside_them(
    tmp_path: Path,
) -> None:
    beside = [one for one in commands(tmp_path) if one.files[-1] != "shop.yaml"]

    assert len(beside) == 4
    for one in beside:
        asked = {
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for policy in one.release.all("NetworkPolicy")
            for rule in policy["spec"].get("ingress", ())
            if any(port["port"] == "grpc" for port in rule["ports"])
            for peer in rule["from"]
        }
        assert asked == {"istio-ingress", "envoy-gateway-system"}, one.files
        (settings,) = [
            config["data"]["authz.yaml"]
            for config in one.release.all("ConfigMap")
            if config["metadata"]["name"] == "authz-settings"
        ]
        assert yaml.safe_load(settings)["certificate_source"] == "xfcc", one.files


def test_what_the_page_calls_in_a_store_s_release_is_there(tmp_path: Path) -> None:
    text = "\n".join(texts_of(PAGE, "console"))
    called = set(re.findall(r" (deployment|service)/(\S+)", text))

    assert called == {("deployment", "authz"), ("service", "authz-admin")}
    for one in commands(tmp_path):
        if one.files[-1] in {"sqlite.yaml", "postgresql.yaml"}:
            assert called <= {(kind.lower(), name) for kind, name in names(one.release)}


def test_the_key_is_backed_up_before_it_is_shredded() -> None:
    text = PAGE.read_text(encoding="utf-8")

    steps = ("openssl rand 48 > ca.key", "**Back up `ca.key` now**", "shred -u ca.key")
    assert sorted(steps, key=text.index) == list(steps)
    assert text.index("> database.url") < text.index("from-file=url=database.url")


# --- what helm says afterwards -------------------------------------------------------------------


def test_the_notes_say_what_is_still_to_be_done() -> None:
    text = notes({})

    assert "NOBODY MAY ASK YET" in text
    assert "EVERYTHING IS DENIED" in text
    assert "gate-envoy-mtls-authz.edge.svc:50051" in text


def test_the_notes_keep_quiet_about_what_is_done() -> None:
    text = notes(values_of("deployment-policy"))

    assert "NOBODY" not in text
    assert "DENIED" not in text
    assert "token" not in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deployment-postgresql", "besides the one in the secret authz-first-token:"),
        ("deployment-postgresql", "gate-envoy-mtls-authz.edge.svc:50052"),
        ("deployment-sqlite", "The admin port has no TLS"),
        ("deployment-sqlite", "-- authz token create --name operator"),
        ("daemonset-hostport", "port 50052 of their own node"),
        ("sidecar-policy", "the Service gate-envoy-mtls-authz, port 443"),
        ("sidecar-container", "No pods"),
    ],
)
def test_the_notes_of_each_form(name: str, said: str) -> None:
    assert said in notes(values_of(name))
    how = "install --dry-run prints what each form's reader has to do"
    accepted(CHART / "templates" / "NOTES.txt", built_version("helm"), how)


# --- a chart above -------------------------------------------------------------------------------

_ABOVE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop, namespace: edge}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
{pod}
      containers:
        - name: envoy
          image: envoy
          volumeMounts: [{{name: socket, mountPath: /run/authz}}]
"""


def chart_above(directory: Path) -> Path:
    """A chart as the page describes it, this one below charts/."""
    values, pod = (one for one in BLOCKS if "of your chart" in one)
    chart = directory / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts").mkdir()
    (chart / "charts" / "envoy-mtls-authz").symlink_to(CHART)
    (chart / "Chart.yaml").write_text(
        "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
        "dependencies: [{name: envoy-mtls-authz, version: 0.1.0}]\n",
        encoding="utf-8",
    )
    (chart / "values.yaml").write_text(values, encoding="utf-8")
    lines = pod.splitlines()[1:]
    # The page has it at the beginning of the line, a pod's spec six columns further.
    text = "\n".join(f"      {line}" for line in lines)
    text = text.replace("nindent 4", "nindent 10").replace("nindent 2", "nindent 8")
    (chart / "templates" / "deployment.yaml").write_text(_ABOVE.format(pod=text), encoding="utf-8")
    return chart


def test_a_chart_above_takes_container_and_volumes(tmp_path: Path) -> None:
    chart = chart_above(tmp_path)

    release: Release = render({}, chart)

    (container,) = release.pod["initContainers"]
    assert (container["name"], container["restartPolicy"]) == ("authz", "Always")
    volumes = {one["name"] for one in release.pod["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} <= volumes
    assert "socket" in volumes
    assert release.kinds == {"ConfigMap", "Deployment"}
    named = {one["configMap"]["name"] for one in release.pod["volumes"] if "configMap" in one}
    assert named == {one["metadata"]["name"] for one in release.all("ConfigMap")}


def test_the_chart_can_be_packed(tmp_path: Path) -> None:
    run = helm("package", CHART, "--destination", tmp_path)

    assert run.returncode == 0, run.stderr
    (archive,) = tmp_path.glob("*.tgz")
    listed = helm("show", "readme", archive).stdout
    assert listed.strip() == (CHART / "README.md").read_text(encoding="utf-8").strip()
    assert render({}, archive).objects
