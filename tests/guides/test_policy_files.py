# SPDX-License-Identifier: Apache-2.0
"""The guides about policy files, beside a service that answers by one, and the real Envoy."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from authz.demo.pki import make_root
from authz.demo.processes import free_port
from authz.demo.stack import start_authz
from tests.e2e.harness import eventually
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name, require_envoy
from tests.factories.page_blocks import ROOT, blocks_of
from tests.factories.page_session import follow, with_authz
from tests.factories.pages import DOCS, fenced
from tests.guides.installation import Installation, install, shell

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = [pytest.mark.e2e, pytest.mark.deploy]

API = "https://api.example.com"
BLOCK_REVOKED = """\
{ref: certificate, action: block,
         expression: not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked}"""
POLICY = f"""\
sites:
  - name: api
    hosts: [api.example.com]
    trust: [{{name: acme, certificates: [acme.pem], revoked_serials_file: revoked.txt}}]
    rules:
      - {BLOCK_REVOKED}
"""
NEW_RULE = """\
      - {ref: admin, action: block, expression: http.request.uri.path eq "/admin"}
"""


@pytest.fixture(scope="module")
def installed(
    children: Children, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dict[str, str]]:
    """A service with a policy file, and the environment for a page's commands."""
    require_envoy()
    directory = tmp_path_factory.mktemp("policy")
    at = time.time()
    authority = make_root("Acme", at=at)
    alice = authority.client("alice", at=at, serial=0x0A1B2C)
    (directory / "acme.pem").write_bytes(authority.pem)
    (directory / "alice.pem").write_bytes(alice.pem + alice.key_pem)
    (directory / "revoked.txt").write_text("# none\n")
    (directory / "policy.yaml").write_text(POLICY)
    installation = install(children, directory, upstream, {"policy": "policy.yaml"})
    return installation, installation.asking(installation.envoy())


def test_change_a_policy(installed: tuple[Installation, dict[str, str]]) -> None:
    page = "how-to/change-a-policy.md"
    installation, environment = installed
    directory, authz = installation.directory, installation.authz
    (directory / "policy.yaml.new").write_text(POLICY + NEW_RULE)
    before = authz.metric("authz_snapshot_generation")
    alice = "--cert alice.pem"
    shell(f"answers 200 {API}/admin {alice}", directory, environment)

    follow(
        page,
        cwd=directory,
        environment=environment,
        then=[
            ("authz policy validate", f"answers 200 {API}/admin {alice}"),
            ("mv", f"answers 403 {API}/admin {alice} && answers 200 {API}/ {alice}"),
        ],
    )
    assert authz.metric("authz_snapshot_generation") == before + 1
    assert authz.child.log.read_text(encoding="utf-8").count('"policy loaded"') >= 1

    # The program of the reader's own that the page stands for.
    (directory / ".tools" / "generate-revoked").write_text("#!/bin/sh\necho 0A1B2C\n")
    (directory / ".tools" / "generate-revoked").chmod(0o755)
    (renamed,) = [one.text for one in blocks_of(DOCS / page) if one.reason]
    shell(renamed.removeprefix("$ "), directory, environment)
    shell(f"answers 403 {API}/ {alice}", directory, environment)

    # What the page warns of: an empty file is an error, and the last good policy stays.
    failures = authz.metric("authz_reload_failures_total")
    (directory / "revoked.txt").write_text("")
    eventually(lambda: authz.metric("authz_reload_failures_total") > failures, "it was counted")
    shell(f"answers 403 {API}/ {alice}", directory, environment)
    assert authz.metric("authz_snapshot_generation") == before + 2
    followed(page, envoy_name(), "followed beside a running service: what is in force, and when")


# --- revocation ----------------------------------------------------------------------------------


