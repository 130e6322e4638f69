# SPDX-License-Identifier: Apache-2.0
"""Istio's ingress gateway and Envoy Gateway over time: what changes, comes back or is gone.

The same generated configurations as in test_gateways.py, each test with a stack of its own.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from authz import __version__
from authz.demo.scenario import ROWS
from authz.demo.stack import ask
from tests.e2e.gateways import start_gateway, until_asked
from tests.e2e.harness import PATIENCE, Stack, eventually
from tests.factories.accepted import accepted
from tests.factories.envoy import envoy_name

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

FORMS = ("istio/gateway", "istio/hardened", "envoy_gateway/gateway", "envoy_gateway/hardened")


@pytest.mark.deploy
@pytest.mark.parametrize("form", FORMS)
def test_a_day_in_the_life(
    form: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """One stack each: resumed sessions, revoked and restored, and then nobody to ask."""
    stack = start_gateway(form, children, credentials, upstream=upstream, transport="native")
    until_asked(stack)

    assert resumes(stack) == (form == "istio/gateway")
    revoke_and_restore(stack)
    stack.authz.child.stop()
    assert stack.get("whoami.localhost", "/", "valid").status == 503
    how = "sessions resumed or not, revoked and restored on one connection, nobody to ask: 503"
    accepted(f"gateway: {form}", f"authz {__version__}, {envoy_name()}", how)


def resumes(stack: Stack) -> bool:
    """Whether a client may resume a TLS session; it is judged like any other if so.

    Istio's gateway lets it, with hardening.yaml it does not, and neither does Envoy Gateway.
    """
    credentials = stack.credentials
    context = ssl.create_default_context(cafile=str(credentials.server_ca))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(credentials.client_file("revoked-by-crl"))
    session = reused = None
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", stack.envoy.port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="admin.localhost", session=session) as tls,
        ):
            tls.sendall(b"GET /admin HTTP/1.1\r\nHost: admin.localhost\r\n\r\n")
            assert tls.recv(64).startswith(b"HTTP/1.1 403 ")
            session, reused = tls.session, tls.session_reused
    return bool(reused)


def revoke_and_restore(stack: Stack) -> None:
    """On a connection that stays open."""
    credentials = stack.credentials
    serials = credentials.directory / "trust" / "revoked-serials.txt"

    def list_serials(text: str) -> None:
        before = stack.authz.metric("authz_snapshot_generation")
        new = serials.with_name("new")
        new.write_text(text, encoding="ascii")
        new.replace(serials)
        eventually(
            lambda: stack.authz.metric("authz_snapshot_generation") > before, "it was reloaded"
        )

    with contextlib.closing(stack.connect("admin.localhost", "valid")) as connection:

        def status() -> int:
            return connection.send_request("/admin", hosts=("admin.localhost",)).status

        first, sock = status(), connection.sock
        list_serials(f"{credentials.clients['valid'].serial:X}\n")
        revoked = status()
        list_serials("# nobody\n")
        restored = status()
        assert connection.sock is sock, "the same connection all along"

    assert (first, revoked, restored) == (200, 403, 200)


def health(stack: Stack) -> dict[str, int]:
    """The health of the service's cluster as Envoy counts it."""
    stats = json.loads(ask(stack.envoy.admin_address, "/stats?format=json&filter=auth")[1])
    counted = re.compile(r"[.](membership_healthy|health_check[.](success|failure))$")
    return {
        stat["name"].rsplit(".", 1)[1]: stat["value"]
        for stat in stats["stats"]
        if counted.search(stat.get("name", ""))
    }


def test_istios_gateway_sees_the_services_health(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    stack = start_gateway(
        "istio/hardened", children, credentials, upstream=upstream, transport=transport
    )

    eventually(lambda: health(stack)["membership_healthy"] == 1, "it was healthy")
    assert health(stack)["failure"] == 0


def test_envoy_gateway_sees_the_services_health_over_grpcio(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    """Its checks have the name of the cluster as authority, slashes and all.

    The native transport refuses that; then every endpoint counts as sick, and Envoy asks them all
    the same (panic mode). Beyond loopback, as in a cluster, `transport: auto` is grpcio.
    """
    stack = start_gateway(
        "envoy_gateway/gateway", children, credentials, upstream=upstream, transport=transport
    )

    if transport == "grpcio":
        eventually(lambda: health(stack)["membership_healthy"] == 1, "it was healthy")
        assert health(stack)["failure"] == 0
    else:
        eventually(lambda: health(stack)["failure"] > 0, "a check failed")
        assert health(stack)["membership_healthy"] == 0
        assert stack.get("api.localhost", "/", "valid").status == 200


# --- with hardening ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["istio/hardened", "envoy_gateway/hardened"])
def test_hardened_the_connection_itself_may_be_the_source(
    form: str, children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    """`certificate_source: envoy`: every row as behind our own listener, 421 included."""
    stack = start_gateway(
        form,
        children,
        credentials,
        upstream=upstream,
        transport=transport,
        settings={"certificate_source": "envoy"},
    )
    until_asked(stack)

    assert {
        row.id: stack.get(
            row.host, row.path, row.certificate, sni=row.sni or row.host, headers=row.headers
        ).status
        for row in ROWS
    } == {row.id: row.status for row in ROWS}
