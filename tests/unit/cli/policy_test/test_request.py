# SPDX-License-Identifier: Apache-2.0
"""A case as the CheckRequest that Envoy would send, read back by the product's decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import CertificateLimits, CertificateSource, read_presented
from authz.cli.policy_test.document import CaseDocument
from authz.cli.policy_test.loading import Case
from authz.cli.policy_test.request import check_request
from authz.errors import PolicyError
from authz.extauthz.decode import DecodeOptions, decode
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from tests.factories.facts import RequestFacts

_ALICE = root().client("alice", at=AT)


def _case(certificates: tuple[bytes, ...] = (), **request: Any) -> Case:
    document = CaseDocument.model_validate(
        {
            "name": "a case",
            "request": {"host": "api.example.com", **request},
            "expect": {"verdict": "deny"},
        }
    )
    return Case(document=document, certificates=certificates, at=AT, line=1)


def _decoded(case: Case, source: CertificateSource = CertificateSource.ENVOY) -> RequestFacts:
    options = DecodeOptions(certificate_source=source)
    return decode(check_request(case, options), options)


def test_what_a_case_says_is_what_the_rules_see() -> None:
    facts = _decoded(
        _case(
            method="PUT",
            path="/a?b=%20",
            headers={"X-A": "é", "cookie": ["a=1", "b=2"]},
            body="x=1",
            source_address="2001:db8::1",
            source_port=7,
            destination_address="192.0.2.99",
            destination_port=8443,
            sni="other.example.com",
            request_id="42",
            time="2026-03-01T13:00:00.5+01:00",
            metadata={"jwt": {"sub": "alice", "roles": ["a"]}},
        )
    )

    assert (facts.method, facts.host, facts.path) == (b"PUT", b"api.example.com", b"/a?b=%20")
    assert facts.headers[0] == (b"host", b"api.example.com")
    assert facts.headers[1:] == ((b"x-a", "é".encode()), (b"cookie", b"a=1"), (b"cookie", b"b=2"))
    assert (facts.body, facts.body_size, facts.body_truncated) == (b"x=1", 3, False)
    assert (facts.source_address, facts.peer_port) == ("2001:db8::1", 7)
    assert (facts.destination_address, facts.destination_port) == ("192.0.2.99", 8443)
    assert (facts.sni, facts.request_id) == ("other.example.com", "42")
    assert (facts.time_seconds, facts.time_nanos) == (int(AT), 500_000_000)
    assert facts.metadata["jwt"]["sub"] == "alice"


@pytest.mark.parametrize(
    ("request_", "sni"),
    [
        ({"host": "API.example.com:8443"}, "api.example.com"),
        ({"host": "a,b"}, ""),
        ({"sni": ""}, ""),
        ({"scheme": "http"}, None),
    ],
)
def test_the_server_name_is_the_host_unless_it_is_given(
    request_: dict[str, str], sni: str | None
) -> None:
    assert _decoded(_case(**request_)).sni == sni


@pytest.mark.parametrize("source", CertificateSource)
def test_the_certificate_arrives_by_the_source_of_the_settings(source: CertificateSource) -> None:
    case = _case((_ALICE.der, root().der))

    peer = read_presented(_decoded(case, source).presented, CertificateLimits())

    assert peer.certificate == _ALICE.der
    # Envoy itself forwards no intermediates.
    assert bool(peer.intermediates) is (source is CertificateSource.XFCC)


def test_a_case_without_a_certificate_presents_none() -> None:
    assert not _decoded(_case()).presented.certificate


@pytest.mark.parametrize(
    "request_", [{"path": "/\ud800"}, {"time": 1e15}, {"metadata": {"a": {"b": 1 << 2000}}}]
)
def test_what_no_message_can_carry_is_an_error_that_names_the_case(
    request_: dict[str, Any],
) -> None:
    with pytest.raises(PolicyError, match='the case "a case" cannot be sent'):
        check_request(_case(**request_), DecodeOptions())
