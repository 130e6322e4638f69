# SPDX-License-Identifier: Apache-2.0
"""authz.yaml and policy.yaml of the Helm chart, as the service itself reads them.

Paths of the pod are replaced by a directory that looks like it; nothing else is changed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import authz
from authz.demo.pki import make_root
from authz.node.plan import plan_of
from authz.settings import load_settings
from authz.sources.policy_file import load_policy
from tests.factories.accepted import accepted
from tests.factories.helm import CHART, VALUES, Release, release_of, render
from tests.factories.mounts import mount_pod

if TYPE_CHECKING:
    from pathlib import Path

    from authz.node.plan import Plan
    from authz.settings import Settings

pytestmark = pytest.mark.deploy

OURS = f"authz {authz.__version__}"
FORMS = [file.stem for file in VALUES if file.stem != "sidecar-container"]
DATABASE = b"postgresql://authz:secret@db.example/authz"


def given(at: float) -> dict[str, dict[str, bytes]]:
    """Every secret and ConfigMap that the values name as being there already."""
    root = make_root("Clients", at=at)
    server = root.server("authz")
    tls = {"tls.crt": server.chain_pem, "tls.key": server.key_pem, "ca.crt": root.pem}
    trust = {"client-ca.crt": root.pem, "client-ca.crl": root.crl().pem}
    policy = b'sites: [{name: first, hosts: ["*"], default_action: block}]\n'
    return {
        "client-authorities": trust,
        "authz-database": {"uri": DATABASE, "url": DATABASE},
        "authz-keys": {"passphrase": b"correct horse", "ca.key": b"k" * 32},
        "authz-grpc": tls,
        "authz-admin": tls,
        "authz-first-token": {"token": b"t" * 44},
        "shop-tls": tls,
        "first-sites": {"sites.yaml": policy},
        "policy": {"policy.yaml": policy},
        "geoip": {},
    }


def loaded(release: Release, home: Path) -> tuple[Settings, Plan]:
    pod = mount_pod(release, home, given(time.time()))
    settings = load_settings(pod.file("authz", "/etc/authz/settings/authz.yaml"))
    return settings, plan_of(settings)


@pytest.mark.parametrize("name", FORMS)
def test_the_service_takes_settings_and_policy(name: str, tmp_path: Path) -> None:
    settings, plan = loaded(release_of(name), tmp_path)

    if settings.policy is not None:
        assert load_policy(settings.policy).model.sites
    assert plan.admin_closed == ""
    if settings.store_active:
        assert plan.follows_store
        assert plan.admin is not None
    accepted(CHART / "ci" / f"{name}.yaml", OURS, "settings, plan and policy of what it renders")


@pytest.mark.parametrize("name", ["deployment-policy", "sidecar-policy", "daemonset-service"])
def test_without_a_store_one_process_does_it_all(name: str, tmp_path: Path) -> None:
    _, plan = loaded(release_of(name), tmp_path)

    assert plan.alone
    assert plan.control is None


def test_the_default_denies_everything(tmp_path: Path) -> None:
    settings, _ = loaded(render(), tmp_path)

    assert settings.policy is not None
    (site,) = load_policy(settings.policy).model.sites
    assert (site.hosts, site.default_action, site.trust) == (("*",), "block", ())


def test_the_database_s_address_comes_out_of_the_secret(tmp_path: Path) -> None:
    settings, _ = loaded(release_of("deployment-postgresql"), tmp_path)

    assert settings.database == DATABASE.decode()
    assert DATABASE.decode() not in release_of("deployment-postgresql").text


def test_keys_of_the_values_and_of_the_settings_stand_side_by_side(tmp_path: Path) -> None:
    settings, _ = loaded(release_of("deployment-postgresql"), tmp_path)

    assert settings.admin.hosts == ["authz.example.com"]
    assert settings.admin.listen == "0.0.0.0:8080"
    assert settings.admin.tls is not None
    assert settings.fetch.allowed_hosts == ["crl.example.com"]


def test_workers_of_a_sidecar_have_a_socket_each(tmp_path: Path) -> None:
    release = release_of("sidecar-postgresql")
    settings, _ = loaded(release, tmp_path)

    assert (settings.grpc.workers, settings.grpc.port_per_worker) == (2, True)
    envoy = release.one("ConfigMap", "-envoy")["data"]["envoy.yaml"]
    assert envoy.count('pipe: {path: "/run/authz/authz.sock.') == 2
    assert "xff_num_trusted_hops: 1" in envoy


def test_every_trust_file_of_the_policy_is_mounted(tmp_path: Path) -> None:
    settings, _ = loaded(release_of("sidecar-policy"), tmp_path)

    assert settings.policy is not None
    names = {path.name for path in load_policy(settings.policy).contents}
    assert names == {"policy.yaml", "client-ca.crt", "client-ca.crl"}
