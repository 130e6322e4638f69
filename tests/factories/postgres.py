# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own, from the distribution, on a Unix socket and loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from tests.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

#: PostgreSQL refuses to run as root.
_USER = "postgres"


def require_postgres() -> Path:
    """Where the newest server's programs are.

    Without any that can be run here the test is skipped; it fails where AUTHZ_REQUIRE names
    postgres.
    """
    found = _binaries()
    if found is None:
        absent("postgres", "no PostgreSQL in /usr/lib/postgresql, or no user postgres")
    return found


def _binaries() -> Path | None:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    if not found:
        return None
    if os.geteuid() == 0:
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            return None
    return found[-1].parent


class Server:
    """A running server. Its databases are gone when it stops."""

    def __init__(self, programs: Path, directory: Path, options: str = "") -> None:
        self._programs = programs
        self.directory = directory
        self._data = directory / "data"
        self._numbers = count(1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._run(
            "initdb", "-D", str(self._data), "-A", "trust", "-U", _USER, "-E", "UTF8", "--no-sync"
        )
        self._options = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -k {directory} "
            f"-c max_connections=60 {options}"
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", self._options, "-w", "start")

    def kill(self) -> None:
        """End it at once, as a power cut would end its programs."""
        # The other processes end by themselves when the first one is gone; the next start waits.
        os.kill(self.pid, signal.SIGKILL)

    def restart_killed(self) -> None:
        """Start it after `kill`, when the processes of the last one are gone."""
        log = str(self.directory / "log")
        words = ["-D", str(self._data), "-l", log, "-o", self._options, "-w", "start"]
        for _ in range(100):
            if self._run("pg_ctl", *words, check=False) == 0:
                return
            # What the last one left still uses its shared memory: it says so, and ends.
        raise AssertionError(Path(log).read_text())

    @property
    def pid(self) -> int:
        """The process that everything else is a child of."""
        return int((self._data / "postmaster.pid").read_text().split("\n")[0])

    def stop(self) -> None:
        """Stop it."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop", check=False)

    def address(self, database: str, user: str = _USER) -> str:
        """How a database is named in the settings."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement as an administrator."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]  # a test's own text

    def new_database(self, template: str = "template1") -> str:
        """A database that nobody uses; its name."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, program: str, *words: str, check: bool = True) -> int:
        command = [str(self._programs / program), *words]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups", *command]
        # Not a pipe: the server would keep it open. A directory that it may look at.
        with (self.directory / "out").open("ab+") as out:
            done = subprocess.run(
                command, stdout=out, stderr=out, check=False, cwd=self.directory, timeout=60
            )
            if check and done.returncode:
                out.seek(0)
                raise AssertionError(out.read().decode())
        return done.returncode


@contextmanager
def running_server(options: str = "") -> Iterator[Server]:
    """A server until the end of the block; see `require_postgres`."""
    programs = require_postgres()
    # Not below pytest's own directory: its parents are closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="authz-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, _USER, _USER)
        server = Server(programs, directory, options)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
