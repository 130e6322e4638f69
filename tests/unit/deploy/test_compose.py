# SPDX-License-Identifier: Apache-2.0
"""deploy/compose.yaml, its other form, and that everything they mount fits together.

There is no container engine here: the topology itself runs as processes in
tests/e2e/test_deploy.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from authz import __version__
from authz.node.plan import plan_of
from authz.settings import load_settings
from authz.sources.policy_file import load_policy
from tests.conftest import absent
from tests.factories.accepted import accepted
from tests.factories.shipped import DEPLOY, documents, linter, make_certificates

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

COMPOSE = documents(DEPLOY / "compose.yaml")[0]
SERVICES: dict[str, Any] = COMPOSE["services"]
POLICY_FILE, SDS, STRICT, HTTP3 = OTHERS = [
    documents(DEPLOY / f"compose.{form}.yaml")[0]
    for form in ("policy-file", "sds", "strict", "http3")
]
PROVISIONING = DEPLOY / "grafana" / "provisioning"


def mounts(compose: dict[str, Any]) -> list[tuple[str, str]]:
    """Every mounted file or directory of deploy/, and where it is in the container."""
    found = [
        tuple(volume.split(":")[:2])
        for service in compose["services"].values()
        for volume in service.get("volumes", ())
    ]
    return [(source, target) for source, target in found if source.startswith("./")]


@pytest.mark.parametrize("name", sorted(file.name for file in DEPLOY.glob("compose*.yaml")))
def test_compose_follows_its_schema(name: str) -> None:
    run = linter("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / name)

    assert run.returncode == 0, run.stdout
    accepted(DEPLOY / name, f"check-jsonschema {version('check-jsonschema')}", "the compose schema")


def test_compose_builds_the_image_with_the_extra_that_is_asked_for() -> None:
    assert SERVICES["authz"]["build"]["args"] == {"EXTRAS": "${EXTRAS:-}"}


def test_the_schema_would_notice_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text("services: {a: {imagee: b}}", encoding="utf-8")

    run = linter("check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken)

    assert run.returncode == 1


# --- what is mounted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mount",
    [one for each in (COMPOSE, *OTHERS) for one in mounts(each)],
    ids=lambda one: one[0],
)
def test_every_mounted_file_exists_or_is_made_by_the_script(mount: tuple[str, str]) -> None:
    source, _ = mount
    script = (DEPLOY / "make-certificates.sh").read_text(encoding="utf-8")
    name = source.rpartition("/")[2].partition(".")[0]

    made = source.startswith("./certs/") and re.search(rf"\b{name}\b", script)
    assert made or (DEPLOY / source).is_file() or any((DEPLOY / source).glob("*")), source


def test_every_volume_is_named_or_mounted_read_only() -> None:
    for compose in (COMPOSE, *OTHERS):
        for service in compose["services"].values():
            for volume in service.get("volumes", ()):
                source, *rest = volume.split(":")
                assert source in COMPOSE["volumes"] or rest[-1] == "ro", volume


def test_what_the_settings_name_is_mounted() -> None:
    settings = load_settings(DEPLOY / "authz.yaml")
    (secret,) = SERVICES["authz"]["secrets"]

    assert str(settings.keys.passphrase_file) == f"/run/secrets/{secret}"
    assert settings.store_active
    targets = [volume.split(":")[1] for volume in SERVICES["authz"]["volumes"]]
    assert str(settings.data_dir) in targets


def test_secrets_are_made_for_the_user_who_reads_them(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        absent("root", "root is needed to give files to users of containers")
    script = DEPLOY / "make-secrets.sh"
    for _ in range(2):
        subprocess.run([script, tmp_path], check=True, capture_output=True, timeout=60)

    made = {one.name: one.stat() for one in tmp_path.iterdir()}
    files = {name: one["file"].rpartition("/")[2] for name, one in COMPOSE["secrets"].items()}
    assert set(made) == set(files.values())
    for service in SERVICES.values():
        for secret in service.get("secrets", ()):
            status = made[files[secret]]
            assert (status.st_uid, status.st_mode & 0o777) == (
                int(service["user"].split(":")[0]),
                0o400,
            )
    accepted(script, "sh", "run: each secret is its reader's alone")


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        absent("root", "root is needed to give files to users of containers")
    (tmp_path / "key-passphrase").write_text("mine\n", encoding="utf-8")

    subprocess.run([DEPLOY / "make-secrets.sh", tmp_path], check=True, capture_output=True)

    assert (tmp_path / "key-passphrase").read_text(encoding="utf-8") == "mine\n"


def test_what_is_made_stays_out_of_version_control(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    ignore = DEPLOY / ".gitignore"
    (tmp_path / ".gitignore").write_text(ignore.read_text(encoding="utf-8"), encoding="utf-8")
    made = ["certs/client-ca.key", "secrets/key-passphrase", "issued/client.key"]

    run = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "--stdin"],
        input="\n".join([*made, "compose.yaml"]),
        check=True,
        capture_output=True,
        text=True,
    )

    assert run.stdout.split() == made
    git = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout
    accepted(ignore, git.strip(), "check-ignore: keys and secrets are ignored")


# --- who may do what, and who sees whom ----------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert service["healthcheck"]["test"][0] == "CMD"


def test_little_is_published_and_only_on_this_machine() -> None:
    ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}

    assert ports == {
        "authz": ["127.0.0.1:8080:8080"],
        "envoy": ["127.0.0.1:8443:8443"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_networks_lead_no_further_than_they_must() -> None:
    on = {
        network: {name for name, one in SERVICES.items() if network in one["networks"]}
        for network in COMPOSE["networks"]
    }

    assert on == {
        "edge": {"envoy"},
        "admin": {"authz"},
        "monitoring": {"prometheus", "grafana"},
        "application": {"envoy", "upstream"},
        "metrics": {"authz", "prometheus"},
    }
    inside = {name for name, one in COMPOSE["networks"].items() if (one or {}).get("internal")}
    assert inside == {"application", "metrics"}


def test_envoy_may_use_the_socket_and_nobody_else_sees_it() -> None:
    sharing = {n for n, one in SERVICES.items() if "socket:/run/authz" in one.get("volumes", ())}

    assert sharing == {"authz", "envoy"}
    assert SERVICES["authz"]["user"] == SERVICES["envoy"]["user"] == "65532:65532"
    for name in ("authz.yaml", "authz-policy-file.yaml"):
        assert load_settings(DEPLOY / name).grpc.listen.startswith("unix:/run/authz/")


def test_the_api_answers_under_the_names_of_this_machine_alone() -> None:
    admin = load_settings(DEPLOY / "authz.yaml").admin

    assert admin.hosts == ["localhost", "127.0.0.1"]
    assert SERVICES["authz"]["ports"][0].endswith(admin.listen.rpartition(":")[2])


# --- the other forms -----------------------------------------------------------------------------


def test_the_policy_file_form_is_one_process_and_warns_of_nothing() -> None:
    """No Envoy there asks for trust bundles, and there is a policy file instead of a store."""
    assert "sds" not in (DEPLOY / "envoy.yaml").read_text(encoding="utf-8")

    plan = plan_of(load_settings(DEPLOY / "authz-policy-file.yaml"))

    assert plan.alone
    assert plan.control is None
    assert (plan.admin, plan.admin_closed) == (None, "")


def test_the_policy_file_form_takes_the_place_of_the_settings() -> None:
    """Compose merges volumes by where they are mounted."""
    service = POLICY_FILE["services"]["authz"]
    replaced = dict(volume.split(":")[1::-1] for volume in SERVICES["authz"]["volumes"])
    targets = dict(volume.split(":")[1::-1] for volume in service["volumes"])

    assert set(POLICY_FILE["services"]) == {"authz"}
    assert set(service) == {"volumes"}
    assert replaced["/etc/authz/authz.yaml"] == "./authz.yaml"
    assert targets["/etc/authz/authz.yaml"] == "./authz-policy-file.yaml"


def test_the_form_with_bundles_only_opens_their_port_to_envoy() -> None:
    """By a network of the two that leads nowhere else, and settings are those of the store form."""
    authz = SDS["services"]["authz"]
    *serve, option, listen = authz["command"]
    (cluster,) = [
        one
        for one in documents(DEPLOY / "envoy-sds.yaml")[0]["static_resources"]["clusters"]
        if one["name"] == "sds"
    ]

    assert not load_settings(DEPLOY / "authz.yaml").sds.active
    assert serve == ["serve", "--config", "/etc/authz/authz.yaml"]
    assert (option, listen) == ("--sds", "0.0.0.0:50052")
    (locality,) = cluster["load_assignment"]["endpoints"]
    (endpoint,) = locality["lb_endpoints"]
    there = endpoint["endpoint"]["address"]["socket_address"]
    assert there == {"address": "authz", "port_value": 50052}
    assert SDS["networks"] == {"bundles": {"internal": True}}
    assert {name: one["networks"] for name, one in SDS["services"].items()} == {
        "authz": ["bundles"],
        "envoy": ["bundles"],
    }


def test_the_strict_form_adds_a_listener_that_verifies_to_the_form_with_bundles() -> None:
    assert STRICT == {
        "services": {
            "envoy": {
                "volumes": ["./envoy-strict.yaml:/etc/envoy/envoy.yaml:ro"],
                "ports": ["127.0.0.1:8444:8444"],
            }
        }
    }
    bundles, strict = (
        documents(DEPLOY / f"envoy-{form}.yaml")[0]["static_resources"]
        for form in ("sds", "strict")
    )

    first, second = strict["listeners"]
    assert [first] == bundles["listeners"]
    assert strict["clusters"] == bundles["clusters"]
    assert second["address"]["socket_address"]["port_value"] == 8444
    tls = second["filter_chains"][0]["transport_socket"]["typed_config"]
    assert tls["require_client_certificate"] is True
    context = tls["common_tls_context"]["combined_validation_context"]
    verification = context["default_validation_context"]["trust_chain_verification"]
    assert verification == "VERIFY_TRUST_CHAIN"


def test_the_form_with_http_3_publishes_its_port_over_udp_on_this_machine_alone() -> None:
    assert HTTP3["services"]["envoy"]["ports"] == ["127.0.0.1:8443:8443/udp"]
    assert set(HTTP3["services"]) == {"envoy"}
    listeners = documents(DEPLOY / "envoy-http3.yaml")[0]["static_resources"]["listeners"]
    assert [one["address"]["socket_address"]["port_value"] for one in listeners] == [8443, 8443]


def test_the_policy_is_valid(tmp_path: Path) -> None:
    make_certificates(tmp_path / "certs")
    text = (DEPLOY / "policy.yaml").read_text(encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(text, encoding="utf-8")

    (site,) = load_policy(tmp_path / "policy.yaml").model.sites

    assert site.trust
    assert site.rules
    accepted(DEPLOY / "policy.yaml", f"authz {__version__}", "its policy")


# --- who watches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["authz.yaml", "authz-policy-file.yaml"])
def test_prometheus_scrapes_the_port_that_the_service_opens(name: str) -> None:
    prometheus = documents(DEPLOY / "prometheus.yml")[0]
    listen = load_settings(DEPLOY / name).metrics.listen

    job = next(one for one in prometheus["scrape_configs"] if one["job_name"] == "authz")
    assert job["static_configs"] == [{"targets": [f"authz:{listen.split(':')[1]}"]}]


def test_prometheus_finds_the_rules_that_are_mounted() -> None:
    prometheus = documents(DEPLOY / "prometheus.yml")[0]
    targets = dict(mounts(COMPOSE))

    assert prometheus["rule_files"] == ["rules/*.yml"]
    assert targets["./prometheus/rules"] == "/etc/prometheus/rules"
    assert targets["./prometheus.yml"] == "/etc/prometheus/prometheus.yml"


#: Keys of Grafana's provisioning files, from its documentation; it ignores others silently.
_SOURCE_KEYS = {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}
_PROVIDER_KEYS = {
    *("name", "folder", "type", "disableDeletion", "allowUiUpdates"),
    *("updateIntervalSeconds", "options"),
}


def test_grafana_asks_the_prometheus_that_is_there() -> None:
    file = documents(PROVISIONING / "datasources" / "prometheus.yaml")[0]
    (source,) = file["datasources"]
    interval = documents(DEPLOY / "prometheus.yml")[0]["global"]["scrape_interval"]

    assert set(file) == {"apiVersion", "datasources"}
    assert set(source) <= _SOURCE_KEYS
    assert (file["apiVersion"], source["type"], source["access"]) == (1, "prometheus", "proxy")
    port = SERVICES["prometheus"]["ports"][0].rpartition(":")[2]
    assert source["url"] == f"http://prometheus:{port}"
    assert source["jsonData"]["timeInterval"] == interval
    accepted(
        PROVISIONING / "datasources" / "prometheus.yaml",
        f"PyYAML {version('PyYAML')}",
        "keys, address and interval; Grafana itself was not available",
    )


def test_grafana_finds_the_dashboards_that_are_mounted() -> None:
    file = documents(PROVISIONING / "dashboards" / "authz.yaml")[0]
    (provider,) = file["providers"]
    targets = dict(mounts(COMPOSE))

    assert set(file) == {"apiVersion", "providers"}
    assert set(provider) <= _PROVIDER_KEYS
    assert (file["apiVersion"], provider["type"]) == (1, "file")
    assert provider["options"] == {"path": targets["./grafana/dashboards"]}
    assert targets["./grafana/provisioning"] == "/etc/grafana/provisioning"
    accepted(
        PROVISIONING / "dashboards" / "authz.yaml",
        f"PyYAML {version('PyYAML')}",
        "keys and path; Grafana itself was not available",
    )


def _sources(part: Any) -> set[str]:
    """Every uid of a data source that a dashboard names."""
    if isinstance(part, list):
        return {uid for one in part for uid in _sources(one)}
    if not isinstance(part, dict):
        return set()
    named = part.get("datasource")
    own = {named["uid"]} if isinstance(named, dict) and "uid" in named else set()
    return own.union(*(_sources(one) for one in part.values()))


@pytest.mark.parametrize(
    "file", sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")), ids=lambda file: file.name
)
def test_a_dashboard_asks_the_source_that_is_provisioned(file: Path) -> None:
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    (source,) = documents(PROVISIONING / "datasources" / "prometheus.yaml")[0]["datasources"]
    variables = {
        f"${{{one['name']}}}"
        for one in dashboard.get("templating", {}).get("list", ())
        if one["type"] == "datasource" and one["query"] == source["type"]
    }

    # The first of its kind is chosen for a variable; annotations of Grafana itself have their own.
    assert _sources(dashboard) <= {source["uid"], "-- Grafana --", *variables}
