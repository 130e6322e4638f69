# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from google.protobuf.json_format import ParseDict

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.recording import Recording, RecordOptions
from authz.pb.ext_authz_pb2 import AttributeContext, CheckRequest
from authz.services.recorded_requests import left_out_of, request_object
from authz.store.records_activity import RecordedRequest
from tests.factories.checks import check_request
from tests.factories.pki import presented, root

ALICE = presented(root().client("alice")).certificate


def _recorded(**changes: Any) -> RecordedRequest:
    made = Recording(RecordOptions(headers=frozenset({"user-agent"})), DecodeOptions())(
        check_request(**changes).SerializeToString()
    )
    headers = made.left_out.headers
    return RecordedRequest(request=made.request, left_out={"headers": list(headers), "query": True})


def _told(told: dict[str, Any]) -> AttributeContext:
    return ParseDict(told["check_request"], CheckRequest()).attributes


@pytest.mark.parametrize("raw", [True, False])
def test_a_request_is_told_as_it_was_recorded(raw: bool) -> None:
    told = request_object(
        _recorded(
            certificate=ALICE,
            path="/a?b=c",
            headers=(("user-agent", b"curl"), ("cookie", b"s"), ("x", b"")),
            raw=raw,
        ),
        "",
    )
    attributes = _told(told)
    http = attributes.request.http

    assert (told["recorded"], told["unrecorded"]) == (True, "")
    assert (http.method, http.scheme, http.host, http.path, http.protocol) == (
        "GET",
        "https",
        "api.example.com",
        "/a?b=",
        "HTTP/2",
    )
    lines = [(one.key, one.raw_value.decode()) for one in http.header_map.headers]
    assert sorted(one for one in lines or http.headers.items() if one[0][0] != ":") == [
        ("cookie", ""),
        ("user-agent", "curl"),
        ("x", ""),
    ]
    assert unquote(attributes.source.certificate).startswith("-----BEGIN CERTIFICATE-----\n")
    assert attributes.source.address.socket_address.address == "198.51.100.7"
    assert attributes.tls_session.sni == "api.example.com"
    assert told["left_out"] == ["the value of the header cookie", "values of the query"]


def test_bytes_that_are_no_text_are_told_as_they_were() -> None:
    told = request_object(_recorded(path=b"/\xff", host=b"h\xfe"), "")

    headers = _told(told).request.http.header_map.headers
    lines = {one.key: one.raw_value for one in headers}
    assert (lines[":path"], lines[":authority"]) == (b"/\xff", b"h\xfe")
    json.dumps(told)


def test_what_is_no_request_is_not_told() -> None:
    broken = RecordedRequest(request=b"\xff", left_out={"query": True})

    assert request_object(broken, "") == request_object(None, "")
    assert request_object(None, "off") == {
        "recorded": False,
        "unrecorded": "off",
        "left_out": [],
        "check_request": None,
    }


def test_everything_that_may_be_missing_has_words() -> None:
    flags = ("query", "query_names", "path", "host", "body", "metadata")
    some = RecordedRequest(request=b"", left_out=dict.fromkeys(flags, True))

    assert len(set(left_out_of(some))) == len(flags)
