# SPDX-License-Identifier: Apache-2.0
"""The guides about the management API, beside a running service: curl, and the official SDK."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from authz.demo.stack import start_authz
from tests.factories.accepted import followed
from tests.factories.page_session import follow, with_authz
from tests.factories.pages import fenced

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.processes import Children

pytestmark = pytest.mark.deploy

CURL = "curl"


def serving(children: Children, directory: Path) -> str:
    """A service with a new store, which has written its first token: where its API is."""
    node = start_authz(children, directory, {"admin": {"enabled": True, "listen": "127.0.0.1:0"}})
    token = directory / "authz-data" / "admin-token"
    node.child.wait_until(token.exists, "the first token was there")
    assert node.admin is not None
    return node.admin


def test_use_the_api(children: Children, tmp_path: Path) -> None:
    page = "how-to/use-the-api.md"
    address = serving(children, tmp_path)

    ran = follow(
        page,
        cwd=tmp_path,
        environment=with_authz(tmp_path),
        # The dots stand for a call of before.
        skip=lambda command: command.rstrip().endswith("…"),
        change=lambda command: command.replace("127.0.0.1:8080", address),
    )
    for one in ran:
        if one.command.text.startswith(CURL) and ">" not in one.command.text:
            assert re.search(r'"success": ?true', one.printed), f"{one.command}\n{one.printed}"

    (program,) = fenced(page, "python")
    listed = subprocess.run(
        [sys.executable, "-c", program.replace("127.0.0.1:8080", address)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    # The one that the page issued, revoked and let in again.
    assert re.fullmatch(r"[0-9a-f]{32} alice \S+\n", listed)
    followed(page, f"cloudflare {version('cloudflare')}", "followed with curl, and its program")


def answers(status: int, address: str, token: str) -> str:
    """Fails unless a call with the token, which a shell finds by `token`, has this status."""
    return (
        f'( said="$(curl --silent --output /dev/null --write-out "%{{http_code}}" '
        f'--header "Authorization: Bearer $({token})" '
        f'http://{address}/client/v4/user/tokens/verify)"\n'
        f'[ "$said" = {status} ] || {{ echo "$said, and not {status}"; exit 1; }} )'
    )


def test_api_tokens(children: Children, tmp_path: Path) -> None:
    page = "how-to/api-tokens.md"
    address = serving(children, tmp_path)
    first, rolled = "jq -r .token renewal.json", "cat renewal.token"

    ran = follow(
        page,
        cwd=tmp_path,
        environment=with_authz(tmp_path),
        languages=("console", "sh"),
        change=lambda command: command.replace("127.0.0.1:8080", address),
        then=[
            ("(umask", answers(200, address, "jq -r .token operator.json")),
            ("authz token create --name renewal", answers(200, address, first)),
            ("authz token create --name auditor", answers(200, address, "cat auditor.token")),
            (
                "authz token roll",
                f"{answers(401, address, first)} && {answers(200, address, rolled)}",
            ),
            ("authz token revoke", answers(401, address, "cat auditor.token")),
        ],
    )

    said = {one.command.text.partition(" --")[0]: one.printed for one in ran}
    listed = said["authz token list"]
    assert all(re.search(rf"\b{name}\b", listed) for name in ("operator", "renewal", "auditor"))
    assert "token.revoke" in said["authz audit"]
    assert "SSL and Certificates Write" in ran[-1].printed
    followed(page, f"curl {curl_version()}", "followed: what each token opens, and when")


def curl_version() -> str:
    """Of the curl that pages call."""
    return subprocess.run(
        [CURL, "--version"], capture_output=True, text=True, check=True, timeout=20
    ).stdout.split()[1]
