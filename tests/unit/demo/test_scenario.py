# SPDX-License-Identifier: Apache-2.0
"""The scenario is complete and says of Cloudflare's expressions what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from authz.demo.credentials import SERVER_NAMES, Credentials, make_credentials
from authz.demo.scenario import (
    NO_VALID_CERTIFICATE,
    NOT_THE_PINNED_ONE,
    NOT_VALID_OR_REVOKED,
    ROWS,
    SPOOFED,
    policy_yaml,
)
from authz.policy.decision import Reason
from authz.sources.policy_file import load_policy

if TYPE_CHECKING:
    from pathlib import Path

#: The rows that the demo must have, whatever else it shows.
NEEDED = {
    "no-certificate",
    "valid",
    "expired",
    "self-signed",
    "other-ca",
    "server-auth-only",
    "revoked-by-crl",
    "revoked-by-serial",
    "pinned-right",
    "pinned-wrong",
    "public-path",
    "intermediate-in-bundle",
    "spoofed-headers",
    "upstream-headers",
}


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return make_credentials(tmp_path, at=1_800_000_000.0)


def test_every_needed_row_is_there_once() -> None:
    ids = [row.id for row in ROWS]

    assert set(ids) >= NEEDED
    assert len(ids) == len(set(ids))


def test_every_row_can_be_sent(credentials: Credentials) -> None:
    for row in ROWS:
        assert row.certificate in {"", *credentials.clients}
        assert {row.host, row.sni or row.host} <= set(SERVER_NAMES)
        assert row.reason in {"", *Reason}


def test_the_policy_is_valid_and_its_rules_are_those_that_rows_name(
    credentials: Credentials,
) -> None:
    file = credentials.directory / "policy.yaml"
    file.write_text(policy_yaml(credentials), encoding="utf-8")

    model = load_policy(file).model

    refs = {rule.ref for site in model.sites for rule in site.rules}
    assert {row.rule for row in ROWS if row.rule} == refs


def test_the_three_expressions_are_in_force_as_the_page_writes_them(
    credentials: Credentials,
) -> None:
    document = yaml.safe_load(policy_yaml(credentials))

    expressions = {
        site["name"]: [r["expression"] for r in site.get("rules", ())] for site in document["sites"]
    }
    fingerprint = credentials.clients["valid"].fingerprint.upper()
    assert expressions["api"] == [NO_VALID_CERTIFICATE]
    assert expressions["pinned"] == [NOT_THE_PINNED_ONE.replace("{fingerprint}", fingerprint)]
    assert expressions["admin"] == [NOT_VALID_OR_REVOKED]
    assert NO_VALID_CERTIFICATE == "not cf.tls_client_auth.cert_verified"


def test_spoofed_headers_are_looked_for_upstream() -> None:
    (row,) = [row for row in ROWS if row.id == "spoofed-headers"]

    assert dict(row.upstream) == {name: None for name, _ in SPOOFED}
