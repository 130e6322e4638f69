# SPDX-License-Identifier: Apache-2.0
"""A service and an Envoy before it, in the directory in which a guide is followed.

What a page promises is asked of that Envoy by curl, from the same shell:

    answers 403 https://api.example.com/admin --cert alice/client.pem --key alice/client.key
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authz.demo.credentials import make_credentials
from authz.demo.processes import free_port
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import default_options, wait_for_health
from tests.factories.page_session import with_authz

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authz.demo.processes import Children
    from authz.demo.stack import Authz, Envoy
    from authz.demo.upstream import Upstream

#: In the place of a status: the handshake was refused.
REFUSED = "000"

#: Whose certificate the server has is no matter here, so curl does not look.
_ANSWERS = """\
#!/bin/bash
# What was changed counts a moment later.
for _ in $(seq 100); do
    got=$(curl --silent --insecure --output /dev/null --write-out '%{http_code}' --max-time 10 \\
        --connect-to "::127.0.0.1:${ENVOY_PORT}" "${@:2}")
    [ "$got" = "$1" ] && exit 0
    sleep 0.2
done
echo "${@:2}: $got, and not $1"
exit 1
"""


def answers_at(port: int, directory: Path) -> dict[str, str]:
    """Put `answers` into a directory; the environment in which it asks the Envoy on this port."""
    program = directory / "answers"
    program.write_text(_ANSWERS, encoding="utf-8")
    program.chmod(0o755)
    return {**with_authz(directory), "ENVOY_PORT": str(port)}


def shell(command: str, directory: Path, environment: Mapping[str, str]) -> str:
    """What commands beside those of the page print.

    Raises:
        AssertionError: they fail.
    """
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=directory,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The running programs.

    Attributes:
        directory: where the page's commands are run: authz.yaml and the store are there.
    """

    directory: Path
    children: Children
    upstream: Upstream
    authz: Authz

    def envoy(self, config: str | None = None, name: str = "envoy") -> Envoy:
        """An Envoy with the configuration that a page has made, or with the usual one.

        Only ports and where files are is other than the page has it.
        """
        home = self.directory / f".{name}"
        home.mkdir()
        credentials = make_credentials(home, at=time.time())
        if config is None:
            options = default_options(credentials, self.upstream, self.authz.grpc, name=name)
            config = render_envoy_config(load_settings(self.directory / "authz.yaml"), options)
        else:
            config = at_home(config, home, self.upstream.port)
        envoy = start_envoy(self.children, home, config, name=name)
        wait_for_health(envoy, len(self.authz.grpc))
        return envoy

    def asking(self, envoy: Envoy | None = None) -> dict[str, str]:
        """The environment of a page's commands: `authz`, and `answers` of this Envoy."""
        tools = self.directory / ".tools"
        tools.mkdir(exist_ok=True)
        return answers_at(envoy.port if envoy else 9, tools)


def install(
    children: Children, directory: Path, upstream: Upstream, settings: Mapping[str, Any]
) -> Installation:
    """Start the service with these settings; its ports are free ones that its files name."""
    directory.mkdir(exist_ok=True)
    ports = {name: {"listen": f"127.0.0.1:{free_port()}"} for name in ("grpc", "metrics")}
    given = {
        **settings,
        **{name: {**ports[name], **settings.get(name, {})} for name in ports},
    }
    return Installation(
        directory=directory,
        children=children,
        upstream=upstream,
        # A page may have more workers than this machine has cores.
        authz=start_authz(children, directory, given, seconds=60.0),
    )


def at_home(config: str, directory: Path, upstream: int) -> str:
    """A configuration as it is printed, with this machine's paths and ports, and nothing else."""
    for name in ("server.crt", "server.key", "proxy-ca.crt"):
        config = config.replace(f"/etc/envoy/tls/{name}", str(directory / name))
    config = re.sub(r"port_value: (9901|8443)\b", "port_value: 0", config)
    config = config.replace('address: "0.0.0.0"', 'address: "127.0.0.1"')
    return re.sub(r"port_value: 8000\b", f"port_value: {upstream}", config)
