# SPDX-License-Identifier: Apache-2.0
"""Istio's ingress gateway and Envoy Gateway, as their own code generates them from deploy/.

The generated listener, filters, routes and clusters run on the real Envoy with the real service;
what is replaced is in tests/factories/generated.py, how they were made in the generated files.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from authz.cli.doctor import envoy_dump, envoy_limit
from authz.cli.doctor.envoy_endpoints import Endpoints, endpoints_of
from authz.cli.fetch import get
from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.scenario import ROWS
from authz.settings import Settings
from tests.e2e.gateways import start_gateway, until_asked
from tests.e2e.harness import Stack, eventually, http_client, send
from tests.factories.listener_cases import Case, add_large_clients, judge
from tests.factories.pki import xfcc_element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.client import Answer
    from authz.demo.upstream import Upstream

#: The rows of the demo whose answer differs, per form. 421 needs the SNI, which XFCC has not.
DIFFERENCES = {
    # Istio's XFCC has no Chain; escaped slashes are decoded and the path is judged as decoded.
    "istio/gateway": {"misdirected": 403, "path-escaped-slash": 200},
    "istio/hardened": {"misdirected": 403, "intermediate-only-sent": 200},
    "envoy_gateway/gateway": {"misdirected": 403, "intermediate-only-sent": 200},
    "envoy_gateway/hardened": {"misdirected": 403, "intermediate-only-sent": 200},
}
FORMS = tuple(DIFFERENCES)
XFCC_HEADER = "x-forwarded-client-cert"


def seen_upstream(answer: Answer, name: str) -> list[str]:
    return [value for header, value in json.loads(answer.body)["headers"] if header == name]


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def gateway(
    form: str, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, transport: str
) -> Iterator[Stack]:
    """For reading only."""
    credentials = make_credentials(tmp_path_factory.mktemp("gateway"), at=time.time())
    add_large_clients(credentials)
    with Children() as children:
        stack = start_gateway(form, children, credentials, upstream=upstream, transport=transport)
        until_asked(stack)
        yield stack


# --- who gets in ---------------------------------------------------------------------------------


def test_every_row_holds(form: str, gateway: Stack) -> None:
    """Valid, none, unknown authority, revoked, expired, another host's authority, and the rest."""
    expected = {row.id: row.status for row in ROWS} | DIFFERENCES[form]

    assert {
        row.id: gateway.get(
            row.host, row.path, row.certificate, sni=row.sni or row.host, headers=row.headers
        ).status
        for row in ROWS
    } == expected


@pytest.mark.deploy
def test_the_cases(form: str, gateway: Stack) -> None:
    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        return gateway.get(case.host, case.path, case.certificate, headers=headers).status

    judge(f"gateway: {form}", ask, gateway.credentials)


@pytest.mark.parametrize(
    ("certificate", "result"),
    [
        ("valid", "verified"),
        ("revoked-by-crl", "revoked"),
        ("", "absent"),
        ("expired", "expired"),
        ("partner", "unknown_issuer"),
        ("self-signed", "unknown_issuer"),
        ("server-auth-only", "wrong_usage"),
    ],
)
def test_the_reason_is_known(gateway: Stack, certificate: str, result: str) -> None:
    """Everybody gets through the handshake, so that the authorizer can say what was wrong."""

    def counted() -> float:
        return gateway.authz.metric("authz_certificates_total", result=result)

    before = counted()
    gateway.get("api.localhost", "/", certificate)

    eventually(lambda: counted() == before + 1, f"one more {result}")


def test_two_hosts_with_different_authorities(gateway: Stack) -> None:
    """Each host has its own authorities, whatever the connection was opened for."""
    for sni in ("api.localhost", "partner.localhost"):
        assert gateway.get("api.localhost", "/", "valid", sni=sni).status == 200
        assert gateway.get("api.localhost", "/", "partner", sni=sni).status == 403
        assert gateway.get("partner.localhost", "/", "partner", sni=sni).status == 200
        assert gateway.get("partner.localhost", "/", "valid", sni=sni).status == 403


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_both_hosts_on_one_connection(gateway: Stack, version: str) -> None:
    with http_client(version, gateway.credentials, "valid") as client:
        statuses = [
            send(client, gateway.envoy.port, sni="api.localhost", host=host, path="/").status_code
            for host in ("api.localhost", "partner.localhost", "api.localhost")
        ]

    assert statuses == [200, 403, 200]


# --- how many checks may be under way -------------------------------------------------------------


def test_doctor_finds_nothing_wrong_with_the_limit(gateway: Stack) -> None:
    """Of a cluster as this Envoy shows it; without the limit it has something to say."""
    admin = gateway.envoy.admin_address
    dump = get(admin, "/config_dump").json()
    chain = next(envoy_dump.chains(dump))
    cluster = envoy_dump.clusters(dump)[chain.cluster]
    # Not its health: Envoy may have asked for that once, when nobody listened yet.
    there = endpoints_of(get(admin, "/clusters?format=json").json())[chain.cluster]
    assert (there.there, there.may_be_more) == (1, False)
    # As deploy/kubernetes/authz.yaml has it.
    settings = Settings.model_validate({"grpc": {"listen": "0.0.0.0:50051"}})
    waits = envoy_limit.shortest([chain])

    def said(endpoints: Endpoints) -> list[str]:
        found = envoy_limit.look(chain.cluster, cluster, settings, endpoints, waits)
        return [one.id for one in found]

    # What is shipped is for two pods.
    assert said(Endpoints(2, 2, may_be_more=False)) == []
    assert said(there) == ["many-checks-at-once"]
    cluster["circuit_breakers"]["thresholds"][0]["max_requests"] = envoy_limit.NO_LIMIT
    assert said(Endpoints(2, 2, may_be_more=False)) == ["many-checks-at-once"]


