# SPDX-License-Identifier: Apache-2.0
"""The view of a CheckRequest says what protobuf's own parser says, however the bytes are spelt."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodedRequest, DecodeOptions, Undecodable, decode
from authz.extauthz.service import CheckService
from authz.extauthz.upstream_headers import (
    CF_CERT_HEADERS,
    RFC9440_HEADERS,
    XFCC_HEADER,
    nothing_to_remove,
    removals,
)
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckRequest, CheckResponse
from tests.factories.checks import check_request
from tests.factories.pki import AT, authority, presented, root
from tests.factories.policies import rule, site, snapshot
from tests.factories.wire import respelled

if TYPE_CHECKING:
    from authz.pb.ext_authz_pb2 import AttributeContext

ALICE = presented(root().client("alice")).certificate
OPTIONS = DecodeOptions()
PROTECTED = frozenset((*CF_CERT_HEADERS, *RFC9440_HEADERS, XFCC_HEADER))
#: Lines of a header map stay as they are: whether Envoy shows all headers is read off their bytes.
WHOLE = frozenset({"HeaderValue"})
#: Sites whose trust differs, so that the TLS session says something.
POLICY = snapshot(
    site(rule(), name="api", hosts=("api.example.com",)),
    site(rule(), name="b", hosts=("b.test",), trust=(authority(root("Other")),)),
    site(rule('http.request.method eq "PUT" or authz.tls.sni eq "x"'), name="*", hosts=("*",)),
)

names = st.sampled_from(
    [
        "accept",
        "Client-Cert",
        "CLIENT-CERT-CHAIN",
        "CF_Cert_Verified",
        "cf-cert-ski",
        "X-Forwarded-Client-Cert",
        "x-request-id",
        "cErTain",
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> CheckRequest:
    """Requests as Envoy sends them, and with names that it would not send."""
    return check_request(
        host=draw(st.sampled_from(["api.example.com", "b.test", "c.test", "h\xe4.test"])),
        path=draw(st.sampled_from(["/", "/admin", "/admin?q=1", "/\xe4", b"/\xff"])),
        method=draw(st.sampled_from(["GET", "PUT", "P\xdcT"])),
        headers=draw(st.lists(st.tuples(names, st.sampled_from(["", "a", "b"])), max_size=4)),
        raw=draw(st.booleans()),
        certificate=draw(st.sampled_from(["", ALICE, "x"])),
        sni=draw(st.sampled_from([None, "", "api.example.com", "b.test", "x"])),
        body=draw(st.sampled_from(["", "a=b", "\xe4"])),
        extensions=draw(st.sampled_from([{}, {"a": "b"}])),
    )


@st.composite
def spellings(draw: st.DrawFn) -> bytes:
    """Bytes of a request that no Envoy writes."""
    data = draw(requests()).SerializeToString()
    dice = random.Random(draw(st.integers(0, 2**32)))
    return respelled(data, CheckRequest.DESCRIPTOR, dice, WHOLE)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """The same with some bytes changed: mostly unreadable, or text that is none."""
    data = bytearray(draw(spellings()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    return bytes(data)


def header_lines(http: AttributeContext.HttpRequest) -> list[tuple[bytes, bytes]]:
    if http.header_map.headers:
        return [
            (line.key.lower().encode(), line.raw_value or line.value.encode())
            for line in http.header_map.headers
        ]
    return [(key.lower().encode(), value.encode()) for key, value in http.headers.items()]


def by_the_whole(data: bytes) -> dict[str, Any]:
    """What a request says, read by protobuf's parser alone."""
    attributes = CheckRequest.FromString(data).attributes
    http = attributes.request.http
    lines = header_lines(http)
    raw = dict(lines) if http.header_map.headers else {}

    def sent(text: str, name: bytes) -> bytes:
        # Where the text has a "!", a byte may have been something else.
        return (raw.get(name) or text.encode()) if "!" in text else text.encode()

    source, destination = attributes.source, attributes.destination
    return {
        "host": sent(http.host, b":authority"),
        "path": sent(http.path, b":path"),
        "method": sent(http.method, b":method"),
        "scheme": sent(http.scheme, b":scheme"),
        "protocol": http.protocol.encode(),
        "body": http.raw_body or http.body.encode(),
        "headers": tuple(
            (b"host", value) if name == b":authority" else (name, value)
            for name, value in lines
            if name == b":authority" or not name.startswith(b":")
        ),
        "sni": attributes.tls_session.sni if attributes.HasField("tls_session") else None,
        "request_id": http.id,
        "time_seconds": attributes.request.time.seconds,
        "time_nanos": attributes.request.time.nanos,
        "peer_address": source.address.socket_address.address,
        "peer_port": source.address.socket_address.port_value,
        "destination_address": destination.address.socket_address.address,
        "destination_port": destination.address.socket_address.port_value,
        "context_extensions": dict(attributes.context_extensions),
    }


def by_the_view(facts: DecodedRequest, names: dict[str, Any]) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in names}


@given(spellings())
def test_every_fact_is_that_of_the_whole(data: bytes) -> None:
    expected = by_the_whole(data)

    facts = decode(data, OPTIONS)

    assert by_the_view(facts, expected) == expected
    certificate = CheckRequest.FromString(data).attributes.source.certificate
    assert facts.presented.certificate == certificate
    assert facts.credential == (certificate.encode() or None)


@given(broken())
def test_whatever_can_be_read_is_that_of_the_whole(data: bytes) -> None:
    try:
        expected = by_the_whole(data)
    except DecodeError:
        try:
            facts = decode(data, OPTIONS)
        except Undecodable:
            return
        # Text that is read is text; what nobody reads is not looked at.
        for name in ("host", "path", "method", "scheme", "protocol"):
            with suppress(Undecodable):
                getattr(facts, name).decode()
        return
    try:
        facts = decode(data, OPTIONS)
        found = by_the_view(facts, expected)
    except Undecodable:
        return
    assert found == expected


@given(spellings())
def test_no_header_that_has_to_go_is_overlooked(data: bytes) -> None:
    facts = decode(data, OPTIONS)
    lines = header_lines(CheckRequest.FromString(data).attributes.request.http)
    forbidden = {name for name, _ in lines if name.replace(b"_", b"-").decode() in PROTECTED}

    removed = removals(facts, None)

    assert {name.encode() for name in removed} >= forbidden
    if nothing_to_remove(facts.view.header_map):
        assert not forbidden
        assert removed == ()


def make() -> CheckService:
    service = CheckService(OPTIONS, DEFAULT_LIMITS, Metrics(), clock=lambda: AT)
    POLICY.decided.clear()
    service.snapshot = POLICY
    return service


def verdict(answer: bytes) -> dict[str, Any]:
    metadata = dict(CheckResponse.FromString(answer).dynamic_metadata)
    del metadata["decision_id"]
    return metadata


@given(st.lists(spellings(), min_size=1, max_size=6))
def test_a_spelling_is_judged_as_its_plain_form_is(spelt: list[bytes]) -> None:
    plain = [CheckRequest.FromString(data).SerializeToString() for data in spelt]
    service = make()
    # Whatever was remembered in between, and from whichever of the two.
    found = [[verdict(service.check(data)) for data in spelt + plain] for _ in range(3)]
    expected = [verdict(make().check(data)) for data in plain]

    assert found == [expected + expected] * 3
