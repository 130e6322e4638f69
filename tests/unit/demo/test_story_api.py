# SPDX-License-Identifier: Apache-2.0
"""What is made for the calls of the story; its steps and their order are in test_story."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from authz.demo.story_api import SENSOR, MadeOverApi, closing_rule, tell_api
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path


class Recorder:
    """Takes calls, and answers what `tell_api` reads."""

    def __init__(self, directory: Path, zones: int = 1) -> None:
        self.directory = directory
        self.bodies: dict[str, Any] = {}
        self.refused: list[str] = []
        self._found = [{"id": str(number)} for number in range(zones)]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        if body is not None:
            self.bodies[f"{method} {path}"] = body
        if "?" in path:
            return self._found
        return {"id": "9", "certificate": "PEM", "value": "secret"}

    def call_with(self, name: str, token: str, step: str, method: str, path: str) -> None:
        self.refused.append(f"{name} {token} {step} {method} {path}")

    def open_connection(self, _client: object) -> object:
        return object()

    def on(self, *_: object) -> None:
        pass


def test_the_certificate_is_asked_for_a_key_that_stays_here(tmp_path: Path) -> None:
    telling: Any = Recorder(tmp_path)

    assert tell_api(telling) == MadeOverApi(zone="0", ruleset="9", certificate="9")

    asked = telling.bodies["POST /zones/0/client_certificates"]
    request = x509.load_pem_x509_csr(asked["csr"].encode())
    key = load_pem_private_key((tmp_path / SENSOR.key).read_bytes(), None)
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    assert stat.S_IMODE((tmp_path / SENSOR.key).stat().st_mode) == 0o600
    assert (tmp_path / SENSOR.certificate).read_text() == "PEM"


def test_the_token_may_read_certificates_of_the_zone_alone(tmp_path: Path) -> None:
    telling: Any = Recorder(tmp_path)
    tell_api(telling)

    (policy,) = telling.bodies["POST /user/tokens"]["policies"]
    assert policy["permission_groups"] == [{"id": "0"}]
    assert policy["resources"] == {"com.cloudflare.api.account.zone.0": "*"}
    assert telling.refused == [
        "reader secret api-not-permitted DELETE /zones/0/client_certificates/9"
    ]


def test_the_rule_is_about_one_path_of_the_host(tmp_path: Path) -> None:
    telling: Any = Recorder(tmp_path)
    tell_api(telling)

    assert telling.bodies["POST /zones/0/rulesets/9/rules"] == closing_rule(
        "maintenance", "/maintenance"
    )
    assert closing_rule("x", "/y")["expression"] == (
        'http.host eq "devices.localhost" and http.request.uri.path eq "/y"'
    )


@pytest.mark.parametrize("zones", [0, 2])
def test_a_zone_that_is_not_found_once_ends_the_story(zones: int, tmp_path: Path) -> None:
    telling: Any = Recorder(tmp_path, zones)

    with pytest.raises(DemoError, match=f"the API knows {zones} of zone default, not one"):
        tell_api(telling)
