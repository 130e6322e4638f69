# SPDX-License-Identifier: Apache-2.0
"""What changes while connections stay open counts from the next request on."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from authz.demo.scenario import policy_yaml
from tests.e2e.harness import PATIENCE, Load, eventually, http_client, send, start_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from authz.demo.client import Answer
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack


def replace(file: Path, content: bytes) -> None:
    """As an operator should: the new file appears whole."""
    new = file.with_name(f".{file.name}.new")
    new.write_bytes(content)
    new.replace(file)


def by_crl(credentials: Credentials) -> None:
    revoked = [credentials.clients[name].serial for name in ("revoked-by-crl", "valid")]
    crl = credentials.authority.crl(revoked, number=2)
    replace(credentials.directory / "trust" / "demo-ca.crl", crl.pem)


def by_serial(credentials: Credentials) -> None:
    serial = credentials.clients["valid"].serial
    replace(credentials.directory / "trust" / "revoked-serials.txt", f"{serial:X}\n".encode())


@pytest.fixture
def stack(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> Stack:
    return start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
    )


def generation(stack: Stack) -> float:
    return stack.authz.metric("authz_snapshot_generation")


@pytest.mark.parametrize("revoke", [by_crl, by_serial])
def test_a_revoked_certificate_is_refused_on_the_open_connection(
    stack: Stack, revoke: Callable[[Credentials], None]
) -> None:
    with contextlib.closing(stack.connect("admin.localhost", "valid")) as connection:

        def status() -> int:
            return connection.send_request("/admin", hosts=("admin.localhost",)).status

        assert [status(), status()] == [200, 200]
        socket = connection.sock
        before = generation(stack)

        revoke(stack.credentials)
        eventually(lambda: generation(stack) > before, "the reload is visible in the metrics")

        assert status() == 403
        assert connection.sock is socket, "the same connection all along"
    # Others with the same authority are untouched, and so is what the certificate may still do.
    assert stack.get("admin.localhost", "/admin", "second").status == 200
    assert stack.get("admin.localhost", "/", "valid").status == 200


def test_a_revoked_certificate_is_refused_on_the_open_http_2_connection(stack: Stack) -> None:
    def get(client: httpx.Client) -> httpx.Response:
        return send(
            client, stack.envoy.port, sni="admin.localhost", host="admin.localhost", path="/admin"
        )

    with http_client("HTTP/2", stack.credentials, "valid") as client:
        allowed = get(client)
        before = generation(stack)
        by_serial(stack.credentials)
        eventually(lambda: generation(stack) > before, "the reload is visible in the metrics")
        refused = get(client)

    assert (allowed.status_code, refused.status_code) == (200, 403)
    # A connection of its own would have its streams numbered from 1 again.
    assert refused.extensions["stream_id"] > allowed.extensions["stream_id"]


def test_a_policy_that_cannot_be_used_changes_nothing(stack: Stack) -> None:
    policy = stack.credentials.directory / "policy.yaml"
    good = policy.read_bytes()

    replace(policy, good.replace(b"cert_verified", b"cert_verifyed"))
    eventually(lambda: stack.authz.metric("authz_reload_failures_total") >= 1, "it was noticed")

    assert stack.get("api.localhost", "/", "valid").status == 200
    assert stack.get("api.localhost").status == 403
    assert generation(stack) == 1

    replace(policy, good.replace(b"needs-certificate", b"wants-certificate"))
    eventually(lambda: generation(stack) == 2, "the next good one is loaded")
    assert stack.get("api.localhost", "/", "valid").status == 200


_VERSIONED = """\
sites:
  - name: one
    hosts: ["*"]
    rules:
      - {{ref: skip-open, expression: 'http.request.uri.path eq "/open"', action: skip,
         action_parameters: {{ruleset: current}}}}
      - ref: version
        expression: 'http.request.uri.path ne "/open"'
        action: block
        action_parameters:
          response: {{status_code: {status}, content_type: text/plain, content: "{content}"}}
"""


def test_no_answer_is_wrong_while_policies_are_swapped_under_load(
    stack: Stack,
) -> None:
    """Each answer is wholly one version's: status and body belong together, "/open" stays open."""
    policy = stack.credentials.directory / "policy.yaml"
    replace(policy, _VERSIONED.format(status=401, content="v401").encode())
    eventually(lambda: generation(stack) == 2, "the first version")

    def status_and_body(answer: Answer) -> str:
        return f"{answer.status} {answer.body.decode()}"

    closed = Load(
        connect=lambda: stack.connect("api.localhost"),
        send=lambda connection: connection.send_request("/closed", hosts=("api.localhost",)),
        classify=status_and_body,
    )
    opened = Load(
        connect=lambda: stack.connect("api.localhost", "valid"),
        send=lambda connection: connection.send_request("/open", hosts=("api.localhost",)),
        threads=1,
    )
    swaps = 6
    with closed.running(), opened.running():
        for number in range(swaps):
            status = 402 + number
            replace(policy, _VERSIONED.format(status=status, content=f"v{status}").encode())
            eventually(lambda: generation(stack) == 3 + number, f"version {number}")  # noqa: B023
            enough = closed.total + 40
            eventually(lambda: closed.total >= enough, "requests after the swap")  # noqa: B023

    assert set(closed.counts) == {f"{s} v{s}" for s in range(401, 402 + swaps)}, closed.counts
    assert opened.counts == {"200": opened.total}
    assert opened.total > swaps


def test_a_certificate_that_expires_is_refused_although_it_is_remembered(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> None:
    """Bounded by the clock: the certificate is valid for a few seconds only."""
    until = int(time.time()) + 4
    short = credentials.authority.client("short-lived", not_after=until)
    credentials.client_file("short-lived").write_bytes(short.chain_pem + short.key_pem)
    stack = start_stack(
        children, credentials, policy_yaml(credentials), upstream=upstream, transport=transport
    )

    with contextlib.closing(stack.connect("api.localhost", "short-lived")) as connection:

        def status() -> int:
            return connection.send_request("/", hosts=("api.localhost",)).status

        assert [status(), status(), status()] == [200, 200, 200]
        assert stack.authz.metric("authz_judgement_memo_hits_total") >= 2

        eventually(lambda: status() == 403, "it expired", PATIENCE)
        # RFC 5280 4.1.2.5: validity includes notAfter itself, so not a second too early.
        assert time.time() >= until
    assert stack.authz.metric("authz_certificates_total", result="expired") == 1
