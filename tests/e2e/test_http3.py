# SPDX-License-Identifier: Apache-2.0
"""HTTP/3 on the listener that `authz envoy config --http3` adds: judged as over TCP, on both
transports, with the real Envoy."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from authz.cli.doctor import envoy_dump, envoy_listener
from authz.demo.client import Answer
from authz.demo.credentials import make_credentials
from authz.demo.pki import make_root
from authz.demo.processes import Children
from authz.demo.rows import deviations
from authz.demo.scenario import ROWS, Row, policy_yaml
from authz.demo.stack import ask, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import Http3Options, SdsOptions
from authz.settings import Settings, load_settings
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    eventually,
    start_stack,
    unique,
    wait_for_health,
)
from tests.factories.http3 import Http3Answer, Http3Connection, connected, get
from tests.factories.pki import url_encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from aioquic.tls import SessionTicket

    from authz.demo.credentials import Credentials
    from authz.demo.upstream import Upstream

LISTENER = "https-http3"
#: As if something in front mapped the port.
HTTP3 = Http3Options(advertised=443)
OID_PRIVATE = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")


def send(
    stack: Stack,
    host: str,
    path: str = "/",
    certificate: str = "",
    *,
    sni: str = "",
    headers: tuple[tuple[str, str], ...] = (),
) -> Http3Answer:
    """One request on a connection of its own."""
    credentials = stack.credentials
    return get(
        stack.envoy.ports[LISTENER],
        host,
        path,
        server_ca=credentials.server_ca,
        certificate=credentials.client_file(certificate) if certificate else None,
        sni=sni,
        headers=headers,
    )


@asynccontextmanager
async def open_to(
    stack: Stack, sni: str, certificate: str = "", ticket: SessionTicket | None = None
) -> AsyncIterator[Http3Connection]:
    """A connection for several requests."""
    credentials = stack.credentials
    async with connected(
        stack.envoy.ports[LISTENER],
        sni,
        server_ca=credentials.server_ca,
        certificate=credentials.client_file(certificate) if certificate else None,
        ticket=ticket,
    ) as connection:
        yield connection


def told(answer: Http3Answer) -> dict[str, str]:
    """The headers that the application received."""
    return dict(json.loads(answer.body)["headers"])


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """The demo's policy; for reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("http3"), at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
            # Several threads of Envoy share the port: packets must find the right one.
            concurrency=2,
            http3=HTTP3,
        )


# --- who gets in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(stack: Stack, row: Row) -> None:
    """Valid, none, unknown authority, revoked, expired, another host, claimed headers, the rest."""
    path, marker = unique(row.path)

    sent = send(stack, row.host, path, row.certificate, sni=row.sni, headers=row.headers)

    answer = Answer(status=sent.status, headers=tuple(sent.headers), body=sent.body)
    logged = stack.logged(marker)
    assert deviations(row, answer, logged, stack.credentials) == []
    assert (logged["protocol"], logged["sni"]) == ("HTTP/3", row.sni or row.host)


def test_a_claimed_certificate_is_removed(stack: Stack) -> None:
    valid = stack.credentials.clients["valid"]
    claim = f'Hash={valid.fingerprint};Cert="{url_encoded(valid.pem)}"'
    header = ("x-forwarded-client-cert", claim)

    assert send(stack, "api.localhost", headers=(header, header)).status == 403
    assert send(stack, "api.localhost", "/", "self-signed", headers=(header,)).status == 403
    seen = told(send(stack, "whoami.localhost", "/", "second", headers=(header,)))
    assert "x-forwarded-client-cert" not in seen
    second = stack.credentials.clients["second"]
    assert seen["cf-cert-fingerprint-sha256"] == second.fingerprint


def test_underscores_in_names_are_refused(stack: Stack) -> None:
    answer = send(stack, "whoami.localhost", headers=(("cf_cert_verified", "true"),))

    assert answer.status == 0


@pytest.mark.parametrize(("size", "status"), [(20_000, 200), (60_000, 200), (70_000, 403)], ids=str)
def test_a_large_certificate_is_judged_like_any_other(stack: Stack, size: int, status: int) -> None:
    """As long as it is not larger than `limits.certificate_bytes`."""
    extension = (x509.UnrecognizedExtension(OID_PRIVATE, b"x" * size), False)
    issued = stack.credentials.authority.client("large", extensions=[extension])
    name = f"large-{size}"
    stack.credentials.client_file(name).write_bytes(issued.chain_pem + issued.key_pem)

    assert send(stack, "api.localhost", "/", name).status == status


def test_both_listeners_tell_of_http_3(stack: Stack) -> None:
    for answer in (stack.get("whoami.localhost"), send(stack, "whoami.localhost")):
        assert dict(answer.headers)["alt-svc"] == 'h3=":443"; ma=86400'


# --- what a connection remembers -----------------------------------------------------------------


def test_a_revocation_counts_on_a_connection_that_is_open(
    tmp_path: Path, upstream: Upstream, transport: str, children: Children
) -> None:
    credentials = make_credentials(tmp_path, at=time.time())
    own = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        http3=HTTP3,
    )
    revoked = tmp_path / "trust" / "revoked-serials.txt"

    async def run() -> None:
        async with open_to(own, "admin.localhost", "valid") as connection:
            assert (await connection.get("admin.localhost", "/admin")).status == 200
            serial = credentials.clients["valid"].certificate.serial_number
            revoked.write_text(f"{revoked.read_text()}\n{serial:X}\n", encoding="utf-8")
            limit = time.monotonic() + 30
            while (await connection.get("admin.localhost", "/admin")).status != 403:
                assert time.monotonic() < limit, "the revocation does not count"
            assert (await connection.get("admin.localhost", "/")).status == 200

    asyncio.run(run())


