# SPDX-License-Identifier: Apache-2.0
"""Every row of the demo, on both HTTP versions and both transports, with the real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.client import Answer
from authz.demo.rows import deviations
from authz.demo.scenario import ROWS, Row
from authz.extauthz.encode import DECISION_ID_LENGTH
from tests.e2e.harness import http_client, send, unique
from tests.factories.listener_cases import LARGE, Case, add_large_clients, judge

if TYPE_CHECKING:
    from tests.e2e.harness import Stack


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(demo_stack: Stack, row: Row, version: str) -> None:
    path, marker = unique(row.path)
    with http_client(version, demo_stack.credentials, row.certificate) as client:
        response = send(
            client,
            demo_stack.envoy.port,
            sni=row.sni or row.host,
            host=row.host,
            path=path,
            headers=row.headers,
        )
    answer = Answer(
        status=response.status_code,
        headers=tuple(response.headers.multi_items()),
        body=response.content,
    )
    logged = demo_stack.logged(marker)

    assert deviations(row, answer, logged, demo_stack.credentials) == []
    assert logged["protocol"] == version == response.http_version
    if row.reason:
        assert len(logged["decision_id"]) == DECISION_ID_LENGTH
        assert logged["verdict"] == ("allow" if row.status == 200 else "deny")


@pytest.mark.deploy
def test_the_cases(demo_stack: Stack) -> None:
    def ask(case: Case, headers: tuple[tuple[str, str], ...]) -> int:
        return demo_stack.get(case.host, case.path, case.certificate, headers=headers).status

    judge("listener: plain", ask, demo_stack.credentials)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_large_certificates(demo_stack: Stack, version: str) -> None:
    """60 KB are judged like any other; beyond `limits.certificate_bytes` nothing is.

    Envoy hands the certificate on in the check, where no limit for headers counts.
    """
    add_large_clients(demo_stack.credentials)

    for certificate, status in LARGE.items():
        with http_client(version, demo_stack.credentials, certificate) as client:
            answer = send(
                client, demo_stack.envoy.port, sni="api.localhost", host="api.localhost", path="/"
            )
            told = send(
                client,
                demo_stack.envoy.port,
                sni="whoami.localhost",
                host="whoami.localhost",
                path="/",
            )
        assert (answer.status_code, told.status_code) == (status, 200), certificate
        verified = dict(told.json()["headers"]).get("cf-cert-verified")
        assert (verified == "true") == (status == 200), certificate
    assert demo_stack.authz.metric("authz_certificates_total", result="too_large") >= 1


def test_the_access_log_has_the_fingerprint_of_whoever_came(demo_stack: Stack) -> None:
    path, marker = unique("/")

    demo_stack.get("api.localhost", path, "second")

    expected = demo_stack.credentials.clients["second"].fingerprint
    assert demo_stack.logged(marker)["fingerprint"] == expected


def test_each_transport_is_the_one_that_was_asked_for(demo_stack: Stack, transport: str) -> None:
    assert demo_stack.authz.metric("authz_transport_info", transport=transport) == 1
    assert demo_stack.authz.metric("authz_transport_info") == 1


def test_the_answer_of_a_rule_is_the_one_it_configures(demo_stack: Stack) -> None:
    answer = demo_stack.get("admin.localhost", "/admin")

    assert answer.status == 403
    assert answer.body == b'{"error":"mTLS"}'
    assert ("content-type", "application/json") in answer.headers


def test_a_body_reaches_the_application_whole(demo_stack: Stack) -> None:
    """The check has no body, so Envoy must not hold one back for it."""
    with http_client("HTTP/2", demo_stack.credentials, "valid") as client:
        response = client.post(
            f"https://127.0.0.1:{demo_stack.envoy.port}/",
            content=b"x" * 1_000_000,
            headers={"host": "api.localhost"},
            extensions={"sni_hostname": "api.localhost"},
        )

    assert response.status_code == 200
    assert response.json()["method"] == "POST"
