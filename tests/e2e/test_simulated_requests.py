# SPDX-License-Identifier: Apache-2.0
"""What the simulator takes for Envoy's CheckRequest is what the shipped listener sends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import DEFAULT_LIMITS, read_presented
from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.stack import start_envoy
from authz.envoy.config import render_envoy_config
from authz.extauthz.decode import DecodeOptions, decode
from authz.services.simulated_listener import through_listener
from authz.services.simulated_request import SimulatedRequest, check_request
from authz.settings import Settings
from tests.e2e.harness import default_options, http_client, wait_for_health
from tests.e2e.slow_authorizer import SlowAuthorizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc

    from authz.demo.credentials import Credentials
    from authz.demo.stack import Envoy
    from authz.demo.upstream import Upstream

HOST = "api.localhost"


class Recorder(SlowAuthorizer):
    """Allows every check and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.checks: list[bytes] = []

    def _check(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        self.checks.append(data)
        return super()._check(data, context)


@pytest.fixture(scope="module", params=[0, 65_536], ids=["no bodies", "bodies"])
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[tuple[Credentials, Envoy, Recorder, bool]]:
    credentials = make_credentials(tmp_path_factory.mktemp("simulated"), at=time.time())
    with Recorder() as recorder, Children() as children:
        options = default_options(
            credentials, upstream, [recorder.address], body_bytes=request.param
        )
        envoy = start_envoy(
            children, credentials.directory, render_envoy_config(Settings(), options)
        )
        wait_for_health(envoy, 1)
        yield credentials, envoy, recorder, bool(request.param)


@pytest.mark.parametrize("certificate", ["", "valid"])
@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/admin?x=1", {}, b""),
        ("GET", "/", {"X-Forwarded-For": "10.0.0.1", "x-a": "b", "Cookie": "a=1"}, b""),
        ("POST", "/orders", {"content-type": "text/plain"}, b"hello"),
        ("DELETE", "/orders/7", {"x-forwarded-client-cert": "Hash=00"}, b""),
        ("GET", "/", {"x-envoy-retry-on": "5xx", "x-envoy-internal": "true"}, b""),
        ("GET", "/", {"expect": "100-continue", "x-real-ip": "10.0.0.1", "te": "trailers"}, b""),
    ],
)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_it_is_what_envoy_sends(
    recorded: tuple[Credentials, Envoy, Recorder, bool],
    version: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    certificate: str,
) -> None:
    credentials, envoy, recorder, forwards = recorded
    with http_client(version, credentials, certificate) as client:
        answer = client.request(
            method,
            f"https://127.0.0.1:{envoy.port}{path}",
            headers={"host": HOST, **headers},
            content=body or None,
            extensions={"sni_hostname": HOST},
        )
    assert answer.status_code == 200
    real = decode(recorder.checks[-1], DecodeOptions())

    heard = through_listener(
        SimulatedRequest(
            host=HOST,
            method=method,
            path=path,
            protocol=version,
            headers=tuple(answer.request.headers.multi_items()),
            body=body,
            source_address="127.0.0.1",
            sni=HOST,
            certificates=(read_presented(real.presented, DEFAULT_LIMITS).certificate,)
            if certificate
            else (),
            request_id=dict(real.headers)[b"x-request-id"].decode(),
            time=time.time(),
        ),
        forwards_bodies=forwards,
    )
    made = decode(check_request(heard.request, DecodeOptions()), DecodeOptions())

    assert _told(made) == _told(real)


def _told(facts: Any) -> dict[str, Any]:
    """What rules can see of it, but for when and through which ports."""
    return {
        "method": facts.method,
        "host": facts.host,
        "path": facts.path,
        "scheme": facts.scheme,
        "protocol": facts.protocol,
        "headers": sorted(
            # To a peer on this machine Envoy gives an address of the machine.
            (name, value.rpartition(b",")[0] if name == b"x-forwarded-for" else value)
            for name, value in facts.headers
        ),
        "truncated": facts.headers_truncated,
        "body": (facts.body, facts.body_size, facts.body_truncated),
        "address": facts.source_address,
        "sni": facts.sni,
        "certificate": read_presented(facts.presented, DEFAULT_LIMITS).certificate
        if facts.credential
        else None,
        "extensions": facts.metadata,
    }
