# SPDX-License-Identifier: Apache-2.0
"""HTTP/3 on Istio's ingress gateway, as istiod generates it with PILOT_ENABLE_QUIC_LISTENERS.

Envoy Gateway generates no HTTP/3 listener where it validates clients (tests/deploy looks).
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.scenario import ROWS
from tests.e2e import http3_harness
from tests.e2e.gateways import start_gateway
from tests.e2e.harness import eventually
from tests.factories.listener_cases import Case, judge
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

LISTENER = "udp_0.0.0.0_443"
#: Rows whose request HTTP/3 can carry as it is. The form is that with hardening.yaml.
EXPECTED = {row.id: row.status for row in ROWS} | {
    "misdirected": 403,
    "intermediate-only-sent": 200,
}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """For reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("http3"), at=time.time())
    with Children() as children:
        stack = start_gateway(
            "istio/http3",
            children,
            credentials,
            upstream=upstream,
            transport=transport,
            listeners={"0.0.0.0_443": 0, LISTENER: 0},
        )
        eventually(lambda: stack.get("api.localhost").status == 403, "the service was asked")
        yield stack


send = partial(http3_harness.send, listener=LISTENER)


def test_every_row_holds(gateway: Stack) -> None:
    answers = {
        row.id: send(
            gateway, row.host, row.path, row.certificate, sni=row.sni, headers=row.headers
        ).status
        for row in ROWS
    }

    assert answers == EXPECTED


@pytest.mark.deploy
def test_the_cases(gateway: Stack) -> None:
    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        return send(gateway, case.host, case.path, case.certificate, headers=headers).status

    judge("gateway: istio/http3, HTTP/3", ask, gateway.credentials)


def test_a_claimed_certificate_is_replaced(gateway: Stack) -> None:
    valid = gateway.credentials.clients["valid"]
    claim = xfcc_element(valid)
    header = ("x-forwarded-client-cert", claim)

    assert send(gateway, "api.localhost", headers=(header,)).status == 403
    assert send(gateway, "api.localhost", headers=(header, header)).status == 403
    told = send(gateway, "whoami.localhost", "/", "second", headers=(header,))
    (xfcc,) = [
        value
        for name, value in json.loads(told.body)["headers"]
        if name == "x-forwarded-client-cert"
    ]
    assert gateway.credentials.clients["second"].fingerprint in xfcc
    assert valid.fingerprint not in xfcc


def test_underscores_in_names_are_refused(gateway: Stack) -> None:
    answer = send(gateway, "whoami.localhost", headers=(("cf_cert_verified", "true"),))

    assert answer.status == 0


def test_the_way_to_http_3_is_announced(gateway: Stack) -> None:
    """So browsers take it, whether anybody thought of it or not."""
    answer = gateway.get("whoami.localhost")

    assert dict(answer.headers)["alt-svc"] == 'h3=":443"; ma=86400'
