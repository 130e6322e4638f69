# SPDX-License-Identifier: Apache-2.0
"""What the demo that stays up prints so that people can go on by hand: commands to paste."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from authz.demo.commands import curl_words, shell_function, shown
from authz.demo.running import LENIENT
from authz.demo.scenario import ROWS, Row
from authz.demo.story import TABLET
from authz.demo.story_steps import HOST

if TYPE_CHECKING:
    from authz.demo.running import Demo


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


def print_commands(demo: Demo, issued: str) -> None:
    """Every row as a command, and how to go on with the certificate `issued`."""
    print("\nBy hand:\n")
    print(f"cd {shlex.quote(str(demo.directory))}")
    for number, row in enumerate(ROWS, 1):
        print(f"{curl_command(row, demo.envoy.port)}  # {number}")
    print(
        "\nWith certificates (authz reads authz.yaml here; elsewhere, --config .demo/authz.yaml):\n"
    )
    for line in certificate_commands(demo.envoy.ports[LENIENT], issued):
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
