# SPDX-License-Identifier: Apache-2.0
"""What is kept of a request decides again; what is nobody's business is in no byte of it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.presented import CertificateSource
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.recording import Recording, RecordOptions
from authz.observability.recorded import LeftOut, Recorded
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest
from tests.factories.checks import check_request
from tests.factories.pki import presented, root

ALICE = presented(root().client("alice")).certificate
SECRETS = (
    ("authorization", b"Bearer s3cret-token"),
    ("cookie", b"session=s3cret-session"),
    ("X-Api-Key", b"s3cret-key"),
)
KEPT = (("user-agent", b"curl/8.9.1"), ("content-type", b"text/plain"))


def _recorded(request: CheckRequest, **options: Any) -> Recorded:
    record = Recording(RecordOptions(headers=frozenset({"user-agent"}), **options), DecodeOptions())
    return record(request.SerializeToString())


def _http(recorded: Recorded) -> AttributeContext.HttpRequest:
    return CheckRequest.FromString(recorded.request).attributes.request.http


@pytest.mark.parametrize("raw", [True, False])
def test_values_of_headers_stay_where_they_are_wanted(raw: bool) -> None:
    recorded = _recorded(check_request(headers=(*KEPT, *SECRETS), raw=raw))

    assert b"s3cret" not in recorded.request
    assert recorded.left_out.headers == ("authorization", "cookie", "x-api-key")
    facts = decode(recorded.request, DecodeOptions())
    headers = dict(facts.headers)
    assert headers[b"user-agent"] == b"curl/8.9.1"
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"cookie"] == b""
    assert not facts.headers_truncated


def test_a_header_that_was_empty_is_known_and_one_of_several_lines_is_named_once() -> None:
    recorded = _recorded(check_request(headers=(("x", b""), ("y", b"1"), ("Y", b"2"))))

    assert recorded.left_out.headers == ("y",)
    assert [one.key for one in _http(recorded).header_map.headers][-3:] == ["x", "y", "Y"]


@pytest.mark.parametrize(
    ("path", "kept", "left_out"),
    [
        ("/a", "/a", {}),
        ("/a?", "/a?", {}),
        ("/a?b=", "/a?b=", {}),
        ("/a?&", "/a?&", {}),
        ("/a?b=s3cret", "/a?b=", {"query": True}),
        ("/a?b=s3cret&c=&d=s3cret", "/a?b=&c=&d=", {"query": True}),
        ("/a?=s3cret", "/a?=", {"query": True}),
        ("/a?s3cret", "/a?", {"query": True, "query_names": True}),
        ("/a?b=1&s3cret&c=2", "/a?b=&c=", {"query": True, "query_names": True}),
        ("/a?b=s3cret?s3cret#s3cret", "/a?b=", {"query": True}),
        ("/a#s3cret", "/a#", {"path": True}),
        ("/a#", "/a#", {}),
        ("/a#s3cret?b=s3cret", "/a#?b=", {"path": True, "query": True}),
        ("*", "*", {}),
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_a_path_loses_the_values_of_its_query(
    path: str, kept: str, left_out: dict[str, bool], raw: bool
) -> None:
    recorded = _recorded(check_request(path=path, headers=(), raw=raw))

    assert b"s3cret" not in recorded.request
    assert _http(recorded).path == kept
    if raw:
        assert {line.key: line.raw_value for line in _http(recorded).header_map.headers}[
            ":path"
        ] == kept.encode()
    else:
        assert _http(recorded).headers[":path"] == kept
    found = recorded.left_out
    assert {name: getattr(found, name) for name in ("query", "query_names", "path")} == {
        "query": False,
        "query_names": False,
        "path": False,
        **left_out,
    }


def test_a_query_stays_where_the_settings_say_so() -> None:
    recorded = _recorded(check_request(path="/a?b=1&c#d"), query=True)

    assert _http(recorded).path == "/a?b=1&c#d"
    assert not recorded.left_out.query


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    recorded = _recorded(check_request(path=b"/\xff?q=\xfe", headers=(("user-agent", b"\xff"),)))

    lines = {line.key: line.raw_value for line in _http(recorded).header_map.headers}
    assert lines[":path"] == b"/\xff?q="
    assert lines["user-agent"] == b"\xff"


@pytest.mark.parametrize(("sent", "kept"), [("alice:s3cret@h", "-@h"), ("-@h", "-@h"), ("h", "h")])
def test_a_host_loses_what_stands_in_front_of_it_and_stays_no_host(sent: str, kept: str) -> None:
    recorded = _recorded(check_request(host=sent, headers=(("host", sent),)))

    assert b"s3cret" not in recorded.request
    assert _http(recorded).host == kept
    assert {
        line.raw_value.decode()
        for line in _http(recorded).header_map.headers
        if line.key in ("host", ":authority")
    } == {kept}
    assert recorded.left_out.host is (sent != kept)


@pytest.mark.parametrize(
    "body", [{"body": "s3cret"}, {"raw_body": b"s3cret"}], ids=["text", "bytes"]
)
def test_a_body_is_never_kept(body: dict[str, Any]) -> None:
    recorded = _recorded(check_request(method="POST", size=6, **body))

    assert b"s3cret" not in recorded.request
    assert recorded.left_out.body
    assert _http(recorded).size == 6
    assert not _recorded(check_request()).left_out.body


def test_metadata_is_kept_only_where_the_settings_say_so() -> None:
    request = check_request()
    claims = Struct()
    claims.update({"jwt": {"sub": "s3cret"}})
    request.attributes.metadata_context.filter_metadata["ns"].CopyFrom(claims)

    assert b"s3cret" not in _recorded(request).request
    assert _recorded(request).left_out.metadata
    kept = _recorded(request, metadata=True)
    assert not kept.left_out.metadata
    assert decode(kept.request, DecodeOptions()).metadata == {"ns": {"jwt": {"sub": "s3cret"}}}


def test_what_decisions_are_made_of_stays() -> None:
    request = check_request(certificate=ALICE, extensions={"authz.body_limit": "8"}, headers=KEPT)
    options = DecodeOptions()
    before = decode(request.SerializeToString(), options)
    recorded = _recorded(request)
    after = decode(recorded.request, options)

    for name in (
        *("method", "host", "scheme", "protocol", "headers", "headers_truncated"),
        *("body", "body_size", "body_truncated", "request_id", "time_seconds", "time_nanos"),
        *("source_address", "peer_address", "peer_port", "destination_address"),
        *("destination_port", "sni", "credential", "presented", "context_extensions", "metadata"),
    ):
        assert getattr(after, name) == getattr(before, name), name
    assert recorded.left_out == LeftOut(query=True, size=before.size)


def test_what_nobody_decides_by_goes() -> None:
    request = check_request()
    request.attributes.source.principal = "s3cret"
    request.attributes.source.labels["a"] = "s3cret"
    request.attributes.request.http.fragment = "s3cret"
    request.attributes.request.http.query = "s3cret"
    route = request.attributes.route_metadata_context.filter_metadata["ns"]
    route.update({"a": "s3cret"})

    assert b"s3cret" not in _recorded(request).request


def test_parts_that_were_not_there_are_not_there() -> None:
    request = check_request(sni=None)
    request.attributes.ClearField("destination")
    kept = CheckRequest.FromString(_recorded(request).request).attributes
    assert not kept.HasField("destination")
    assert not kept.HasField("tls_session")
    request.attributes.source.ClearField("address")
    kept = CheckRequest.FromString(_recorded(request).request).attributes
    assert kept.HasField("source")
    assert not kept.source.HasField("address")
    request.attributes.ClearField("source")
    kept = CheckRequest.FromString(_recorded(request).request).attributes
    assert not kept.HasField("source")


@pytest.mark.parametrize(
    ("options", "header"),
    [
        (DecodeOptions(client_ip_trusted_hops=1), "x-forwarded-for"),
        (DecodeOptions(certificate_source=CertificateSource.XFCC), "x-forwarded-client-cert"),
    ],
    ids=["hops", "xfcc"],
)
def test_where_the_client_is_read_from_is_kept_in_any_case(
    options: DecodeOptions, header: str
) -> None:
    request = check_request(headers=((header, b"value"),)).SerializeToString()

    assert Recording(RecordOptions(), options)(request).left_out.headers == ()
    assert Recording(RecordOptions(), DecodeOptions())(request).left_out.headers == (header,)


def test_what_is_no_request_is_nothing_to_keep() -> None:
    with pytest.raises(DecodeError):
        Recording(RecordOptions(), DecodeOptions())(b"\xff")


@given(
    path=st.text(st.characters(codec="utf-8"), max_size=60),
    value=st.binary(min_size=8, max_size=60),
    names=st.lists(st.text("abcXY-", min_size=1, max_size=8), max_size=5),
)
def test_whatever_is_sent_no_value_is_found_again(
    path: str, value: bytes, names: list[str]
) -> None:
    marked = b"s3cret!" + value + b"!s3cret"
    request = check_request(
        path=path.replace("?", "") + "?a=" + "s3cret" * 3,
        headers=[(name, marked) for name in names],
    )

    recorded = _recorded(request)

    assert b"s3cret" not in recorded.request
    assert set(recorded.left_out.headers) == {name.lower() for name in names}
    assert recorded.left_out.query


@pytest.mark.parametrize(
    ("headers", "cut"),
    [
        ((("content-length", b"3"),), ()),
        ((("content-length", b"9"),), ("http.request.body.raw",)),
        ((("content-length", b"x"),), ("http.request.body.raw", "http.request.body.size")),
    ],
)
def test_it_is_known_what_was_unknown_of_a_body(
    headers: tuple[tuple[str, bytes], ...], cut: tuple[str, ...]
) -> None:
    recorded = _recorded(check_request(method="POST", raw_body=b"a=b", headers=headers))

    found = set(recorded.left_out.cut)
    assert found >= set(cut)
    assert bool(found) is bool(cut)
