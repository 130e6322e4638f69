# SPDX-License-Identifier: Apache-2.0
"""The tutorial, command by command, with the real Envoy: what it shows is what is printed.

Only ports are others: those of the page may be taken on the machine that runs this.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from authz import __version__
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name, require_envoy
from tests.factories.page_blocks import ROOT
from tests.factories.page_session import run_page, same

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "tutorial/first-protected-path.md"
#: Where the page's programs listen: checks, bundles, metrics, API, Envoy, its admin port, upstream.
PORTS = ("50051", "50052", "9464", "8080", "8443", "9901", "8000")
SETTINGS = """\
grpc: {{listen: "127.0.0.1:{50051}"}}
sds: {{listen: "127.0.0.1:{50052}"}}
metrics: {{listen: "127.0.0.1:{9464}"}}
admin: {{listen: "127.0.0.1:{8080}"}}
"""


def free_ports() -> dict[str, str]:
    """Another port for each; all are held until all are known."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    ports = {name: str(one.getsockname()[1]) for name, one in zip(PORTS, sockets, strict=True)}
    for one in sockets:
        one.close()
    return ports


@pytest.mark.e2e
@pytest.mark.deploy
def test_every_command_of_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    require_envoy()
    ports = free_ports()
    settings = tmp_path / "authz.yaml"
    settings.write_text(_numbered(SETTINGS, ports), encoding="utf-8")

    def with_ports(command: str) -> str:
        for name, port in ports.items():
            command = command.replace(f":{name}", f":{port}")
        if command.startswith('cd "$(mktemp'):
            # The settings are read where the commands run; the page has none.
            command += f" && cp {settings} ."
        if command.endswith("> envoy.yaml"):
            for name in ("8443", "9901", "8000"):
                command += (
                    f" && sed -i 's/port_value: {name}/port_value: {ports[name]}/' envoy.yaml"
                )
        return command

    ran = run_page(
        PAGE,
        cwd=ROOT,
        environment={"TMPDIR": str(tmp_path)},
        skip=lambda command: command == "make setup",
        change=with_ports,
    )

    for one in ran:
        assert one.status == 0, f"$ {one.command.text}\n{one.printed}"
        if one.command.output:
            assert same(one.printed) == same(one.command.output), f"$ {one.command.text}"
    assert ran[-1].command.text == "kill $(jobs -p)"
    program = f"authz {__version__}, {envoy_name()}"
    followed(PAGE, program, f"its {len(ran)} commands, which print what it shows")


def _numbered(text: str, ports: dict[str, str]) -> str:
    for name, port in ports.items():
        text = text.replace("{" + name + "}", port)
    return text.replace("{{", "{").replace("}}", "}")
