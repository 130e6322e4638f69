# SPDX-License-Identifier: Apache-2.0
"""x-forwarded-client-cert: never believed from a client, and only from the hop that is trusted."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509

from authz.demo.client import Connection
from authz.demo.credentials import make_credentials
from authz.demo.pki import Issued, make_root
from authz.demo.processes import Children
from authz.demo.scenario import ROWS, Row, policy_yaml
from authz.demo.stack import start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import Settings
from tests.e2e.harness import default_options, start_stack
from tests.factories.listener_cases import Case, judge
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.client import Answer
    from authz.demo.credentials import Credentials
    from authz.demo.stack import Envoy
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

XFCC = {"certificate_source": "xfcc"}
OID_PRIVATE = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
BEHIND = {**XFCC, "xfcc": {"trusted_hops": 2}, "client_ip": {"trusted_hops": 1}}

#: Without 421: the SNI says nothing about the client's TLS when its certificate is in a header.
ONE_HOP = tuple(row for row in ROWS if row.id != "misdirected")


def statuses(stack: Stack, rows: tuple[Row, ...]) -> dict[str, int]:
    return {
        row.id: stack.get(
            row.host, row.path, row.certificate, sni=row.sni or row.host, headers=row.headers
        ).status
        for row in rows
    }


def seen_upstream(answer: Answer) -> list[str]:
    headers = json.loads(answer.body)["headers"]
    return [value for name, value in headers if name == "x-forwarded-client-cert"]


def test_the_default_listener_removes_what_a_client_claims(
    demo_stack: Stack,
) -> None:
    element = xfcc_element(demo_stack.credentials.clients["valid"], chain=True)
    claim = ("x-forwarded-client-cert", element)

    refused = demo_stack.get("api.localhost", headers=(claim,))
    unverified = demo_stack.get("whoami.localhost", certificate="self-signed", headers=(claim,))
    verified = demo_stack.get("whoami.localhost", certificate="second", headers=(claim,))

    assert refused.status == 403
    assert seen_upstream(unverified) == seen_upstream(verified) == []


@pytest.fixture(scope="module")
def one_hop(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """Envoy that writes the header itself; for reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("one-hop"), at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
            settings=XFCC,
        )


def test_envoy_writes_the_header_itself_and_every_row_holds(one_hop: Stack) -> None:
    """With one difference: the chain travels too, so a client can bring its intermediate."""
    expected = {row.id: row.status for row in ONE_HOP}
    expected["intermediate-only-sent"] = 200

    assert statuses(one_hop, ONE_HOP) == expected


@pytest.mark.deploy
def test_the_cases_where_envoy_writes_the_header(one_hop: Stack) -> None:
    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        return one_hop.get(case.host, case.path, case.certificate, headers=headers).status

    judge("listener: XFCC, written by Envoy", ask, one_hop.credentials)


def test_a_claim_is_replaced_by_what_envoy_saw(one_hop: Stack) -> None:
    valid = one_hop.credentials.clients["valid"]
    element = xfcc_element(valid, chain=True)
    claims = (
        element,
        f"{element},{element}",
        json.dumps([{"Hash": valid.fingerprint, "Cert": valid.pem.decode()}]),
    )

    for claim in claims:
        header = ("x-forwarded-client-cert", claim)
        assert one_hop.get("api.localhost", headers=(header,)).status == 403
        assert one_hop.get("api.localhost", "/", "self-signed", headers=(header,)).status == 403
        # As another header of the same name, and in upper case.
        twice = (header, ("X-Forwarded-Client-Cert", claim))
        assert one_hop.get("pinned.localhost", "/", "second", headers=twice).status == 403


