# SPDX-License-Identifier: Apache-2.0
"""What a connection over HTTP/3 keeps, and what it does not: sessions, early data, addresses."""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from authz.cli.doctor import envoy_dump, envoy_listener
from authz.demo.processes import Children
from authz.demo.stack import ask
from authz.settings import Settings
from tests.e2e.harness import (
    Stack,
    unique,
)
from tests.e2e.http3_harness import LISTENER, open_to, start_http3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.upstream import Upstream


def test_a_revocation_counts_on_a_connection_that_is_open(
    tmp_path: Path, upstream: Upstream, transport: str, children: Children
) -> None:
    own = start_http3(
        children,
        tmp_path,
        upstream=upstream,
        transport=transport,
    )
    revoked = tmp_path / "trust" / "revoked-serials.txt"

    async def run() -> None:
        async with open_to(own, "admin.localhost", "valid") as connection:
            assert (await connection.get("admin.localhost", "/admin")).status == 200
            serial = own.credentials.clients["valid"].certificate.serial_number
            revoked.write_text(f"{revoked.read_text()}\n{serial:X}\n", encoding="utf-8")
            limit = time.monotonic() + 30
            while (await connection.get("admin.localhost", "/admin")).status != 403:
                assert time.monotonic() < limit, "the revocation does not count"
            assert (await connection.get("admin.localhost", "/")).status == 200

    asyncio.run(run())


def test_no_session_is_resumed(http3_stack: Stack) -> None:
    async def run() -> None:
        async with open_to(http3_stack, "api.localhost", "valid") as connection:
            assert (await connection.get("api.localhost")).status == 200
            # Tickets come with the end of the handshake; this is two answers later.
            assert (await connection.get("api.localhost")).status == 200
            assert connection.tickets == []

    asyncio.run(run())


def findings(of: Stack) -> list[tuple[str, list[str]]]:
    """What doctor says about each listener."""
    dump = json.loads(ask(of.envoy.admin_address, "/config_dump")[1])
    return [
        (chain.where, [one.id for one in envoy_listener.look(chain, Settings())])
        for chain in envoy_dump.chains(dump)
    ]


def test_doctor_finds_nothing_on_either_listener(http3_stack: Stack) -> None:
    assert findings(http3_stack) == [("listener https", []), (f"listener {LISTENER}", [])]


@pytest.fixture(scope="module")
def resuming(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """A listener whose switches have been turned round, those of TLS over TCP added, and clients
    asked not to move."""

    def turned_round(config: str) -> str:
        for switch in ("enable_resumption", "enable_early_data"):
            assert config.count(f"{switch}: false") == 1
            config = config.replace(f"{switch}: false", f"{switch}: true")
        for key, *lines in (
            (
                "downstream_tls_context",
                "disable_stateless_session_resumption: true",
                "disable_stateful_session_resumption: true",
            ),
            ("quic_options", "send_disable_active_migration: true"),
        ):
            below = "".join(rf"\1  {line}\n" for line in lines)
            config, found = re.subn(rf"(?m)^( +){key}:\n", rf"\g<0>{below}", config)
            assert found == 1
        return config

    with Children() as children:
        yield start_http3(
            children,
            tmp_path_factory.mktemp("resuming"),
            upstream=upstream,
            transport=transport,
            change=turned_round,
        )


def test_what_the_switches_are_for(resuming: Stack) -> None:
    """Without them, the request of somebody without a certificate is that of who had one.

    It comes before the handshake, so that who recorded it can send it again. The switches of TLS
    over TCP change nothing about that.
    """

    async def run() -> None:
        async with open_to(resuming, "api.localhost", "valid") as first:
            assert (await first.get("api.localhost")).status == 200
            assert (await first.get("api.localhost")).status == 200
            ticket, *_ = first.tickets
        async with open_to(resuming, "api.localhost", ticket=ticket) as second:
            assert (await second.get("api.localhost")).status == 200
            assert (second.is_resumed, second.came_early) == (True, True)

    asyncio.run(run())
    assert findings(resuming)[1] == (f"listener {LISTENER}", ["quic-resumption"])


def test_a_client_that_moves_keeps_its_certificate_and_its_first_address(
    http3_stack: Stack, resuming: Stack
) -> None:
    """A connection may go on from another address (RFC 9000 section 9). Envoy tells of the one that
    it began with, so that rules about addresses judge by that one (docs/how-to/serve-http3.md).
    That clients are asked not to changes nothing about those that do."""
    for of in (http3_stack, resuming):
        (first, before), (second, after) = unique("/"), unique("/")
        asyncio.run(move_between(of, first, second))
        fingerprint = of.credentials.clients["second"].fingerprint
        for line in (of.logged(before), of.logged(after)):
            assert (line["client"], line["fingerprint"]) == ("127.0.0.1", fingerprint)


async def move_between(of: Stack, first: str, second: str) -> None:
    """Two requests of one connection, the second from another address."""
    async with open_to(of, "whoami.localhost", "second") as connection:
        assert (await connection.get("whoami.localhost", first)).status == 200
        await connection.move_to("127.0.0.2")
        assert (await connection.get("whoami.localhost", second)).status == 200
        assert connection.received_there > 0


def test_a_connection_ends_when_its_time_is_over(
    tmp_path: Path, upstream: Upstream, children: Children
) -> None:
    def shorter(config: str) -> str:
        assert config.count("max_connection_duration: 900s") == 2
        return config.replace("max_connection_duration: 900s", "max_connection_duration: 1s")

    own = start_http3(
        children,
        tmp_path,
        upstream=upstream,
        transport="native",
        change=shorter,
    )

    async def run() -> None:
        async with open_to(own, "whoami.localhost") as connection:
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                assert (await connection.get("whoami.localhost")).status == 200

    with pytest.raises(ConnectionError):
        asyncio.run(run())
