# SPDX-License-Identifier: Apache-2.0
"""The page about published CRLs and OCSP: OpenSSL asks a running service what the page has it ask.

What is published follows a change moments later, so each question is asked until the answer is
the one that the page shows.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.stack import start_authz
from tests.conftest import absent
from tests.factories.accepted import followed
from tests.factories.page_commands import commands_on
from tests.factories.page_session import run_page, with_authz
from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "how-to/publish-crls-and-ocsp.md"
ASK = """\
for _ in $(seq 100); do
    said="$({command} 2>&1)"
    [[ $said == *{shown}* ]] && break
    sleep 0.2
done
echo "$said\""""


@pytest.mark.deploy
def test_openssl_gets_the_answers_that_the_page_shows(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        absent("openssl", "there is no openssl")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    commands = commands_on(DOCS / PAGE)
    # The same question stands on the page twice, with different answers.
    shown = iter(commands)

    def at_home(command: str) -> str:
        lines = next(shown).output.splitlines()
        command = command.replace("pki.example.com", address).replace(
            "revoke ID", 'revoke "$(authz cert list --json | jq -r ".[0].id")"'
        )
        if not lines:
            return command
        return ASK.format(command=command, shown=shlex.quote(lines[-1]))

    with Children() as children:
        start_authz(
            children,
            tmp_path,
            {"publication": {"listen": address, "url": f"http://{address}"}},
        )
        ran = run_page(
            PAGE,
            cwd=tmp_path,
            environment=with_authz(tmp_path),
            change=at_home,
        )

    assert len(ran) == len(commands)
    for one in ran:
        assert one.status == 0, f"$ {one.command.text}\n{one.printed}"
        printed = one.printed.splitlines()
        missing = [line for line in one.command.output.splitlines() if line not in printed]
        assert not missing, f"$ {one.command.text}\n{one.printed}"
    said = subprocess.run([openssl, "version"], capture_output=True, text=True, check=True).stdout
    followed(PAGE, " ".join(said.split()[:2]), "gets the answers that the page shows")
