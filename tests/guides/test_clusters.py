# SPDX-License-Identifier: Apache-2.0
"""The guides for Istio and Envoy Gateway, as far as they can be followed without a cluster.

Each command is run in its order, in a copy of what is shipped; whatever an applied object names has
been made by then, in its namespace, with the keys that are read. The gateways themselves are
tests/deploy and tests/e2e, as the pages say.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.factories.accepted import followed
from tests.factories.page_blocks import ROOT
from tests.factories.page_session import follow, with_authz
from tests.guides.stand_ins import made, stand_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.deploy

#: What the pages say that you need.
YOURS = ("client-ca.crt", "server.crt", "server.key")
#: What a gateway reads of its secret, and of the authorities of its clients.
TLS = {"tls.crt", "tls.key"}


class Named(NamedTuple):
    """What an object names, and which keys of it are read."""

    kind: str
    namespace: str
    name: str
    keys: set[str]


def named_by(one: dict[str, Any]) -> Iterator[Named]:
    """The ConfigMaps and Secrets that an applied object needs."""
    namespace, spec = one["namespace"], one["object"].get("spec", {})
    match one["kind"], one["object"]["apiVersion"].partition("/")[0]:
        case "Deployment", _:
            for volume in spec["template"]["spec"]["volumes"]:
                if "configMap" in volume:
                    yield Named("ConfigMap", namespace, volume["configMap"]["name"], set())
                if "secret" in volume:
                    yield Named("Secret", namespace, volume["secret"]["secretName"], set())
        case "Gateway", "networking.istio.io":
            for server in spec["servers"]:
                # OPTIONAL_MUTUAL: whose certificates are asked for is in it, too.
                name = server["tls"]["credentialName"]
                yield Named("Secret", namespace, name, {*TLS, "ca.crt"})
        case "Gateway", _:
            for listener in spec["listeners"]:
                for reference in listener["tls"]["certificateRefs"]:
                    yield Named(reference["kind"], namespace, reference["name"], TLS)
        case "ClientTrafficPolicy", _:
            for reference in spec["tls"]["clientValidation"]["caCertificateRefs"]:
                yield Named(reference["kind"], namespace, reference["name"], {"ca.crt"})


@pytest.mark.parametrize("guide", ["behind-istio", "behind-envoy-gateway"])
def test_each_command_finds_what_it_names(guide: str, tmp_path: Path) -> None:
    page = f"how-to/{guide}.md"
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    for name in YOURS:
        (tmp_path / name).write_text("a certificate of yours\n")
    tools, record = tmp_path / ".tools", tmp_path / "cluster.jsonl"
    tools.mkdir()
    environment = with_authz(tools) | stand_in(tools, record, "kubectl", "helm")

    ran = follow(
        page,
        cwd=tmp_path,
        environment=environment,
        languages=("sh",),
        # Nobody answers there without a gateway.
        change=lambda text: (
            "\n".join(line for line in text.splitlines() if not line.startswith("curl ")) or "true"
        ),
    )
    there: dict[tuple[str, str, str], set[str]] = {}
    needed: list[Named] = []
    for one in made(record):
        keys = set(one["keys"]) | set(one.get("object", {}).get("data", {}))
        there[one["kind"], one["namespace"], one["name"]] = keys
        if "object" in one:
            needed += named_by(one)

    assert len(ran) >= 4
    assert {one.kind for one in needed} == {"ConfigMap", "Secret"}
    for one in needed:
        assert one[:3] in there, f"{one} is named, and the page makes none"
        assert there[one[:3]] >= one.keys, one
    followed(page, "bash", "each command run; kubectl and helm by stand-ins that know no cluster")
