# SPDX-License-Identifier: Apache-2.0
"""deploy/systemd: what systemd says of the unit, and the unit under the real systemd."""

from __future__ import annotations

import re
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz import __version__
from authz.demo.processes import free_port
from authz.demo.stack import ask
from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS
from authz.settings import load_settings
from tests.factories.accepted import ROOT, accepted, followed, tool
from tests.factories.page_blocks import all_blocks
from tests.factories.page_commands import commands_on
from tests.factories.real_systemd import Machine, command_script, skip_unless_possible

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.deploy

SYSTEMD = ROOT / "deploy" / "systemd"
UNIT = SYSTEMD / "authz.service"
DROP_INS = (SYSTEMD / "workers.conf", SYSTEMD / "loopback-only.conf")

#: Of 100, and less is better; `systemd-analyze security` calls everything below 20 "OK".
EXPOSURE = 15


def version() -> str:
    said = subprocess.run(
        [tool("systemd-analyze"), "--version"], check=True, capture_output=True, text=True
    ).stdout
    return " ".join(said.split()[:2])


def installed(directory: Path, *drop_ins: Path) -> Path:
    """The unit with drop-ins, its command replaced by one that is there."""
    unit = directory / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/authz/bin/authz", "/bin/true"))
    (directory / f"{UNIT.name}.d").mkdir()
    for one in drop_ins:
        text = one.read_text().replace("/opt/authz/bin/authz", "/bin/true")
        (directory / f"{UNIT.name}.d" / one.name).write_text(text)
    return unit


@pytest.mark.parametrize("drop_ins", [(), DROP_INS], ids=["alone", "with drop-ins"])
def test_systemd_has_nothing_to_say_about_the_unit(
    tmp_path: Path, drop_ins: tuple[Path, ...]
) -> None:
    run = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", installed(tmp_path, *drop_ins)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout + run.stderr) == (0, "")
    for file in (UNIT, *drop_ins):
        accepted(file, f"systemd-analyze {version()}", "verify, nothing to say")


def test_systemd_would_notice_a_mistake(tmp_path: Path) -> None:
    unit = installed(tmp_path)
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))

    run = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "'ProtectHomes' in section" in run.stderr


