# SPDX-License-Identifier: Apache-2.0
"""Settings as plain data, refused while their keys can still be named."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from authz.demo.pki import make_root
from authz.errors import SettingsError, TransportError
from authz.node.admin.config import AdminConfig, DashboardConfig, OidcConfig
from authz.node.control.config import KeepConfig
from authz.node.plan import Plan, endpoint_config, plan_of
from authz.settings import Override, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from authz.settings import Settings


def _settings(**changes: str | int) -> Settings:
    return load_settings(
        None,
        [
            Override(option=name, path=tuple(name.split(".")), value=value)
            for name, value in {"policy": "policy.yaml", **changes}.items()
        ],
    )


def test_a_plan_survives_being_sent() -> None:
    plan = plan_of(
        _settings(**{"grpc.workers": 3, "geoip.asn": "asn.mmdb", "metrics.listen": "off"})
    )

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan
    assert (plan.workers, plan.geoip, plan.metrics) == (3, {"asn": "asn.mmdb"}, None)
    assert plan.policy == "policy.yaml"
    assert (plan.admin, plan.admin_closed) == (None, "unasked")


def test_every_setting_that_checks_need_is_handed_over(tmp_path: Path) -> None:
    settings = _settings(
        **{
            "grpc.transport": "grpcio",
            "certificate_source": "xfcc",
            "xfcc.trusted_hops": 2,
            "client_ip.trusted_hops": 3,
            "limits.certificate_bytes": 2048,
            "limits.chain_length": 4,
            "events.allowed_every": 5,
            "grpc.tls.certificate": str(tmp_path / "c.pem"),
            "grpc.tls.key": str(tmp_path / "k.pem"),
            "grpc.tls.client_ca": str(tmp_path / "ca.pem"),
        },
    )
    config = endpoint_config(settings)
    assert (config.listen, config.transport) == ("127.0.0.1:50051", "grpcio")
    assert (config.certificate_source, config.xfcc_trusted_hops) == ("xfcc", 2)
    assert (config.client_ip_trusted_hops, config.certificate_bytes) == (3, 2048)
    assert (config.chain_length, config.events_allowed_every) == (4, 5)
    assert (config.certificate, config.key) == (str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))
    assert config.client_ca == str(tmp_path / "ca.pem")


def test_without_a_policy_there_is_nothing_to_answer_by() -> None:
    with pytest.raises(SettingsError, match="neither a policy nor a store") as caught:
        plan_of(_settings(store="off").model_copy(update={"policy": None}))
    assert "--policy" in str(caught.value.hint)


def test_crls_can_only_be_published_of_a_store() -> None:
    with pytest.raises(SettingsError, match="no store whose CRLs") as caught:
        plan_of(_settings(**{"publication.listen": "127.0.0.1:0"}))
    assert "publication.listen" in str(caught.value.where)


@pytest.mark.parametrize(
    ("changes", "alone", "follows_store", "database", "sds"),
    [
        ({"sds.listen": "off"}, True, False, None, None),
        ({}, False, False, None, "127.0.0.1:50052"),
        ({"sds.listen": "off", "store": "on"}, False, True, "sqlite", None),
        ({"sds.listen": "off", "grpc.workers": 2}, False, False, None, None),
    ],
)
def test_a_control_process_is_for_a_store_and_for_sds(
    changes: dict[str, str | int],
    alone: bool,
    follows_store: bool,
    database: str | None,
    sds: str | None,
) -> None:
    plan = plan_of(_settings(**changes))

    assert (plan.alone, plan.follows_store) == (alone, follows_store)
    control = plan.control
    assert (control.database if control else None) == database
    assert (control.sds if control else None) == sds


def test_tls_files_that_cannot_be_used_are_named_by_their_key(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    with pytest.raises(TransportError) as caught:
        plan_of(_settings(**{"grpc.tls.certificate": missing, "grpc.tls.key": missing}))
    assert "grpc.tls.certificate" in str(caught.value.where)


def test_the_api_is_served_of_a_store(tmp_path: Path) -> None:
    changes: dict[str, str | int] = {
        "store": "on",
        "publication.url": "http://pki.example.com",
        "keys.key_file": str(tmp_path / "ca.key"),
        "data_dir": str(tmp_path),
        "admin.listen": "127.0.0.1:1",
        "certificate_source": "xfcc",
        "xfcc.trusted_hops": 2,
        "client_ip.trusted_hops": 3,
        "limits.certificate_bytes": 4096,
        "limits.chain_length": 2,
        "events.allowed_seconds": 7,
        "events.allowed_every": 5,
    }
    plan = plan_of(_settings(**changes))

    assert plan.admin == AdminConfig(
        listen="127.0.0.1:1",
        database="sqlite",
        data_dir=str(tmp_path),
        publication_url="http://pki.example.com",
        policy="policy.yaml",
        certificate_source="xfcc",
        xfcc_trusted_hops=2,
        client_ip_trusted_hops=3,
        certificate_bytes=4096,
        chain_length=2,
        events_allowed_seconds=7,
        events_allowed_every=5,
        key_file=str(tmp_path / "ca.key"),
        dashboard=DashboardConfig(),
        log_format="json",
        log_level="info",
        settings=_settings(**changes).model_dump(mode="json"),
    )
    assert plan.admin_closed == ""
    assert not plan.alone
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan


def test_without_a_store_the_port_stays_closed_and_whoever_wants_it_is_told() -> None:
    changes: dict[str, str | int] = {"sds.listen": "off"}
    assert plan_of(_settings(**changes)).admin_closed == "unasked"
    assert plan_of(_settings(**changes)).alone
    assert plan_of(_settings(**changes, **{"admin.listen": "127.0.0.1:1"})).admin_closed == "asked"
    assert plan_of(_settings(**changes, **{"admin.listen": "off"})).admin_closed == ""


def test_tls_files_of_the_api_are_looked_at_where_it_is_served(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    changes: dict[str, str | int] = {"admin.tls.certificate": missing, "admin.tls.key": missing}
    assert plan_of(_settings(**changes)).admin is None
    with pytest.raises(TransportError) as caught:
        plan_of(_settings(store="on", **changes))
    assert "admin.tls.certificate" in str(caught.value.where)


def test_the_api_has_its_own_tls(tmp_path: Path) -> None:
    authority = make_root("CA", at=time.time())
    server = authority.server("localhost", at=time.time())
    content = {"c": server.pem, "k": server.key_pem, "ca": authority.pem}
    for name, pem in content.items():
        (tmp_path / name).write_bytes(pem)
    plan = plan_of(
        _settings(
            store="on",
            **{
                "admin.tls.certificate": str(tmp_path / "c"),
                "admin.tls.key": str(tmp_path / "k"),
                "admin.tls.client_ca": str(tmp_path / "ca"),
            },
        )
    )

    assert plan.admin is not None
    assert plan.admin.certificate == str(tmp_path / "c")
    assert plan.admin.key == str(tmp_path / "k")
    assert plan.admin.client_ca == str(tmp_path / "ca")


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(SettingsError, match="UTF-8"):
        plan_of(_settings(policy="\udcff.yaml"))


def test_a_control_process_for_later_has_the_settings_of_fetching() -> None:
    changes: dict[str, str | int] = {"sds.listen": "off", "fetch.timeout_seconds": 7}
    plan = plan_of(_settings(**changes))
    assert plan.control is None
    assert plan.alone
    assert plan.fetching is not None
    assert plan.fetching.fetch.timeout_seconds == 7
    assert (plan.fetching.database, plan.fetching.sds) == (None, None)

    assert plan_of(_settings(**{"sds.listen": "127.0.0.1:0"})).fetching is None


def test_a_host_that_is_none_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_text("policy: policy.yaml\nfetch: {allowed_hosts: [fine.example, 'http://x/']}\n")
    with pytest.raises(SettingsError) as caught:
        plan_of(load_settings(file, []))
    assert caught.value.where == f"{file}:2: fetch.allowed_hosts"
    assert "http://x/" in str(caught.value)


def test_a_data_directory_that_is_a_file_can_hold_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="is a file") as caught:
        plan_of(_settings(store="on", data_dir=str(tmp_path / "file")))
    assert "data_dir" in str(caught.value.where)


def test_requests_are_recorded_where_a_store_keeps_them(tmp_path: Path) -> None:
    store: dict[str, str | int] = {"store": "on", "data_dir": str(tmp_path)}
    endpoint = plan_of(_settings(**store)).endpoint
    assert endpoint.recording is not None
    assert "user-agent" in endpoint.recording.headers
    assert endpoint.events_allowed_seconds == 10.0
    assert plan_of(_settings(**store, **{"events.requests": False})).endpoint.recording is None
    assert plan_of(_settings(data_dir=str(tmp_path))).endpoint.recording is None


def test_what_is_kept_and_how_is_the_operator_s_choice(tmp_path: Path) -> None:
    changes: dict[str, str | int] = {
        "store": "on",
        "data_dir": str(tmp_path),
        "events.query": True,
        "events.metadata": True,
        "events.keep_events": 5,
        "events.keep_days": 6,
        "events.keep_megabytes": 7,
        "client_ip.trusted_hops": 2,
    }
    plan = plan_of(_settings(**changes))

    assert plan.control is not None
    assert plan.control.keep == KeepConfig(events=5, days=6, megabytes=7)
    assert plan.endpoint.recording is not None
    assert (plan.endpoint.recording.query, plan.endpoint.recording.metadata) == (True, True)
    assert plan.admin is not None
    assert plan.admin.client_ip_trusted_hops == 2


def _with_provider(tmp_path: Path, **changes: Any) -> Plan:
    file = tmp_path / "authz.yaml"
    oidc = {"issuer": "https://id.example.com", "client_id": "authz", "roles": {"admin": ["ops"]}}
    dashboard = {"url": "https://authz.example.com", "session_idle_minutes": 5}
    settings = {
        "store": "on",
        "fetch": {"allowed_hosts": ["10.0.0.0/8"]},
        "admin": {"dashboard": {**dashboard, "oidc": {**oidc, **changes}}},
    }
    file.write_text(yaml.safe_dump(settings))
    return plan_of(load_settings(file, []))


def test_the_dashboard_has_its_own_settings(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    authority = tmp_path / "ca.pem"
    authority.write_bytes(make_root("CA", at=time.time()).pem)
    roles = {"admin": ["ops"], "editor": ["dev"], "reader": ["staff", "audit"]}
    plan = _with_provider(
        tmp_path, client_secret_file="secret", ca_file="ca.pem", roles=roles, label="Acme"
    )

    assert plan.admin is not None
    assert plan.admin.dashboard == DashboardConfig(
        url="https://authz.example.com",
        session_idle=300.0,
        session_longest=43_200.0,
        oidc=OidcConfig(
            issuer="https://id.example.com",
            label="Acme",
            client_id="authz",
            client_secret_file=str(secret),
            ca_file=str(authority),
            scopes=("openid", "email", "profile"),
            name_claim="email",
            roles_claim="groups",
            admins=("ops",),
            editors=("dev",),
            readers=("staff", "audit"),
            allowed_hosts=("10.0.0.0/8",),
        ),
    )
    assert "s3cret" not in repr(plan)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan


def test_without_a_dashboard_the_api_is_alone() -> None:
    plan = plan_of(_settings(store="on", **{"admin.dashboard.enabled": False}))

    assert plan.admin is not None
    assert plan.admin.dashboard is None


@pytest.mark.parametrize(
    ("key", "content", "mode", "said"),
    [
        ("client_secret_file", "s", 0o644, "can be read by other users"),
        ("client_secret_file", "\n", 0o600, "is empty"),
        ("client_secret_file", None, 0, "does not exist"),
        ("ca_file", "no certificate", 0o644, "cannot be used"),
        ("ca_file", None, 0, "cannot be used"),
    ],
)
def test_files_of_a_provider_are_looked_at_before_anything_is_served(
    key: str, content: str | None, mode: int, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "file").write_text(content)
        (tmp_path / "file").chmod(mode)
    with pytest.raises(SettingsError, match=said) as caught:
        _with_provider(tmp_path, **{key: "file"})
    assert "authz.yaml:" in str(caught.value.where)
    assert f"admin.dashboard.oidc.{key}" in str(caught.value.where)
    assert "passphrase" not in str(caught.value.hint)
