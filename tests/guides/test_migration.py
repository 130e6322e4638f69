# SPDX-License-Identifier: Apache-2.0
"""The guide about moving from Cloudflare, with a small Cloudflare on loopback in its place.

Another installation of this service is a real one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from authz import __version__
from authz.demo.stack import start_authz
from tests.factories.accepted import followed
from tests.factories.cloudflare import BASE, MANAGED_CA, TOKEN, client_certificate, typical
from tests.factories.http_server import serving
from tests.factories.page_session import follow, with_authz
from tests.guides.installation import shell
from tests.unit.sources.test_terraform_state import RULESET_V5, ZONE_V5, state

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.processes import Children

pytestmark = pytest.mark.deploy

PAGE = "how-to/migrate-from-cloudflare.md"
#: As the page says, where something is another thing here: trust per host.
NOT_ALL = " || [ $? = 1 ]"
#: The zone is answered for, and its host asks for the new CA.
TAKEN = """\
authz zone list --json | jq -e 'any(.[]; .name == "example.com")' &&
authz host list --json | jq -e 'any(.[]; .hostname == "api.example.com")'"""
#: Let in before, and let in again: nothing is left to be changed.
AGAIN = """\
authz import cloudflare --token-file token --api "$CLOUDFLARE" --yes > again.txt || [ $? = 1 ]
! grep "changed:" again.txt"""


def test_migrate_from_cloudflare(children: Children, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for one in (here, there):
        one.mkdir()
    (here / "token").write_text(TOKEN)
    (here / "managed-ca.pem").write_bytes(MANAGED_CA.pem)
    (here / "state.json").write_bytes(state(ZONE_V5, RULESET_V5))
    admin = {"admin": {"enabled": True, "listen": "127.0.0.1:0"}}
    other = start_authz(children, there, admin)
    token = there / "authz-data" / "admin-token"
    other.child.wait_until(token.exists, "the first token was there")
    (here / "admin-token").write_bytes(token.read_bytes())
    environment = with_authz(tmp_path)
    shell(
        "authz ca create --name Elsewhere && authz host add elsewhere.test --ca Elsewhere",
        there,
        environment,
    )

    # Terraform is not here: its state is.
    (tmp_path / "terraform").write_text('#!/bin/sh\n[ "$*" = "state pull" ] && cat state.json\n')
    (tmp_path / "terraform").chmod(0o755)
    fake = typical(
        hosts={"": ["api.example.com"]},
        certificates=[client_certificate("alice"), client_certificate("bob", "revoked", 2)],
    )
    with serving(fake.answer) as server:
        address = server.url(BASE)

        def at_home(command: str) -> str:
            if "--api" in command:
                return command.replace("127.0.0.1:8080", str(other.admin)).rstrip()
            if "--token-file token" in command:
                return command.rstrip() + f" --api {address}{NOT_ALL}"
            return command

        ran = follow(
            PAGE,
            cwd=here,
            environment={**environment, "CLOUDFLARE": address},
            languages=("sh",),
            change=at_home,
            then=[
                ("authz import cloudflare", "[ -s cloudflare.json ] && [ ! -e authz-data ]"),
                ("terraform state pull", "[ ! -e authz-data ]"),
                ("authz import cloudflare --token-file token --managed-ca", "true"),
                ("authz import cloudflare --token-file token --yes", AGAIN),
                ("authz ca create", TAKEN),
            ],
        )
    printed = [one.printed for one in ran]
    first, _, managed, _, _, last = printed
    assert "managed_ca: issued by Cloudflare's managed CA" in first
    assert "managed_ca: issued" not in managed
    assert "authority Elsewhere" in last
    assert "changed:" in last
    saved = json.loads((here / "cloudflare.json").read_text())
    assert saved["format"] == "authz-cloudflare-export"
    followed(PAGE, f"authz {__version__}", "followed, a small Cloudflare on loopback being asked")
