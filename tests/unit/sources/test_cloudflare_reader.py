# SPDX-License-Identifier: Apache-2.0
"""Everything that an import needs is read by the API, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import FetchError, PolicyError
from authz.sources.cloudflare_client import CloudflareClient
from authz.sources.cloudflare_document import read_export, write_export
from authz.sources.cloudflare_reader import read_cloudflare
from tests.factories.cloudflare import (
    ACCOUNT,
    BASE,
    OWN_CA_ID,
    TOKEN,
    Failure,
    FakeCloudflare,
    FakeZone,
    client_certificate,
    fake_list,
    own_ca,
    rule,
    ruleset,
    typical,
)
from tests.factories.http_server import serving

if TYPE_CHECKING:
    from authz.sources.cloudflare_document import ExportDocument


def read(fake: FakeCloudflare, *names: str) -> ExportDocument:
    with serving(fake.answer) as server:
        found = read_cloudflare(CloudflareClient(server.url(BASE), TOKEN), names)
        assert {one.method for one in server.requests} == {"GET"}
    return found


def test_everything_is_read() -> None:
    fake = typical(
        rulesets=[
            ruleset(rule("protect")),
            ruleset(kind="managed", phase="http_request_firewall_managed", number=0x78),
            ruleset(rule("limit"), phase="http_ratelimit", number=0x79),
        ],
        hosts={"": ["b.example.com"], OWN_CA_ID: ["api.example.com"]},
        certificates=[client_certificate(f"c{n}", serial=n) for n in (1, 2, 3)],
    )
    fake.rulesets = [ruleset(rule("account"), kind="root", number=0x80)]
    items = [{"ip": f"192.0.2.{n}"} for n in range(5)]
    fake.lists = [fake_list("office", "ip", *items)]

    found = read(fake)

    (zone,), (account,) = found.zones, found.accounts
    assert [one.phase for one in zone.rulesets] == [
        "http_request_firewall_custom",
        "http_ratelimit",
    ]
    assert [one["ref"] for one in zone.rulesets[0].rules or ()] == ["protect"]
    assert [one.common_name for one in zone.client_certificates] == ["c1", "c2", "c3"]
    assert [(one.mtls_certificate_id, one.hostnames) for one in zone.hostname_associations] == [
        (None, ["b.example.com"]),
        (OWN_CA_ID, ["api.example.com"]),
    ]
    assert (account.id, account.name) == (ACCOUNT, "Acme")
    assert [one.ip for one in account.lists[0].items] == [one["ip"] for one in items]
    assert [one.id for one in account.mtls_certificates] == [OWN_CA_ID]
    assert [one.kind for one in account.rulesets] == ["root"]


def test_what_was_read_and_saved_is_read_again() -> None:
    text = write_export(read(typical(certificates=[client_certificate("alice")])))

    assert write_export(read_export(text.encode(), "export.json")) == text


def test_only_the_zones_that_are_named_are_read() -> None:
    fake = FakeCloudflare(
        zones=[FakeZone(name=f"{n}.example", number=n) for n in range(3)], certificates=[own_ca()]
    )

    found = read(fake, "2.Example.", "0.example", "2.example")

    assert [one.name for one in found.zones] == ["2.example", "0.example"]


def test_a_zone_that_the_token_does_not_see() -> None:
    with pytest.raises(PolicyError, match='the token sees no zone "nowhere'):
        read(typical(), "nowhere.example")
    with pytest.raises(PolicyError, match="the token sees no zone"):
        read(FakeCloudflare())


def test_an_answer_in_the_middle_that_is_none() -> None:
    fake = typical()
    fake.failures = [Failure(path="/hostname_associations", status="403 Forbidden")]

    with pytest.raises(FetchError) as caught:
        read(fake)

    assert "/certificate_authorities/hostname_associations" in str(caught.value.where)
    assert "Zone / SSL and Certificates / Read" in str(caught.value.hint)


def test_an_answer_of_another_shape() -> None:
    fake = typical()
    fake.zones[0].rulesets[0]["phase"] = 7

    with pytest.raises(PolicyError, match="expected text, not"):
        read(fake)