# --- what a client claims ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form_of_claim", ["one", "two elements", "two headers", "JSON", "spelling"]
)
def test_a_claimed_certificate_is_replaced(gateway: Stack, form_of_claim: str) -> None:
    valid = gateway.credentials.clients["valid"]
    claim = xfcc_element(valid, chain=True)
    headers = {
        "one": ((XFCC_HEADER, claim),),
        "two elements": ((XFCC_HEADER, f"{claim},{claim}"),),
        "two headers": ((XFCC_HEADER, claim), (XFCC_HEADER, claim)),
        "JSON": ((XFCC_HEADER, json.dumps([{"Hash": valid.fingerprint, "Cert": "x"}])),),
        "spelling": (("X-Forwarded-Client-CERT", claim),),
    }[form_of_claim]

    assert gateway.get("api.localhost", headers=headers).status == 403
    assert gateway.get("api.localhost", "/", "self-signed", headers=headers).status == 403
    assert gateway.get("pinned.localhost", "/", "second", headers=headers).status == 403
    # The application is told of the client that is there, and of nobody else.
    told = gateway.get("whoami.localhost", "/", "second", headers=headers)
    (xfcc,) = seen_upstream(told, XFCC_HEADER)
    assert gateway.credentials.clients["second"].fingerprint in xfcc
    assert valid.fingerprint not in xfcc
    unverified = gateway.get("whoami.localhost", "/", "self-signed", headers=headers)
    assert seen_upstream(unverified, XFCC_HEADER) == []


@pytest.mark.parametrize("name", ["x_forwarded_client_cert", "cf_cert_verified", "client_id"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_underscores_in_names_are_refused(gateway: Stack, name: str, version: str) -> None:
    """To an application behind CGI or WSGI they are the header with hyphens."""
    with http_client(version, gateway.credentials, "valid") as client:
        try:
            status = send(
                client,
                gateway.envoy.port,
                sni="whoami.localhost",
                host="whoami.localhost",
                path="/",
                headers=[(name, "true")],
            ).status_code
        except httpx.RemoteProtocolError:
            status = 0

    # Over HTTP/2 the stream is reset.
    assert status == (400 if version == "HTTP/1.1" else 0)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.localhost:443", 403),
        ("API.localhost", 403),
        ("api.localhost:8443", 403),
        ("whoami.localhost:443", 200),
    ],
)
def test_other_spellings_of_a_host(gateway: Stack, host: str, status: int) -> None:
    with contextlib.closing(gateway.connect("api.localhost")) as connection:
        assert connection.send_request("/", hosts=(host,)).status == status


def test_a_trailing_dot_never_finds_other_rules(form: str, gateway: Stack) -> None:
    """Istio has no route for it, so nobody is asked; with the dot stripped it is the same host."""
    with contextlib.closing(gateway.connect("api.localhost")) as connection:
        refused = connection.send_request("/", hosts=("api.localhost.",)).status
    with contextlib.closing(gateway.connect("whoami.localhost")) as connection:
        public = connection.send_request("/", hosts=("whoami.localhost.",)).status

    assert (refused, public) == ((404, 404) if form == "istio/gateway" else (403, 200))


# --- sizes ---------------------------------------------------------------------------------------


def test_large_certificates(form: str, gateway: Stack) -> None:
    """60 KB are judged like any other; beyond `limits.certificate_bytes` nothing is.

    The header about the client is written by the gateway, so its own limit for headers is no
    matter. The application has one, too: this one refuses a line above 64 KiB.
    """
    refused_by_the_application = b"<!DOCTYPE HTML>"

    assert gateway.get("api.localhost", "/", "large").status == 200
    if form == "istio/gateway":
        # Where TLS sessions can be resumed, so large a chain ends the connection unanswered.
        with pytest.raises(ConnectionError):
            gateway.get("api.localhost", "/", "large-chain")
    else:
        chain = gateway.get("api.localhost", "/", "large-chain")
        assert (chain.status, chain.body[:15]) == (431, refused_by_the_application)
    assert gateway.get("api.localhost", "/", "too-large").status == 403
    assert gateway.authz.metric("authz_certificates_total", result="too_large") >= 1


def test_headers_beyond_the_limit_are_refused_by_the_gateway(gateway: Stack) -> None:
    """60 KiB is Envoy's default, and neither control plane sets another."""
    headers = tuple((f"x-padding-{n}", "x" * 7_000) for n in range(9))

    assert gateway.get("whoami.localhost", headers=headers[:8]).status == 200
    assert gateway.get("whoami.localhost", headers=headers).status == 431
