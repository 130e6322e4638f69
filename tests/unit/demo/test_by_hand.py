# SPDX-License-Identifier: Apache-2.0
"""What can be pasted; tests/e2e/test_demo.py pastes it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from authz.demo import by_hand
from authz.demo.api_client import Api
from authz.demo.by_hand import api_commands, certificate_commands, curl_command
from authz.demo.scenario import ROWS, Row
from authz.demo.story_api import MadeOverApi

MADE = MadeOverApi(zone="z0", ruleset="r0", certificate="c0")


def row(**changes: Any) -> Row:
    given: dict[str, Any] = {
        "id": "x",
        "says": "x",
        "host": "api.localhost",
        "path": "/a",
        "certificate": "valid",
        "status": 200,
    }
    return Row(**{**given, **changes})


def test_the_command_line_repeats_the_row() -> None:
    sent = row(path="/%61;b", sni="partner.localhost", headers=(("x-a", "it's"),))

    assert curl_command(sent, 8443) == (
        "curl -i --cacert server-ca.pem --cert clients/valid.pem -H 'Host: api.localhost' "
        "-H 'x-a: it'\"'\"'s' --path-as-is 'https://partner.localhost:8443/%61;b'"
    )


def test_without_a_certificate_none_is_named() -> None:
    assert "--cert " not in curl_command(row(certificate=""), 8443)


@pytest.mark.parametrize("function", [None, 'authz() { python -m authz "$@"; }'])
def test_certificates_go_on_with_the_one_that_was_issued(
    function: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_hand, "shell_function", lambda: function)

    commands = certificate_commands(8443, "c0ffee")

    curl = (
        "curl -i --cacert server-ca.pem --cert clients/tablet/client.pem "
        "--key clients/tablet/client.key https://devices.localhost:8443/"
    )
    at = commands.index("authz cert revoke c0ffee --reason keyCompromise")
    assert commands[at + 1 : at + 4] == [
        f"{curl}  # now 403",
        "authz cert restore c0ffee",
        f"{curl}  # now 200",
    ]
    assert (commands[0] == function) is (function is not None)


def api_in(directory: Path) -> Api:
    return Api(address="127.0.0.1:8", token_file=directory / "authz-data" / "admin-token")


def test_calls_of_the_api_take_the_token_from_its_file() -> None:
    commands = api_commands(api_in(Path("/demo")), 8443, MADE)

    calls = [command for command in commands if "/client/v4/" in command]
    token = 'curl -i -H "Authorization: Bearer $(cat authz-data/admin-token)" '
    assert all(call.startswith(token) for call in calls)
    zone = "http://127.0.0.1:8/client/v4/zones/z0"
    patch = """-H 'Content-Type: application/json' -d '{"reactivate": true}'"""
    assert [call.removeprefix(token) for call in calls[:3]] == [
        f"{zone}/client_certificates",
        f"-X DELETE {zone}/client_certificates/c0",
        f"-X PATCH {zone}/client_certificates/c0 {patch}",
    ]
    *_, rules, _, _, _, body = shlex.split(calls[3])
    assert rules == f"{zone}/rulesets/r0/rules"
    assert json.loads(body)["expression"].endswith('http.request.uri.path eq "/closed"')
    answers = [one.split("  # ")[1] for one in commands if "https://" in one]
    assert answers == ["now 403", "now 200", "now 403"]


def test_every_row_is_a_command_in_the_demos_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "with space"
    envoy = SimpleNamespace(port=1, ports={"https": 1})
    demo: Any = SimpleNamespace(directory=directory, envoy=envoy, api=api_in(directory))

    by_hand.print_commands(demo, "c0ffee", MADE)

    lines = capsys.readouterr().out.splitlines()
    assert f"cd '{directory}'" in lines
    numbers = [line.rsplit("  # ", 1)[-1] for line in lines if line.startswith("curl ")]
    assert numbers[: len(ROWS)] == [str(number) for number in range(1, len(ROWS) + 1)]
    assert "authz cert restore c0ffee" in lines
    assert "Over the management API, http://127.0.0.1:8/client/v4:" in lines
