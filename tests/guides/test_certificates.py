# SPDX-License-Identifier: Apache-2.0
"""The guides about certificates, beside a running service and the real Envoy.

Whoever the page lets in is let in, and whoever it shuts out is shut out, a moment later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name, require_envoy
from tests.factories.page_session import follow
from tests.guides.installation import Installation, install

if TYPE_CHECKING:
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = [pytest.mark.e2e, pytest.mark.deploy]

ADMIN = "https://api.example.com/admin"
PROTECTED = f"answers 403 {ADMIN} && answers 403 {ADMIN}/users && answers 200 {ADMIN}istration"
PARTNER = "https://partner.example.com/"


@pytest.fixture(scope="module")
def installed(
    children: Children, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dict[str, str]]:
    """A service with a new store, and the environment for a page's commands."""
    require_envoy()
    installation = install(children, tmp_path_factory.mktemp("certificates"), upstream, {})
    return installation, installation.asking(installation.envoy())


def by(name: str, key: str = "") -> str:
    """curl's options for the certificate that `cert issue --out NAME` put there."""
    return f"--cert {name}/client.pem --key {key or f'{name}/client.key'}"


def test_issue_and_revoke(installed: tuple[Installation, dict[str, str]]) -> None:
    page = "how-to/issue-and-revoke.md"
    installation, environment = installed

    follow(
        page,
        cwd=installation.directory,
        environment=environment,
        then=[
            ("authz host add", PROTECTED),
            ("authz cert issue", f"answers 200 {ADMIN} {by('alice')}"),
            ("authz cert issue --label bob", f"answers 200 {ADMIN} {by('bob', 'bob.key')}"),
            ("authz cert issue --label bob", f"answers 200 {ADMIN} {by('bob', 'bob.key')}"),
            ("authz cert revoke", f"answers 403 {ADMIN} {by('alice')}"),
            ("authz cert restore", f"answers 200 {ADMIN} {by('alice')}"),
        ],
    )
    followed(page, envoy_name(), "followed beside a running service: who is let in, and when")


#: A certificate that the CA issues elsewhere, with the serial number that the page revokes.
ELSEWHERE = """\
openssl req -new -newkey rsa:2048 -nodes -keyout dave.key -subj /CN=dave -out dave.csr &&
printf 'extendedKeyUsage=clientAuth\\nkeyUsage=critical,digitalSignature\\n' > dave.cnf &&
openssl x509 -req -in dave.csr -CA partner.pem -CAkey partner.key -set_serial 0x0A1B2C -days 30 \
    -extfile dave.cnf -out dave.pem"""


def test_bring_your_own_ca(installed: tuple[Installation, dict[str, str]]) -> None:
    page = "how-to/bring-your-own-ca.md"
    installation, environment = installed
    dave = f"{PARTNER} --cert dave.pem --key dave.key"

    follow(
        page,
        cwd=installation.directory,
        environment=environment,
        then=[
            ("openssl req", ELSEWHERE),
            ("authz host add", f"answers 403 {PARTNER} && answers 200 {dave}"),
            # Its CRL is nowhere.
            ("authz ca sources", f"answers 403 {dave}"),
            ("authz ca mode", f"answers 200 {dave}"),
            ("authz cert revoke", f"answers 403 {dave}"),
            ("authz cert restore", f"answers 200 {dave}"),
            ("authz cert issue", f"answers 200 {PARTNER} {by('carol')}"),
            ("authz host remove", f"answers 403 {PARTNER} {by('carol')}"),
        ],
    )
    followed(page, envoy_name(), "followed beside a running service: who is let in, and when")
