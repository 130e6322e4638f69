# SPDX-License-Identifier: Apache-2.0
"""Rules that ask about certificates in sites that trust no authority."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.cli.doctor.installation import look
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.services.zones import create_zone
from authz.settings import Settings
from authz.store.engine import open_store
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from pathlib import Path

ASKS = "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
POLICY = """\
sites:
  - name: asks
    hosts: [api.example.com, "*.devices.example.com"]
    trust: [{name: acme, certificates: [ca.pem]}]
  - name: open
    hosts: ["*", open.devices.example.com]
    rules: [{expression: 'EXPRESSION', action: block}]
"""


def told(tmp_path: Path, expression: str, policy: str = POLICY) -> list[str]:
    (tmp_path / "ca.pem").write_bytes(root().pem)
    file = tmp_path / "policy.yaml"
    file.write_text(policy.replace("EXPRESSION", expression), encoding="utf-8")
    found = look(Settings.model_validate({"policy": str(file)}), AT)
    return [one.what for one in found if one.id == "no-trust"]


@pytest.mark.parametrize(
    "hosts",
    [
        'http.host eq "api.example.com"',
        'http.host in {"api.example.com" "one.devices.example.com"}',
        '(http.host eq "api.example.com" or lower(http.host) eq "one.devices.example.com")',
        # Nothing at all is let through by it, wherever it is asked.
        '(http.host eq "api.example.com" and http.host eq "open.example.com")',
    ],
)
def test_a_rule_about_hosts_with_authorities_is_no_finding(tmp_path: Path, hosts: str) -> None:
    assert told(tmp_path, f"{hosts} and {ASKS}") == []


@pytest.mark.parametrize(
    "hosts",
    [
        "ssl",
        # Another host of this very site.
        'http.host eq "open.example.com"',
        'http.host in {"api.example.com" "open.example.com"}',
        # One name below it is this site's.
        'ends_with(http.host, ".devices.example.com")',
        # A host may begin or end in the middle of a label.
        'ends_with(http.host, "vices.example.com")',
        'starts_with(http.host, "api.")',
        # All but these.
        'http.host ne "api.example.com"',
        '(http.host eq "api.example.com" or ssl)',
    ],
)
def test_what_is_not_certain_is_told(tmp_path: Path, hosts: str) -> None:
    (what,) = told(tmp_path, f"{hosts} and {ASKS}")

    assert 'site "open" trusts no authority' in what


def test_all_names_below_a_wildcard_with_authorities(tmp_path: Path) -> None:
    policy = POLICY.replace(", open.devices.example.com", "")

    below = f'ends_with(http.host, ".devices.example.com") and {ASKS}'
    assert told(tmp_path, below, policy) == []
    above = f'ends_with(http.host, ".example.com") and {ASKS}'
    assert len(told(tmp_path, above, policy)) == 1


@pytest.mark.parametrize("zone", [None, "localhost"])
@pytest.mark.parametrize("host", ["devices.localhost", "*.localhost"])
def test_a_path_that_was_protected_as_the_tutorial_does_it(
    tmp_path: Path, zone: str | None, host: str
) -> None:
    store = open_store("sqlite", tmp_path)
    if zone:
        create_zone(store, zone, actor="tester", at=AT)
    upload_authority(store, root().pem, name="acme", actor="tester", at=AT)
    add_host(store, host, authority="acme", protect=["/admin"], actor="tester", at=AT)
    store.close()

    assert list(look(Settings.model_validate({"data_dir": str(tmp_path)}), AT)) == []
