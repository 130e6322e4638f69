# SPDX-License-Identifier: Apache-2.0
"""Commands of the demo's story, run as a user would in the demo's directory: `authz` and `curl`.

`authz` finds authz.yaml there by itself. What the commands are, is the story's business.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.demo.client import Connection
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How long a command may take, in seconds.
COMMAND_SECONDS: Final = 30.0

#: What is shown for a handshake that Envoy refused.
REFUSED: Final = "refused"

#: How curl ends when the handshake is refused: in it, or, as in TLS 1.3 the client is done before
#: the server has looked at its certificate, when it sends or reads (16: what HTTP/2 calls that).
_CURL_REFUSED: Final = frozenset({16, 35, 55, 56})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A certificate with its chain and its key, as files below the demo's directory.

    `key` is `""` when it is in the same file.
    """

    certificate: str
    key: str = ""


def run_authz(directory: Path, arguments: str) -> str:
    """What `authz ARGUMENTS` prints.

    Raises:
        DemoError: it does not end with 0; the hint has what it said.
    """
    command = [sys.executable, "-m", "authz", *shlex.split(arguments)]
    try:
        run = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"`authz {arguments}` took more than {COMMAND_SECONDS:g} s") from error
    if run.returncode != 0:
        raise DemoError(
            f"`authz {arguments}` ended with status {run.returncode}",
            hint=f"it said:\n{run.stderr.strip()}",
        )
    return run.stdout


def curl_words(url: str, client: Client | None) -> list[str]:
    """The curl command that asks for `url`, to be run in the demo's directory."""
    words = ["curl", "-i", "--cacert", "server-ca.pem"]
    if client is not None:
        words += ["--cert", client.certificate]
        words += ["--key", client.key] if client.key else []
    return [*words, url]


def ask_by_curl(directory: Path, host: str, port: int, client: Client | None) -> str:
    """The status of one request on a new connection, REFUSED, or what else curl ended with.

    Without a curl on this machine, the demo's own client asks.
    """
    if shutil.which("curl") is None:
        return _ask_by_ourselves(directory, host, port, client)
    program, *words = curl_words(f"https://{host}:{port}/", client)
    # Neither the user's settings nor a proxy nor a resolver without *.localhost may interfere.
    own = ["-q", "--silent", "--noproxy", "*", "--resolve", f"{host}:{port}:127.0.0.1"]
    run = subprocess.run(
        [program, *own, "--max-time", "10", *words],
        cwd=directory,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if run.returncode in _CURL_REFUSED:
        return REFUSED
    status = re.match(rb"HTTP/\S+ (\d+)", run.stdout)
    return f"curl: {run.returncode}" if status is None else status[1].decode()


def connect(directory: Path, host: str, port: int, client: Client | None) -> Connection:
    """A connection of the demo's own client, which stays open between requests."""
    certificate = None if client is None else directory / client.certificate
    key = directory / client.key if client is not None and client.key else None
    return Connection(port, host, directory / "server-ca.pem", certificate, key)


def ask_on(connection: Connection, host: str, path: str = "/") -> str:
    """The status of one request, or REFUSED."""
    try:
        return str(connection.send_request(path, hosts=(f"{host}:{connection.port}",)).status)
    except (ssl.SSLError, ConnectionError):
        return REFUSED


def _ask_by_ourselves(directory: Path, host: str, port: int, client: Client | None) -> str:
    with contextlib.closing(connect(directory, host, port, client)) as connection:
        return ask_on(connection, host)


def shell_function() -> str | None:
    """A shell function that makes `authz` mean this one; None where it does already."""
    found = shutil.which("authz")
    own = Path(sys.executable).parent / "authz"
    if found is not None and own.exists() and Path(found).samefile(own):
        return None
    return f'authz() {{ {shlex.quote(sys.executable)} -m authz "$@"; }}'


def shown(words: Sequence[str]) -> str:
    """A command as it is typed."""
    return shlex.join(words)
