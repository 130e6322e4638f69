# SPDX-License-Identifier: Apache-2.0
"""doctor and the real Envoy: nothing to say of what we ship, and a word for each mistake."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz import __version__
from authz.demo.client import Connection
from authz.demo.running import start_demo
from authz.demo.scenario import NO_VALID_CERTIFICATE, policy_yaml
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import authz_settings, default_options, eventually, wait_for_health
from tests.factories.accepted import accepted
from tests.factories.envoy import envoy_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream


def doctor(config: Path, admin: str) -> tuple[int, dict[str, str]]:
    """Exit status and findings, by id where they are."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "authz", "doctor", "--json"),
            *("--config", config, "--envoy-admin", admin),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, {one["id"]: one["where"] for one in json.loads(done.stdout)}


@pytest.mark.deploy
def test_the_demo_has_nothing_that_doctor_would_have_to_say(
    children: Children, tmp_path: Path, upstream: Upstream
) -> None:
    """A policy file and a store, SDS, the API, a lenient and a strict listener."""
    demo = start_demo(tmp_path, children, upstream.port)
    config, policy = tmp_path / "authz.yaml", tmp_path / "policy.yaml"
    # Two of its rules let revoked certificates in, to show that they do.
    assert set(doctor(config, demo.envoy.admin_address)[1]) == {"never-asked", "lint"}
    text = policy.read_text(encoding="utf-8")
    revoked = " or cf.tls_client_auth.cert_revoked"
    fixed = text.replace(f"'{NO_VALID_CERTIFICATE}'", f"'{NO_VALID_CERTIFICATE}{revoked}'")
    fixed = re.sub(r"'(not \(cf\.tls.*)'", rf"'\1{revoked}'", fixed)
    assert fixed != text
    policy.write_text(fixed, encoding="utf-8")
    with contextlib.closing(
        Connection(
            demo.envoy.port,
            "api.localhost",
            demo.credentials.server_ca,
            demo.credentials.client_file("valid"),
        )
    ) as connection:
        for _ in range(3):
            assert connection.send_request("/", hosts=("api.localhost",)).status == 200
    eventually(
        lambda: demo.envoy.stat("http.ingress.ext_authz.ok") >= 3, "Envoy has counted its answers"
    )

    assert doctor(config, demo.envoy.admin_address) == (0, {})
    accepted(
        "authz doctor",
        f"authz {__version__}, {envoy_name()}",
        "finds nothing in the demo, whose rules were mended",
    )


Config = dict[str, Any]


def listener(config: Config) -> Config:
    return config["static_resources"]["listeners"][0]  # type: ignore[no-any-return]  # JSON


def manager(config: Config) -> Config:
    chain = listener(config)["filter_chains"][0]
    return chain["filters"][0]["typed_config"]  # type: ignore[no-any-return]  # JSON


def ext_authz(config: Config) -> Config:
    return manager(config)["http_filters"][0]["typed_config"]  # type: ignore[no-any-return]  # JSON


def lua_before(config: Config) -> None:
    manager(config)["http_filters"].insert(
        0,
        {
            "name": "lua",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                "default_source_code": {"inline_string": "function envoy_on_request(handle) end\n"},
            },
        },
    )


def another_listener(config: Config) -> None:
    other = json.loads(json.dumps(listener(config)))
    other["name"] = "forgotten"
    del other["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]
    config["static_resources"]["listeners"].append(other)


def open_route(config: Config) -> None:
    (host,) = manager(config)["route_config"]["virtual_hosts"]
    host["routes"][1]["typed_per_filter_config"] = {
        "envoy.filters.http.ext_authz": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3."
            "ExtAuthzPerRoute",
            "disabled": True,
        }
    }


def loose(config: Config) -> None:
    ext_authz(config).update(failure_mode_allow=True, clear_route_cache=True)
    del ext_authz(config)["grpc_service"]["retry_policy"]["retry_back_off"]
    one = manager(config)
    for name in ("normalize_path", "merge_slashes", "use_remote_address"):
        one[name] = False
    one["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
    for name in ("max_connection_duration", "headers_with_underscores_action"):
        del one["common_http_protocol_options"][name]
    (authz,) = (c for c in config["static_resources"]["clusters"] if c["name"] == "authz")
    del authz["circuit_breakers"]
    (host,) = one["route_config"]["virtual_hosts"]
    del host["routes"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lua_before, {"filter-before"}),
        (another_listener, {"listener-not-checked"}),
        (open_route, {"route-not-checked"}),
        (
            loose,
            {
                "failure-mode-allow",
                "route-chosen-again",
                "try-too-short",
                "normalize-path",
                "merge-slashes",
                "escaped-slashes",
                "remote-address",
                "connection-duration",
                "underscores",
                "few-checks-at-once",
                "host-left-over",
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_mistakes_are_found_in_what_envoy_dumps(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    change: Callable[[Config], None],
    expected: set[str],
) -> None:
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    authz = start_authz(children, directory, authz_settings("auto"))
    config = yaml.safe_load(
        render_envoy_config(
            load_settings(directory / "authz.yaml"),
            default_options(credentials, upstream, authz.grpc),
        )
    )
    change(config)
    envoy = start_envoy(children, directory, yaml.safe_dump(config))
    wait_for_health(envoy, 1)

    status, found = doctor(directory / "authz.yaml", envoy.admin_address)

    assert status == 1
    # The demo's policy is there to show something, and nobody has sent a request.
    assert set(found) - {"lint", "never-asked"} == expected


def test_a_cluster_that_leads_elsewhere_is_found(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    two = authz_settings("auto", {"grpc": {"workers": 2, "port_per_worker": True}})
    authz = start_authz(children, directory, two)
    text = render_envoy_config(
        load_settings(directory / "authz.yaml"),
        # One of two workers.
        default_options(credentials, upstream, authz.grpc[:1]),
    )
    envoy = start_envoy(children, directory, text)
    wait_for_health(envoy, 1)

    found = doctor(directory / "authz.yaml", envoy.admin_address)[1]

    assert found["cluster-elsewhere"] == "cluster authz"
