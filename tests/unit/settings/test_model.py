# SPDX-License-Identifier: Apache-2.0
"""What values mean together, beyond one key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from authz.settings import Settings
from authz.settings.problems import problems_of


def settings(**values: Any) -> Settings:
    return Settings.model_validate(values)


def message(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    return problems_of(caught.value, Settings)[0].message


TLS = {"certificate": "a", "key": "b"}


def test_the_native_transport_cannot_do_tls() -> None:
    assert message(grpc={"transport": "native", "tls": TLS}) == "the native transport has no TLS"
    assert settings(grpc={"tls": TLS}).grpc.transport == "auto"


def test_ports_of_all_workers_must_exist() -> None:
    grpc = {"listen": "[::1]:65530", "workers": 7, "port_per_worker": True}

    assert message(grpc=grpc) == "7 workers from port 65530 on go beyond 65535"
    assert settings(grpc={**grpc, "workers": 6}).grpc.workers == 6
    assert settings(grpc={**grpc, "port_per_worker": False}).grpc.workers == 7


@pytest.mark.parametrize(
    "admin",
    [
        {"listen": "[::1]:1"},
        {"listen": "0.0.0.0:1", "tls": TLS},
        {"listen": "0.0.0.0:1", "allow_plaintext": True},
        {"listen": "0.0.0.0:1", "enabled": False},
        {"listen": "off"},
    ],
)
def test_admin_beyond_loopback_needs_tls_or_a_word(admin: Any) -> None:
    assert settings(admin=admin)
    assert "unencrypted" in message(admin={"listen": "0.0.0.0:1"})


@pytest.mark.parametrize("section", ["sds", "metrics", "admin"])
def test_listeners_can_be_off_and_are_no_unix_sockets(section: str) -> None:
    assert not getattr(settings(**{section: {"listen": "off"}}), section).active
    assert getattr(settings(), section).active
    assert message(**{section: {"listen": "unix:/a"}}) == "a Unix socket cannot serve this"


def test_checks_cannot_be_off() -> None:
    assert message(grpc={"listen": "off"}) == '"off" is not an address'


@pytest.mark.parametrize("database", ["sqlite", "postgresql://authz@db/authz"])
def test_databases(database: str) -> None:
    assert settings(database=database).database == database
    assert "neither sqlite nor" in message(database="mysql://db")


def test_the_api_is_served_where_there_is_something_to_manage() -> None:
    assert settings().admin_active
    assert not settings(policy="p.yaml").admin_active
    assert settings(policy="p.yaml", store="on").admin_active
    assert not settings(admin={"listen": "off"}).admin_active


def test_who_asks_for_the_api_is_told_when_there_is_none() -> None:
    assert not settings(policy="p.yaml").admin_asked_for
    assert settings(admin={"enabled": True}).admin_asked_for
    assert settings(admin={"listen": "127.0.0.1:1"}).admin_asked_for
    assert not settings(admin={"enabled": True, "listen": "off"}).admin_asked_for
    assert not settings(admin={"allow_plaintext": True}).admin_asked_for


def test_names_of_the_api_are_host_names() -> None:
    names = ["authz.example.com", "10.0.0.1", "[::1]"]
    assert settings(admin={"hosts": names}).admin.hosts == [*names[:2], "::1"]
    for wrong in ("authz:8080", "https://authz", "", "::1", "*.example.com"):
        assert "is not the name of a host" in message(admin={"hosts": [wrong]})


@pytest.mark.parametrize(
    ("given", "active"),
    [
        ({}, True),
        ({"policy": "p.yaml"}, False),
        ({"policy": "p.yaml", "store": "on"}, True),
        ({"store": "off"}, False),
    ],
)
def test_the_store_answers_where_there_is_no_policy(given: dict[str, str], active: bool) -> None:
    assert settings(**given).store_active is active


def test_keys_are_encrypted_with_one_secret() -> None:
    assert "both a key file and a passphrase" in message(
        keys={"key_file": "k", "passphrase_file": "p"}
    )
    assert settings(keys={"key_file": "k"}).keys.key_file is not None


@pytest.mark.parametrize("url", ["https://pki", "http://", "http://u@pki", "http://pki?x", "pki"])
def test_a_certificate_can_only_name_a_plain_http_address(url: str) -> None:
    assert "certificates can name" in message(publication={"url": url})


def test_an_address_for_certificates() -> None:
    publication = settings(publication={"url": "http://pki.example.com/ca/"}).publication

    assert (publication.url, publication.active) == ("http://pki.example.com/ca", False)


def test_an_empty_path_is_no_path() -> None:
    assert message(policy="") == "the path is empty"


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"xfcc": {"trusted_hops": 0}}, "out of range"),
        ({"client_ip": {"trusted_hops": -1}}, "out of range"),
        ({"limits": {"certificate_bytes": 10}}, "out of range"),
        ({"certificate_source": "both"}, "not one of envoy, xfcc"),
        ({"grpc": {"workers": True}}, "expected a whole number"),
    ],
)
def test_bounds(values: Any, part: str) -> None:
    assert part in message(**values)


def test_two_settings_do_not_want_one_port() -> None:
    with pytest.raises(ValidationError) as caught:
        settings(grpc={"workers": 4, "port_per_worker": True})
    (problem,) = problems_of(caught.value, Settings)

    assert problem.path == ("sds", "listen")
    assert problem.message == "worker 1 (grpc.listen plus 1) and sds.listen both want port 50052"
    assert problem.hint is not None
    assert "127.0.0.1:50055" in problem.hint


@pytest.mark.parametrize(
    "values",
    [
        {"sds": {"listen": "off"}},
        {"sds": {"enabled": False}},
        {"sds": {"listen": "127.0.0.1:50055"}},
    ],
)
def test_what_does_not_listen_wants_no_port(values: Any) -> None:
    assert settings(grpc={"workers": 4, "port_per_worker": True}, **values)


def test_the_api_wants_a_port_where_there_is_a_store() -> None:
    values: Any = {"metrics": {"listen": "127.0.0.1:8080"}}

    assert message(**values) == "metrics.listen and admin.listen both want port 8080"
    assert settings(**values, policy="policy.yaml")
