# SPDX-License-Identifier: Apache-2.0
"""The page about the management API, against a running service: curl, and the official SDK."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from authz.demo.processes import Children
from authz.demo.stack import start_authz
from tests.factories.page_session import run_page, with_authz
from tests.factories.pages import fenced

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "how-to/use-the-api.md"


def test_the_calls_of_the_page_are_answered(tmp_path: Path) -> None:
    with Children() as children:
        node = start_authz(
            children, tmp_path, {"admin": {"enabled": True, "listen": "127.0.0.1:0"}}
        )
        assert node.admin is not None
        token = tmp_path / "authz-data" / "admin-token"
        node.child.wait_until(token.exists, "the first token was there")
        address = node.admin

        ran = run_page(
            PAGE,
            cwd=tmp_path,
            environment=with_authz(tmp_path),
            # The dots stand for a call of before.
            skip=lambda command: command.rstrip().endswith("…"),
            change=lambda command: command.replace("127.0.0.1:8080", address),
        )
        for one in ran:
            assert one.status == 0, f"$ {one.command.text}\n{one.printed}"
            if one.command.text.startswith("curl") and ">" not in one.command.text:
                assert re.search(r'"success": ?true', one.printed), f"{one.command}\n{one.printed}"

        (program,) = fenced(PAGE, "python")
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