def issuer(children: Children, directory: Path, environment: dict[str, str]) -> tuple[str, str]:
    """A CA elsewhere, which publishes CRLs and answers to OCSP: its address, its CRL's URL.

    Its files are put where the page has them: both certificates, the root's CRL, two clients of
    which one is revoked.
    """
    home = directory / "elsewhere"
    home.mkdir()
    address = f"127.0.0.1:{free_port()}"
    start_authz(children, home, {"publication": {"listen": address, "url": f"http://{address}"}})
    made = shell(
        "authz ca create --name acme --intermediate >&2;"
        "authz cert issue --label alice --days 30 --out ../alice >&2;"
        "authz cert issue --label eve --days 30 --out ../eve >&2;"
        "authz cert revoke $(openssl x509 -in ../eve/client.pem -noout -serial | cut -d= -f2) >&2;"
        "authz ca show acme --json > ca.json; cp ../alice/client.pem ../client.pem",
        home,
        environment,
    )
    assert "acme" in made
    certificates = json.loads((home / "ca.json").read_text())["certificates"]
    ids = {}
    for role, name in (("issuing", "acme-issuing"), ("trusted", "acme-root")):
        (one,) = [one for one in certificates if one["role"] == role]
        ids[role] = one["id"]
        (directory / f"{name}.pem").write_text(one["certificate"])
    root = f"http://{address}/crl/{ids['trusted']}.crl"
    crl = f"http://{address}/crl/{ids['issuing']}.crl"
    # Published a moment after it was made.
    wait = "until curl --silent --fail --output acme.crl {0}; do :; done"
    shell(wait.format(root), directory, environment)
    revoked = f"until curl --silent {crl} | openssl crl -inform DER -noout -text | grep -q 'Serial'"
    shell(f"{revoked}; do :; done", directory, environment)
    return address, crl


def test_check_revocation(children: Children, upstream: Upstream, tmp_path: Path) -> None:
    page = "how-to/check-revocation.md"
    require_envoy()
    environment = with_authz(tmp_path)
    address, crl = issuer(children, tmp_path, environment)

    def at_home(text: str) -> str:
        text = text.replace("http://crl.acme.example/issuing.crl", crl)
        text = text.replace("http://ocsp.acme.example", f"http://{address}/ocsp")
        return text.replace("pki.corp.example", "127.0.0.1")

    policy, settings = (at_home(one) for one in fenced(page, "yaml"))
    rules = f"    rules:\n      - {BLOCK_REVOKED}\n"
    (tmp_path / "policy.yaml").write_text(policy + rules)
    fetch: dict[str, Any] = yaml.safe_load(settings)
    given = {"policy": "policy.yaml", "store": "on", **fetch}
    (tmp_path / "before.yaml").write_text(yaml.safe_dump({"policy": "policy.yaml", **fetch}))
    said = shell("authz policy validate policy.yaml --config before.yaml", tmp_path, environment)
    # The page: it names what was not fetched yet.
    assert crl in said

    installation = install(children, tmp_path, upstream, given)
    environment = installation.asking(installation.envoy())
    # The store of the page has the authority, too.
    shell(
        "cat acme-issuing.pem acme-root.pem > acme.pem && authz ca upload acme.pem --name acme",
        tmp_path,
        environment,
    )
    alice, eve = (f"--cert {name}/client.pem --key {name}/client.key" for name in ("alice", "eve"))
    shell(f"answers 200 {API}/ {alice} && answers 403 {API}/ {eve}", tmp_path, environment)
    ran = follow(page, cwd=tmp_path, environment=environment, change=at_home)

    assert "Next Update" in ran[-2].printed
    assert {"Response verify OK", "client.pem: good"} <= set(ran[-1].printed.splitlines())
    authz = installation.authz
    for metric in (
        "authz_fetch_success_timestamp_seconds",
        "authz_fetch_next_update_timestamp_seconds",
    ):
        assert authz.metric(metric, kind="crl") > 0
        assert authz.metric(metric, kind="ocsp") > 0
    assert (ROOT / "docs" / page).read_text().count("authz_fetch_failures_total") == 1
    assert authz.metric("authz_fetch_failures_total") == 0
    followed(page, envoy_name(), "followed beside a service that fetches from a CA of its own")
