# SPDX-License-Identifier: Apache-2.0
"""Each shipped Envoy configuration is valid, and starts, on this Envoy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from authz.demo.pki import make_root
from authz.demo.processes import Children
from authz.demo.stack import start_envoy
from tests.factories.accepted import accepted
from tests.factories.envoy import envoy_name, expect_valid
from tests.factories.pages import WorkersForm, workers_forms

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*(ROOT / "envoy").glob("*.yaml"), *(ROOT / "deploy").glob("envoy*.yaml")])


def at_home(config: str, directory: Path) -> str:
    """The file with this machine's paths and ports, and nothing else changed."""
    for name in ("server.crt", "server.key", "proxy-ca.crt"):
        config = config.replace(f"/etc/envoy/tls/{name}", str(directory / name))
    config = config.replace("port_value: 9901", "port_value: 0")
    for port in (8443, 8444):
        config = config.replace(
            f'address: "0.0.0.0", port_value: {port}}}', 'address: "127.0.0.1", port_value: 0}'
        )
    return config


@pytest.fixture
def home(credentials: Credentials) -> Path:
    (credentials.directory / "proxy-ca.crt").write_bytes(make_root("Proxy CA").pem)
    return credentials.directory


def test_there_are_files_to_look_at() -> None:
    assert {str(file.relative_to(ROOT)) for file in SHIPPED} == {
        "deploy/envoy.yaml",
        "deploy/envoy-http3.yaml",
        "deploy/envoy-sds.yaml",
        "deploy/envoy-strict.yaml",
        "envoy/envoy.yaml",
        "envoy/envoy-behind-balancer.yaml",
        "envoy/envoy-behind-proxy.yaml",
        "envoy/envoy-http3.yaml",
    }


@pytest.mark.deploy
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_envoy_accepts_the_file(file: Path, home: Path) -> None:
    expect_accepted(file.read_text(encoding="utf-8"), home)
    accepted(file, envoy_name(), "--mode validate")


@pytest.mark.parametrize("form", workers_forms(), ids=lambda form: form.name)
def test_envoy_accepts_the_clusters_that_the_page_about_workers_shows(
    form: WorkersForm, home: Path
) -> None:
    config = yaml.safe_load((ROOT / "envoy" / "envoy.yaml").read_text(encoding="utf-8"))
    (cluster,) = yaml.safe_load(form.cluster)
    clusters = config["static_resources"]["clusters"]
    assert clusters[0]["name"] == cluster["name"] == "authz"
    clusters[0] = cluster

    expect_accepted(yaml.safe_dump(config), home)


def expect_accepted(text: str, home: Path) -> None:
    config = home / "shipped.yaml"
    config.write_text(at_home(text, home), encoding="utf-8")

    expect_valid("-c", config)


@pytest.mark.deploy
@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: str(file.relative_to(ROOT)))
def test_envoy_starts_with_the_file(file: Path, home: Path) -> None:
    config = at_home(file.read_text(encoding="utf-8"), home)

    with Children() as children:
        envoy = start_envoy(children, home, config)

        assert envoy.port > 0
        assert envoy.stat("listener_manager.listener_create_failure") == 0
        accepted(file, envoy_name(), "starts, and listens")