class Behind:
    """authz and Envoy behind another Envoy, which terminates the clients' TLS."""

    def __init__(
        self, children: Children, credentials: Credentials, upstream: Upstream, transport: str
    ) -> None:
        directory = credentials.directory
        proxies = make_root("Proxy CA", at=credentials.authority.at)
        self.proxy = self._write(directory, "front-proxy", proxies.client("front-proxy"))
        (directory / "proxy-ca.crt").write_bytes(proxies.pem)
        self.inner = start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
            settings=BEHIND,
            proxy_ca=str(directory / "proxy-ca.crt"),
        )
        self.credentials = credentials
        self.front = self._front(children)

    @staticmethod
    def _write(directory: Path, name: str, issued: Issued) -> Path:
        file = directory / f"{name}.pem"
        file.write_bytes(issued.chain_pem + issued.key_pem)
        return file

    def _front(self, children: Children) -> Envoy:
        """Our own XFCC listener, without the authorizer, and with TLS to the inner Envoy."""
        directory = self.credentials.directory
        options = default_options(self.credentials, None, ("127.0.0.1:9",), name="front")
        settings = Settings.model_validate(XFCC)
        config: Any = yaml.safe_load(render_envoy_config(settings, options))
        (listener,) = config["static_resources"]["listeners"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"] = manager["http_filters"][1:]
        manager["access_log"] = []
        (to,) = [c for c in config["static_resources"]["clusters"] if c["name"] == "upstream"]
        to["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] = {
            "socket_address": {"address": "127.0.0.1", "port_value": self.inner.envoy.port}
        }
        kind = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
        to["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"type.googleapis.com/{kind}",
                "sni": "api.localhost",
                "common_tls_context": {
                    "tls_certificates": [
                        {
                            "certificate_chain": {"filename": str(self.proxy)},
                            "private_key": {"filename": str(self.proxy)},
                        }
                    ],
                    "validation_context": {
                        "trusted_ca": {"filename": str(self.credentials.server_ca)}
                    },
                },
            },
        }
        config["static_resources"]["clusters"] = [to]
        return start_envoy(children, directory, yaml.safe_dump(config), name="front")

    def get(self, row: Row, **options: Any) -> Answer:
        """Through both proxies."""
        file = self.credentials.client_file(row.certificate) if row.certificate else None
        connection = Connection(
            self.front.port, row.sni or row.host, self.credentials.server_ca, file
        )
        with contextlib.closing(connection):
            return connection.send_request(
                row.path, hosts=(row.host,), headers=row.headers, **options
            )


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Behind]:
    """For reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("behind"), at=time.time())
    with Children() as children:
        yield Behind(children, credentials, upstream, transport)


def test_behind_another_proxy_every_row_holds(behind: Behind) -> None:
    expected = {row.id: row.status for row in ONE_HOP}
    expected["intermediate-only-sent"] = 200

    assert {row.id: behind.get(row).status for row in ONE_HOP} == expected


@pytest.mark.deploy
def test_the_cases_behind_another_proxy(behind: Behind) -> None:
    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        connection = Connection(
            behind.front.port,
            case.host,
            behind.credentials.server_ca,
            behind.credentials.client_file(case.certificate) if case.certificate else None,
        )
        with contextlib.closing(connection):
            return connection.send_request(case.path, hosts=(case.host,), headers=headers).status

    # The header is larger than the inner Envoy takes.
    judge("listener: XFCC, behind another proxy", ask, behind.credentials, {"too large": 431})


def test_only_the_proxy_in_front_may_connect(behind: Behind) -> None:
    """Nobody, and nobody's certificate but the proxy's: the handshake fails."""
    for certificate in ("", "valid", "self-signed"):
        with pytest.raises(OSError):
            behind.inner.get("api.localhost", "/", certificate)


def test_what_the_proxy_itself_is_counts_for_nothing(behind: Behind) -> None:
    """Whoever holds the proxy's key speaks for clients, but the proxy is no client itself."""
    valid = xfcc_element(behind.credentials.clients["valid"], chain=True)
    stranger = xfcc_element(behind.credentials.clients["self-signed"], chain=True)

    def status(*claims: str) -> int:
        connection = Connection(
            behind.inner.envoy.port, "api.localhost", behind.credentials.server_ca, behind.proxy
        )
        with contextlib.closing(connection):
            return connection.send_request(
                "/",
                hosts=("api.localhost",),
                headers=[("x-forwarded-client-cert", claim) for claim in claims],
            ).status

    assert status() == 403, "no element of the client's"
    assert status(valid) == 200
    assert status(stranger) == 403
    # What the client sent to a proxy that forwards stands further left, and is not read.
    assert status(f"{valid},{stranger}") == 403
    assert status(valid, stranger) == 403
    assert status(f"{stranger},{valid}") == 200
    assert status("", valid) == 200


def test_the_application_never_sees_the_header_of_somebody_unverified(behind: Behind) -> None:
    (row,) = [row for row in ROWS if row.id == "spoofed-headers-unverified"]

    assert seen_upstream(behind.get(row)) == []


def test_a_large_certificate_travels_as_far_as_the_inner_envoys_limit_for_headers(
    behind: Behind,
) -> None:
    """The certificate and, in the chain, once more, URL-encoded: 96 KiB in all."""
    (row,) = [row for row in ROWS if row.id == "valid"]
    credentials = behind.credentials
    answers = {}
    for size in (16_000, 40_000):
        padding = x509.UnrecognizedExtension(OID_PRIVATE, b"x" * size)
        issued = credentials.authority.client(f"{size}", extensions=[(padding, False)])
        credentials.client_file(str(size)).write_bytes(issued.pem + issued.key_pem)
        answers[size] = behind.get(replace(row, certificate=str(size))).status

    assert answers == {16_000: 200, 40_000: 431}
