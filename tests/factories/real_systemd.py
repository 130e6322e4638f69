# SPDX-License-Identifier: Apache-2.0
"""The real systemd as the first process of namespaces of its own, to run a unit as it is shipped.

It needs root. The machine's network is shared; its files are seen through overlays, so that nothing
of what happens inside is left behind. Of systemd's own units there are only stubs: it starts the
service and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.conftest import absent
from tests.factories.relocated import bind_commands, python

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEMD = Path("/lib/systemd/systemd")

#: Where this interpreter and working copy are inside.
PLACE = "/opt/relocated"

#: What a service waits for, or is stopped by, unless it says otherwise.
_STUBS = ("sysinit", "basic", "shutdown", "network-online", "multi-user")

#: Overlays before anything else is mounted; then what systemd expects of a machine.
_ENTER = """\
set -eu
home=$1
mount --make-rprivate /
mount -t tmpfs tmpfs "$home/layers"
for directory in etc var opt; do
    mkdir -p "$home/layers/$directory/upper" "$home/layers/$directory/work"
    mount -t overlay overlay "/$directory" -o \\
        "lowerdir=/$directory,upperdir=$home/layers/$directory/upper,workdir=$home/layers/$directory/work"
done
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /run -o mode=755
for directory in /lib/systemd/system /lib/systemd/system-generators /etc/systemd/system; do
    mount -t tmpfs tmpfs "$directory"
done
cp -a "$home/root/." /
. "$home/bind.sh"
systemd-sysusers "$home/sysusers.conf"
# As on any machine: what systemd mounts for a service (its credentials) is seen by others.
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --unit=multi-user.target --log-target=console --log-level=info
"""


def skip_unless_possible() -> None:
    """Skip the test where there is no systemd, no root or no namespaces of one's own.

    It fails instead where `AUTHZ_REQUIRE` names `systemd`.
    """
    if not SYSTEMD.exists():
        absent("systemd", "systemd is not installed; Debian has it: apt-get install systemd")
    if os.geteuid() != 0:
        absent("systemd", "root is needed to start a systemd")
    namespaces = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--cgroup", "--fork", "--mount-proc"),
            *("sh", "-c", "mount --make-rprivate / && mount -t cgroup2 none /mnt"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if namespaces.returncode != 0:
        absent("systemd", f"no namespaces here: {namespaces.stderr.strip()}")


class Machine:
    """A systemd with one service; a context manager.

    Args:
        home: an empty directory.
        files: what is on the machine besides what this one has, by absolute path.
        sysusers: a file of sysusers.d(5), which makes users before anything starts.
    """

    def __init__(self, home: Path, files: Mapping[str, str], *, sysusers: Path) -> None:
        self._home = home
        self.log = home / "console.log"
        (home / "layers").mkdir()
        shutil.copy(sysusers, home / "sysusers.conf")
        (home / "bind.sh").write_text(bind_commands(PLACE), encoding="utf-8")
        stubs = {f"/lib/systemd/system/{name}.target": "[Unit]\n" for name in _STUBS}
        for path, text in {**stubs, **files}.items():
            file = home / "root" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o755 if text.startswith("#!") else 0o600 if "passphrase" in path else 0o644)
        # /lib is a link where /usr is merged, and must stay one.
        library = home / "root" / "lib"
        library.rename(home / "root" / "usr-lib")
        (home / "root" / "usr").mkdir(exist_ok=True)
        (home / "root" / "usr-lib").rename(home / "root" / "usr" / "lib")

    def __enter__(self) -> Self:
        with self.log.open("wb") as console:
            self._unshare = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--uts", "--ipc", "--cgroup"),
                    *("--fork", "--mount-proc", "--kill-child=KILL"),
                    *("sh", "-c", _ENTER, "sh", str(self._home)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self._pid = self._until_up()
        return self

    def __exit__(self, *_: object) -> None:
        # The first process of a namespace ends all others with it.
        os.kill(self._pid, signal.SIGKILL)
        self._unshare.wait()

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """What `systemctl` inside says; `start` and `reload` return when the unit says so."""
        return self.run("systemctl", *arguments, check=check)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> str:
        """What a command inside prints, as root."""
        run = subprocess.run(
            [*self.way, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = run.stdout + run.stderr
        assert run.returncode == 0 or not check, f"{command}: {said}\n{self.log.read_text()}"
        return said

    @property
    def way(self) -> tuple[str, ...]:
        """What a command is put behind, to be run inside."""
        return ("nsenter", f"--target={self._pid}", "--mount", "--pid", "--ipc", "--")

    def path(self, inside: str) -> Path:
        """A file of the machine, as it is reached from here."""
        return Path(f"/proc/{self._pid}/root{inside}")

    def _until_up(self) -> int:
        limit = time.monotonic() + 60
        while time.monotonic() < limit and self._unshare.poll() is None:
            for pid in _children(self._unshare.pid):
                if Path(f"/proc/{pid}/root/run/systemd/private").exists():
                    return pid
            time.sleep(0.05)
        raise AssertionError(f"systemd did not start:\n{self.log.read_text(errors='replace')}")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in listed.split()]


def command_script() -> str:
    """A `/opt/authz/bin/authz` that runs this working copy with this interpreter."""
    return f'#!/bin/sh\nexec {" ".join(python(PLACE))} -m authz "$@"\n'
