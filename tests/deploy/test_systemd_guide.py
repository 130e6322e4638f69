# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/run-under-systemd.md, command by command, on a machine that is new but for systemd.

What pip would install is this working copy (that the package installs is test_package.py), and sudo
is a script. The ports are others, and systemd has no journal there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import free_port
from tests.deploy.test_systemd import version
from tests.factories.accepted import ROOT, followed
from tests.factories.page_session import follow
from tests.factories.pages import fenced
from tests.factories.real_systemd import PLACE, Machine, command_script, skip_unless_possible

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

PAGE = "how-to/run-under-systemd.md"
TOOLS, CLONE = "/opt/tools", "/opt/clone"
SUDO = """\
#!/bin/sh
[ "$1" = -u ] || exec "$@"
user=$2
shift 2
exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"
"""
#: `python3 -m venv DIRECTORY`.
VENV = f"""\
#!/bin/sh
[ "$1 $2" = "-m venv" ] && mkdir -p "$3/bin" && cp {TOOLS}/authz {TOOLS}/pip "$3/bin/"
"""
PIP = """\
#!/bin/sh
[ "$*" = "install --constraint constraints.txt ." ] && [ -f constraints.txt ]
"""
LOG = """\
mkdir -p /etc/systemd/system/{0}.service.d && cd /etc/systemd/system/{0}.service.d &&
printf '[Service]\\nStandardError=append:{1}/{0}.log\\n' > log.conf && cd - > /dev/null
"""


def test_run_under_systemd(tmp_path: Path) -> None:
    skip_unless_possible()
    ports = {one: str(free_port()) for one in ("9464", "8080", "9474")}

    def with_ports(text: str) -> str:
        for theirs, ours in ports.items():
            text = text.replace(f"127.0.0.1:{theirs}", f"127.0.0.1:{ours}")
        return text

    (tmp_path / "none.conf").touch()
    home = tmp_path / "machine"
    home.mkdir()
    files = {
        f"{TOOLS}/authz": command_script(),
        f"{TOOLS}/sudo": SUDO,
        f"{TOOLS}/python3": VENV,
        f"{TOOLS}/pip": PIP,
        f"{CLONE}/constraints.txt": (ROOT / "constraints.txt").read_text(),
    }
    settings = "/etc/authz/authz.yaml"
    (next_settings,) = [one for one in fenced(PAGE, "yaml") if one.startswith("# /etc/authz/next")]
    ready = f"[ $(curl --silent 127.0.0.1:{ports['9464']}/readyz) = ready ]"
    next_ready = f"[ $(curl --silent 127.0.0.1:{ports['9474']}/readyz) = ready ]"

    with Machine(home, files, sysusers=tmp_path / "none.conf") as machine:
        # Of /usr nothing else is written to.
        machine.run("mount", "-t", "tmpfs", "tmpfs", "/usr/lib/sysusers.d")
        machine.run("cp", "--recursive", f"{PLACE}/source/deploy", CLONE)
        ran = follow(
            PAGE,
            cwd=tmp_path,
            environment={},
            shell=(
                *machine.way,
                *("env", f"--chdir={CLONE}", f"PATH={TOOLS}:/usr/sbin:/usr/bin:/sbin:/bin"),
                "bash",
            ),
            then=[
                (
                    "sudo install -m 0644 deploy/systemd/authz.yaml",
                    f"sed -i '{sed(ports)}' {settings}",
                ),
                ("sudo install -m 0644 deploy/systemd/authz.service", LOG.format("authz", home)),
                ("sudo systemctl enable --now authz", ready),
                ("sudo -u authz /opt/authz/bin/authz token create", "[ -S /run/authz/authz.sock ]"),
                ("sudo systemctl kill", f"[ -S /run/authz/authz.sock.3 ] && {ready}"),
                ("(umask", "[ -s before-upgrade.db ]"),
                ("sudo systemctl restart authz", ready),
                (
                    "authz envoy config",
                    f"cat > /etc/authz/next.yaml <<'END'\n{with_ports(next_settings)}END",
                ),
                ("sudo sh -c 'sed -e", LOG.format("authz-next", home)),
                ("sudo systemctl start authz-next", f"{ready} && {next_ready}"),
                ("sudo systemctl restart authz", f"{ready} && {next_ready}"),
                ("sudo systemctl stop authz-next", ready),
            ],
        )
        assert machine.systemctl("is-active", "authz") == "active\n"
        machine.systemctl("stop", "authz")
    printed = {one.command.text: one.printed for one in ran}
    (health,) = [text for name, text in printed.items() if "authz health" in name]
    assert health.strip() == "ready"
    (config,) = [text for name, text in printed.items() if name.startswith("authz envoy config")]
    assert config.count("/run/authz/authz.sock") == config.count("/run/authz-next/authz.sock") == 1
    followed(PAGE, version(), "every command, in order, on a machine of its own")


def sed(ports: dict[str, str]) -> str:
    """What changes the ports in a file."""
    return ";".join(f"s/:{theirs}/:{ours}/" for theirs, ours in ports.items())
