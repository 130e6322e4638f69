# SPDX-License-Identifier: Apache-2.0
"""What the demo that stays up prints so that people can go on by hand: commands to paste."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from authz.demo.commands import curl_words, shell_function, shown
from authz.demo.running import LENIENT
from authz.demo.scenario import ROWS, Row
from authz.demo.story import TABLET
from authz.demo.story_api import SENSOR, MadeOverApi, closing_rule
from authz.demo.story_steps import HOST

if TYPE_CHECKING:
    from authz.demo.api_client import Api
    from authz.demo.running import Demo

#: The path that a pasted command makes a rule for.
_CLOSED: Final = "/closed"

# Pasted as a block, curl would be quicker than the workers. POSIX: whole seconds.
_IN_FORCE: Final = "sleep 1  # in force within half a second"


def curl_command(row: Row, port: int) -> str:
    """How to send one row by hand, from the demo's directory."""
    words = ["curl", "-i", "--cacert", "server-ca.pem"]
    if row.certificate:
        words += ["--cert", f"clients/{row.certificate}.pem"]
    if row.sni:
        words += ["-H", f"Host: {row.host}"]
    for name, value in row.headers:
        words += ["-H", f"{name}: {value}"]
    words += ["--path-as-is", f"https://{row.sni or row.host}:{port}{row.path}"]
    return shown(words)


def print_commands(demo: Demo, issued: str, over_api: MadeOverApi) -> None:
    """Every row as a command, and how to go on with the certificate `issued` and over the API."""
    print("\nBy hand:\n")
    print(f"cd {shlex.quote(str(demo.directory))}")
    for number, row in enumerate(ROWS, 1):
        print(f"{curl_command(row, demo.envoy.port)}  # {number}")
    print(
        "\nWith certificates (authz reads authz.yaml here; elsewhere, --config .demo/authz.yaml):\n"
    )
    for line in certificate_commands(demo.envoy.ports[LENIENT], issued):
        print(line)
    print(f"\nOver the management API, {demo.api.url}:\n")
    for line in api_commands(demo.api, demo.envoy.ports[LENIENT], over_api):
        print(line)


def certificate_commands(port: int, issued: str) -> list[str]:
    """Commands that revoke and restore a certificate, with what curl then answers."""
    curl = shown(curl_words(f"https://{HOST}:{port}/", TABLET))
    function = shell_function()
    return [
        *([] if function is None else [function]),
        "authz cert list",
        f"authz cert revoke {issued} --reason keyCompromise",
        f"{curl}  # now 403",
        f"authz cert restore {issued}",
        f"{curl}  # now 200",
        "authz cert issue --label phone --ca devices --days 30 --out clients/phone",
        "authz host list",
    ]


def api_commands(api: Api, port: int, made: MadeOverApi) -> list[str]:
    """Calls that revoke and restore a certificate and add a rule, with what curl then answers.

    The token is read from its file when they run: it is in none of them.
    """
    zone = f"{api.url}/zones/{made.zone}"
    certificate = f"{zone}/client_certificates/{made.certificate}"
    rules = f"{zone}/rulesets/{made.ruleset}/rules"
    asked = shown(curl_words(f"https://{HOST}:{port}/", SENSOR))
    closed = shown(curl_words(f"https://{HOST}:{port}{_CLOSED}", SENSOR))
    return [
        _api_call(api, f"{zone}/client_certificates"),
        _api_call(api, "-X", "DELETE", certificate),
        _IN_FORCE,
        f"{asked}  # now 403",
        _api_call(api, "-X", "PATCH", certificate, body={"reactivate": True}),
        _IN_FORCE,
        f"{asked}  # now 200",
        _api_call(api, rules, body=closing_rule("closed", _CLOSED)),
        _IN_FORCE,
        f"{closed}  # now 403",
    ]


def _api_call(api: Api, *words: str, body: dict[str, Any] | None = None) -> str:
    """A call as a command of the demo's directory."""
    file = shlex.quote(f"{api.token_file.parent.name}/{api.token_file.name}")
    rest = list(words)
    if body is not None:
        rest += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return f'curl -i -H "Authorization: Bearer $(cat {file})" {shown(rest)}'