def test_the_sandbox_leaves_little_open(tmp_path: Path) -> None:
    run = subprocess.run(
        [
            *(tool("systemd-analyze"), "security", "--offline=true"),
            *(f"--threshold={EXPOSURE}", installed(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-300:]
    (exposure,) = re.findall(r"Overall exposure level for \S+: (\S+)", run.stdout)
    accepted(UNIT, f"systemd-analyze {version()}", f"security, exposure {exposure} of 10")


def test_stopping_has_time_for_the_drain() -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    from authz.node.admin.keeper import DRAIN_SECONDS as CALLS_SECONDS

    assert int(seconds) > DRAIN_SECONDS + GRACE_SECONDS + CALLS_SECONDS


def test_the_user_is_made(tmp_path: Path) -> None:
    file = SYSTEMD / "authz.sysusers.conf"
    (tmp_path / "etc").mkdir()

    run = subprocess.run(
        [tool("systemd-sysusers"), f"--root={tmp_path}", file],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert re.search(r"^authz:", (tmp_path / "etc" / "passwd").read_text(), re.MULTILINE)
    accepted(file, f"systemd-sysusers {version()}", "run: it makes the user")


def test_the_settings_fit_the_unit() -> None:
    settings = load_settings(SYSTEMD / "authz.yaml")
    unit = UNIT.read_text()

    assert settings.data_dir == Path("/var/lib/authz")
    assert "\nStateDirectory=authz\n" in unit
    assert settings.grpc.listen.startswith("unix:/run/authz/")
    assert "\nRuntimeDirectory=authz\n" in unit
    secret = settings.keys.passphrase_file
    assert secret is not None
    assert secret.parent == Path(f"/run/credentials/{UNIT.name}")
    assert f"\nLoadCredential={secret.name}:" in unit
    accepted(SYSTEMD / "authz.yaml", f"authz {__version__}", "its settings")


# --- under the real systemd ----------------------------------------------------------------------


class Installed(Machine):
    """The machine of the guide, with ports that are free here."""

    def __init__(self, home: Path) -> None:
        self.metrics = f"127.0.0.1:{free_port()}"
        self.admin = f"127.0.0.1:{free_port()}"
        settings = (SYSTEMD / "authz.yaml").read_text()
        settings = settings.replace("127.0.0.1:9464", self.metrics)
        settings = settings.replace("127.0.0.1:8080", self.admin)
        unit = "/etc/systemd/system/authz.service"
        super().__init__(
            home,
            {
                unit: UNIT.read_text(),
                # There is no journal here.
                f"{unit}.d/log.conf": f"[Service]\nStandardError=append:{home}/authz.log\n",
                "/etc/authz/authz.yaml": settings,
                "/etc/authz/key-passphrase": f"{secrets.token_hex(16)}\n",
                "/opt/authz/bin/authz": command_script(),
            },
            sysusers=SYSTEMD / "authz.sysusers.conf",
        )

    def authz(self, *arguments: str, check: bool = True) -> str:
        """A command as the guide has people run it."""
        return self.run(
            *("setpriv", "--reuid=authz", "--regid=authz", "--init-groups"),
            *("/opt/authz/bin/authz", *arguments, "--config", "/etc/authz/authz.yaml"),
            check=check,
        )

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.systemctl("show", "authz", f"--property={name}", "--value").strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    skip_unless_possible()
    with Installed(tmp_path_factory.mktemp("systemd")) as machine:
        yield machine


def test_the_unit_runs_under_the_real_systemd(machine: Installed) -> None:
    machine.systemctl("start", "authz")

    # `start` returned because the service said READY=1.
    assert ask(machine.metrics, "/readyz") == (200, "ready\n")
    assert machine.show("StatusText") == "answering checks on unix:/run/authz/authz.sock"
    assert machine.authz("health") == "ready\n"

    # Everything of it works in the sandbox: keys by the credential, the store, the API.
    machine.authz("ca", "create", "--name", "devices")
    machine.authz("host", "add", "devices.test", "--ca", "devices", "--protect", "/*")
    assert ask(machine.admin, "/sign-in")[0] == 200
    socket = machine.path("/run/authz/authz.sock")
    assert oct(socket.stat().st_mode & 0o777) == "0o660"
    assert oct(machine.path("/var/lib/authz").stat().st_mode & 0o777) == "0o700"

    machine.systemctl("reload", "authz")
    assert machine.show("ActiveState") == "active"

    # Exit status 0 within TimeoutStopSec: it drained by itself and was not killed.
    machine.systemctl("stop", "authz")
    assert machine.show("Result") == "success"
    assert machine.show("ExecMainStatus") == "0"
    accepted(UNIT, version(), "runs: ready, reloaded, drained in its sandbox")


def test_a_second_unit_bridges_a_restart(machine: Installed) -> None:
    """The guide's own file and commands, on the store of the first one."""
    page = "how-to/run-under-systemd.md"
    (block,) = [one for one in all_blocks() if one.text.startswith("# /etc/authz/next.yaml")]
    metrics = f"127.0.0.1:{free_port()}"
    text = block.text.replace("127.0.0.1:9474", metrics)
    machine.run("sh", "-c", "cat > /etc/authz/next.yaml", stdin=text)
    machine.run("ln", "-sfn", "authz", "/opt/authz-next")
    (unit,) = [one.text for one in commands_on(ROOT / "docs" / page) if "sed -e" in one.text]
    machine.run("sh", "-c", unit.removeprefix("sudo "))
    machine.systemctl("daemon-reload")

    machine.systemctl("start", "authz")
    machine.systemctl("start", "authz-next")
    assert ask(metrics, "/readyz") == (200, "ready\n")
    sockets = [machine.path(f"/run/{one}/authz.sock") for one in ("authz", "authz-next")]
    assert all(one.is_socket() for one in sockets)

    machine.systemctl("stop", "authz")
    # What goes with the first one is not the other one's.
    assert ask(metrics, "/readyz") == (200, "ready\n")
    assert [one.exists() for one in sockets] == [False, True]
    machine.systemctl("start", "authz")
    machine.systemctl("stop", "authz-next")
    assert ask(machine.metrics, "/readyz") == (200, "ready\n")
    assert machine.systemctl("show", "authz-next", "--property=Result", "--value") == "success\n"
    machine.systemctl("stop", "authz")
    followed(page, version(), "its units, settings and second unit, on a machine of their own")
