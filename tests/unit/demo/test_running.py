# SPDX-License-Identifier: Apache-2.0
"""Envoy's side of the demo, and what is said when its trust bundle does not come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from authz.demo.api_client import Api
from authz.demo.processes import Children
from authz.demo.running import SETTINGS, envoy_config, require_api, require_bundle
from authz.demo.stack import Authz, Envoy, data_of
from authz.errors import DemoError
from authz.settings.model import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.processes import Child


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    program = "import time; print('a last word', flush=True); time.sleep(60)"
    with Children() as children:
        child = children.start("child", [sys.executable, "-c", program], tmp_path / "log")
        child.wait_until(lambda: "a last word" in child.tail(), "it spoke")
        yield child


def authz(child: Child, sds: str | None, admin: str | None = None) -> Authz:
    return Authz(
        child=child, grpc=("127.0.0.1:1",), metrics_address="127.0.0.1:2", sds=sds, admin=admin
    )


def test_both_listeners_get_one_bundle_and_one_of_them_verifies(
    child: Child, tmp_path: Path
) -> None:
    (tmp_path / "authz.yaml").write_text("{}\n")

    config = yaml.safe_load(envoy_config(tmp_path, authz(child, "127.0.0.1:3"), 4))

    contexts = {
        one["name"]: one["filter_chains"][0]["transport_socket"]["typed_config"]
        for one in config["static_resources"]["listeners"]
    }
    combined = {
        name: one["common_tls_context"]["combined_validation_context"]
        for name, one in contexts.items()
    }
    assert {
        name: one["default_validation_context"]["trust_chain_verification"]
        for name, one in combined.items()
    } == {"https": "ACCEPT_UNTRUSTED", "strict": "VERIFY_TRUST_CHAIN"}
    assert contexts["strict"]["require_client_certificate"] is True
    assert {one["validation_context_sds_secret_config"]["name"] for one in combined.values()} == {
        "trust"
    }


def test_an_authz_without_sds_is_not_waited_for(child: Child, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="not SDS") as caught:
        envoy_config(tmp_path, authz(child, None), 4)

    assert "a last word" in str(caught.value.hint)


@pytest.mark.parametrize("updates", [0.0, 1.0])
def test_an_envoy_without_a_trust_bundle_is_explained(
    updates: float, child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "authz.demo.stack.ask", lambda *_: (200, f"authz_sds_updates_total {updates}\n")
    )
    envoy = Envoy(child=child, admin_address="", ports={}, access_log=tmp_path / "none")
    one = authz(child, "127.0.0.1:3")

    if updates:
        require_bundle(one, envoy, 0.0)
        return
    with pytest.raises(DemoError, match=r"trust bundle from authz's SDS port 127\.0\.0\.1:3"):
        require_bundle(one, envoy, 0.0)


def test_the_system_chooses_every_port() -> None:
    settings = Settings.model_validate({key: SETTINGS[key] for key in ("sds", "admin", "store")})

    assert (settings.sds.listen, settings.admin.listen) == ("127.0.0.1:0", "127.0.0.1:0")
    assert settings.admin_active


def test_an_authz_without_an_api_is_not_waited_for(child: Child, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="not the management API") as caught:
        require_api(authz(child, None), tmp_path)

    assert "a last word" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("file", "answers", "missing"),
    [
        (False, True, r"no sign of the API's first token in .*authz-data/admin-token after"),
        (True, False, r"no sign of an answer of the API on 127\.0\.0\.1:9 to its first token"),
        (True, True, ""),
    ],
)
def test_an_api_is_there_when_it_takes_its_first_token(
    file: bool,
    answers: bool,
    missing: str,
    child: Child,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Api, "takes_its_token", lambda _: answers)
    data_of(tmp_path).mkdir()
    if file:
        (data_of(tmp_path) / "admin-token").touch()
    one = authz(child, None, "127.0.0.1:9")

    if missing:
        with pytest.raises(DemoError, match=missing):
            require_api(one, tmp_path, 0.0)
        return
    api = require_api(one, tmp_path, 0.0)
    assert api.token_file == tmp_path / "authz-data" / "admin-token"
