# SPDX-License-Identifier: Apache-2.0
"""The CheckRequest about a request, read back by the product's decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.presented import CertificateLimits, CertificateSource, read_presented
from authz.errors import InvalidInputError
from authz.extauthz.decode import DecodeOptions, decode
from authz.services.simulated_request import SimulatedRequest, check_request
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.extauthz.decode import DecodedRequest

_ALICE = root().client("alice")


def _decoded(options: DecodeOptions | None = None, **changes: Any) -> DecodedRequest:
    given = {"host": "api.example.com", "time": AT, **changes}
    options = options or DecodeOptions()
    return decode(check_request(SimulatedRequest(**given), options), options)


def test_what_a_request_says_is_what_the_rules_see() -> None:
    facts = _decoded(
        method="PUT",
        path="/a?b",
        headers=(("X-A", "é"), ("x-a", "2")),
        body=b"x",
        body_size=1,
        source_address="2001:db8::1",
        source_port=7,
        sni="",
        request_id="42",
    )

    assert (facts.method, facts.host, facts.path) == (b"PUT", b"api.example.com", b"/a?b")
    assert facts.headers[1:] == ((b"x-a", "é".encode()), (b"x-a", b"2"))
    assert (facts.body, facts.body_size) == (b"x", 1)
    assert (facts.peer_address, facts.peer_port, facts.sni) == ("2001:db8::1", 7, "")
    assert (facts.request_id, facts.time_seconds) == ("42", int(AT))
    assert not facts.headers_truncated


def test_bytes_that_are_no_text_arrive() -> None:
    facts = _decoded(path="/\udcff!", headers=(("x", "\udcfe"),))

    assert facts.path == b"/\xff!"
    assert facts.headers[-1] == (b"x", b"\xfe")


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_the_certificate_is_in_the_element_that_counts(hops: int) -> None:
    options = DecodeOptions(certificate_source=CertificateSource.XFCC, xfcc_trusted_hops=hops)

    facts = _decoded(options, certificates=(_ALICE.der, root().der))
    peer = read_presented(facts.presented, CertificateLimits())

    assert peer.certificate == _ALICE.der
    assert peer.intermediates == (root().der,)


def test_envoy_itself_forwards_the_end_entity_certificate_alone() -> None:
    peer = read_presented(
        _decoded(certificates=(_ALICE.der, root().der)).presented, CertificateLimits()
    )

    assert (peer.certificate, peer.intermediates) == (_ALICE.der, ())


@pytest.mark.parametrize("changes", [{"path": "/\ud800"}, {"time": 1e15}, {"source_port": 1 << 40}])
def test_what_no_message_can_carry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="the request cannot be sent"):
        _decoded(**changes)