def test_no_session_is_resumed(stack: Stack) -> None:
    async def run() -> None:
        async with open_to(stack, "api.localhost", "valid") as connection:
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


def test_doctor_finds_nothing_on_either_listener(stack: Stack) -> None:
    assert findings(stack) == [("listener https", []), (f"listener {LISTENER}", [])]


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

    credentials = make_credentials(tmp_path_factory.mktemp("resuming"), at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
            change=turned_round,
            http3=HTTP3,
        )


def test_what_the_switches_are_for(resuming: Stack, stack: Stack) -> None:
    """Without them, the request of somebody without a certificate is that of who had one.

    It comes before the handshake, so that who recorded it can send it again. The switches of TLS
    over TCP change nothing about that. And the shipped listener takes no such ticket.
    """

    async def run() -> None:
        async with open_to(resuming, "api.localhost", "valid") as first:
            assert (await first.get("api.localhost")).status == 200
            assert (await first.get("api.localhost")).status == 200
            ticket, *_ = first.tickets
        async with open_to(resuming, "api.localhost", ticket=ticket) as second:
            assert (await second.get("api.localhost")).status == 200
            assert (second.is_resumed, second.came_early) == (True, True)
        async with open_to(stack, "api.localhost", ticket=ticket) as other:
            assert (await other.get("api.localhost")).status == 403
            assert (other.is_resumed, other.came_early) == (False, False)

    asyncio.run(run())
    assert findings(resuming)[1] == (f"listener {LISTENER}", ["quic-resumption"])


def test_a_client_that_moves_keeps_its_certificate_and_its_first_address(
    stack: Stack, resuming: Stack
) -> None:
    """A connection may go on from another address (RFC 9000 section 9). Envoy tells of the one that
    it began with, so that rules about addresses judge by that one (docs/how-to/serve-http3.md).
    That clients are asked not to changes nothing about those that do."""
    for of in (stack, resuming):
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

    credentials = make_credentials(tmp_path, at=time.time())
    own = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport="native",
        change=shorter,
        http3=HTTP3,
    )

    async def run() -> None:
        async with open_to(own, "whoami.localhost") as connection:
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                assert (await connection.get("whoami.localhost")).status == 200

    with pytest.raises(ConnectionError):
        asyncio.run(run())


# --- other forms ---------------------------------------------------------------------------------


def test_every_row_holds_where_envoy_writes_the_header(
    tmp_path: Path, upstream: Upstream, transport: str, children: Children
) -> None:
    """`certificate_source: xfcc`: the chain travels too, so a client can bring its intermediate."""
    credentials = make_credentials(tmp_path, at=time.time())
    own = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={"certificate_source": "xfcc"},
        http3=HTTP3,
    )
    rows = [row for row in ROWS if row.id != "misdirected"]

    assert {
        row.id: send(
            own, row.host, row.path, row.certificate, sni=row.sni, headers=row.headers
        ).status
        for row in rows
    } == {row.id: row.status for row in rows} | {"intermediate-only-sent": 200}


def with_bundles(
    children: Children, credentials: Credentials, upstream: Upstream, *, strict: bool
) -> Stack:
    """authz that gives Envoy its trust bundles, and Envoy with them on both listeners."""
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    settings = authz_settings("native", {"sds": {"listen": "127.0.0.1:0"}})
    authz = start_authz(children, directory, settings)
    assert authz.sds
    config = render_envoy_config(
        load_settings(directory / "authz.yaml"),
        default_options(
            credentials,
            upstream,
            authz.grpc,
            sds=SdsOptions(strict=strict, address=authz.sds),
            http3=HTTP3,
        ),
    )
    envoy = start_envoy(children, directory, config)
    wait_for_health(envoy, 1)
    return Stack(credentials=credentials, authz=authz, envoy=envoy)


def refused(of: Callable[[], Http3Answer]) -> bool:
    """Whether the handshake fails."""
    try:
        of()
    except ConnectionError:
        return True
    return False


def test_strangers_are_refused_in_the_handshake_where_envoy_verifies(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=True)

    assert send(own, "api.localhost", "/", "valid").status == 200
    # Envoy has no list of serial numbers: that one is for authz.
    assert send(own, "admin.localhost", "/admin", "revoked-by-serial").status == 403
    for stranger in ("", "self-signed", "expired"):
        assert refused(lambda name=stranger: send(own, "whoami.localhost", "/", name)), stranger


def test_a_new_bundle_counts_for_the_next_connection(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=True)
    newcomer = make_root("Newcomer")
    issued = newcomer.client("new")
    credentials.client_file("new").write_bytes(issued.chain_pem + issued.key_pem)
    assert refused(lambda: send(own, "partner.localhost", "/", "new"))

    (credentials.directory / "trust" / "newcomer.pem").write_bytes(newcomer.pem)
    policy = credentials.directory / "policy.yaml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace(
            "[trust/partner-ca.pem]", "[trust/partner-ca.pem, trust/newcomer.pem]"
        ),
        encoding="utf-8",
    )

    eventually(
        lambda: not refused(lambda: send(own, "partner.localhost", "/", "new")), "it is let in"
    )
    assert send(own, "partner.localhost", "/", "new").status == 200


def test_everybody_is_answered_where_envoy_only_names_authorities(
    credentials: Credentials, upstream: Upstream, children: Children
) -> None:
    own = with_bundles(children, credentials, upstream, strict=False)

    assert send(own, "api.localhost", "/", "valid").status == 200
    for name in ("", "self-signed", "expired"):
        assert send(own, "api.localhost", "/", name).status == 403
