# SPDX-License-Identifier: Apache-2.0
"""Bodies that rules read: sent at all, and with an end that can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.cli.doctor import envoy_body, envoy_dump
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions
from authz.policy.unknown import BODY_LIMIT
from authz.settings import Settings
from tests.factories.pki import AT
from tests.unit.cli.doctor import envoy

if TYPE_CHECKING:
    from pathlib import Path

    from authz.cli.doctor.findings import Finding

LIMIT = 8192


def config(body_bytes: int = LIMIT) -> dict[str, Any]:
    rendered = yaml.safe_load(render_envoy_config(Settings(), EnvoyOptions(body_bytes=body_bytes)))
    assert isinstance(rendered, dict)
    return rendered


def findings(configuration: dict[str, Any], *, reads_bodies: bool = True) -> list[Finding]:
    dump = envoy.dump(configuration)
    return [
        found
        for chain in envoy_dump.chains(dump)
        for found in envoy_body.look(chain, dump, reads_bodies=reads_bodies)
    ]


def host(configuration: dict[str, Any]) -> dict[str, Any]:
    found = envoy.manager(envoy.listener(configuration))["route_config"]["virtual_hosts"][0]
    assert isinstance(found, dict)
    return found


def test_the_generated_configuration_with_bodies_is_fine() -> None:
    assert findings(config()) == []


def test_rules_that_read_bodies_need_them_sent() -> None:
    (found,) = findings(config(0))

    assert found.id == "no-body"
    assert "with_request_body" in found.do


def test_nobody_misses_bodies_that_no_rule_reads() -> None:
    assert findings(config(0), reads_bodies=False) == []


def per_route(settings: dict[str, Any]) -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute"
    return {"envoy.filters.http.ext_authz": {"@type": kind, "check_settings": settings}}


def test_bodies_of_some_routes_are_bodies() -> None:
    configuration = config(0)
    host(configuration)["routes"][0]["typed_per_filter_config"] = per_route(
        {"with_request_body": {"max_request_bytes": 10}}
    )

    assert findings(configuration) == []


@pytest.mark.parametrize("reads_bodies", [False, True])
def test_a_limit_that_nobody_names_is_found(reads_bodies: bool) -> None:
    configuration = config()
    del host(configuration)["typed_per_filter_config"]

    (found,) = findings(configuration, reads_bodies=reads_bodies)

    assert found.id == "body-limit"
    assert f'{BODY_LIMIT}: "{LIMIT}"' in found.do
    assert "virtual host" in found.where


def test_a_limit_of_another_time_is_found() -> None:
    configuration = config()
    envoy.ext_authz(configuration)["with_request_body"]["max_request_bytes"] = 2 * LIMIT

    (found,) = findings(configuration)

    assert found.id == "body-limit"
    assert found.what.endswith(f"authz was told {LIMIT}")


def test_a_route_with_a_limit_of_its_own_has_to_name_that() -> None:
    configuration = config()
    body = {"max_request_bytes": 10, "allow_partial_message": True}
    route = host(configuration)["routes"][0]
    route["typed_per_filter_config"] = per_route({"with_request_body": body})
    assert [found.id for found in findings(configuration)] == ["body-limit"]

    route["typed_per_filter_config"] = per_route(
        {"with_request_body": body, "context_extensions": {BODY_LIMIT: "10"}}
    )
    assert findings(configuration) == []


def test_bodies_that_are_never_cut_short_need_no_limit() -> None:
    configuration = config()
    del host(configuration)["typed_per_filter_config"]
    del envoy.ext_authz(configuration)["with_request_body"]["allow_partial_message"]

    assert findings(configuration) == []


def test_routes_that_envoy_was_sent_are_looked_at() -> None:
    configuration = config()
    manager = envoy.manager(envoy.listener(configuration))
    dump = envoy.dump(configuration, dynamic=True)
    entry = dump["configs"][2]["dynamic_listeners"][0]["active_state"]["listener"]
    sent = envoy.manager(entry)
    del sent["route_config"]
    sent["rds"] = {"route_config_name": manager["route_config"]["name"]}
    (chain,) = envoy_dump.chains(dump)
    assert [*envoy_body.look(chain, dump, reads_bodies=True)] == []

    sent["rds"] = {"route_config_name": "another"}
    (found,) = envoy_body.look(chain, dump, reads_bodies=True)
    assert (found.id, found.where) == ("body-limit", f"{chain.where}: ext_authz")


def test_a_virtual_host_without_routes_counts() -> None:
    configuration = config()
    del host(configuration)["routes"], host(configuration)["typed_per_filter_config"]

    assert [found.id for found in findings(configuration)] == ["body-limit"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('http.request.body.raw contains "x"', True),
        ("http.request.body.truncated", True),
        ('http.request.uri.path contains "http.request.body.raw"', False),
        ("not a rule", False),
    ],
)
def test_what_the_policy_reads(tmp_path: Path, expression: str, expected: bool) -> None:
    policy = tmp_path / "policy.yaml"
    rule = {"expression": expression, "action": "block"}
    site = {"name": "api", "hosts": ["*"], "rules": [rule]}
    policy.write_text(yaml.safe_dump({"sites": [site]}))
    settings = Settings.model_validate({"policy": str(policy)})

    assert envoy_body.policy_reads_bodies(settings, AT) is expected


def test_no_policy_reads_nothing() -> None:
    assert not envoy_body.policy_reads_bodies(Settings(), AT)
