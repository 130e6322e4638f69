# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.recording import Recording, RecordOptions
from authz.pb.ext_authz_pb2 import CheckRequest
from authz.services.recorded_requests import (
    RecordedHeader,
    left_out_of,
    request_object,
    request_view,
)
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


@pytest.mark.parametrize("raw", [True, False])
def test_a_request_is_shown_as_people_read_one(raw: bool) -> None:
    view = request_view(
        _recorded(
            certificate=ALICE,
            path="/a?b=c",
            headers=(("user-agent", b"curl"), ("cookie", b"s"), ("x", b"")),
            raw=raw,
        )
    )
    assert view is not None

    assert (view.method, view.scheme, view.host, view.path, view.protocol) == (
        "GET",
        "https",
        "api.example.com",
        "/a?b=",
        "HTTP/2",
    )
    assert sorted(view.headers, key=lambda one: one.name) == [
        RecordedHeader(name="cookie", value="", left_out=True),
        RecordedHeader(name="user-agent", value="curl", left_out=False),
        RecordedHeader(name="x", value="", left_out=False),
    ]
    assert view.certificate.startswith("-----BEGIN CERTIFICATE-----\n")
    assert (view.address, view.sni) == ("198.51.100.7", "api.example.com")
    assert view.left_out == ("the value of the header cookie", "values of the query")
    assert ParseDict(view.check_request, CheckRequest()).attributes.request.http.host == view.host


def test_bytes_that_are_no_text_are_escaped() -> None:
    view = request_view(_recorded(path=b"/\xff", host=b"h\xfe"))

    assert view is not None
    assert (view.path, view.host) == ("/\\xff", "h\\xfe")
    json.dumps(view.check_request)


def test_what_is_no_request_is_not_shown() -> None:
    broken = RecordedRequest(request=b"\xff")

    assert request_view(broken) is None
    assert request_object(broken, "") == request_object(None, "")
    assert request_object(None, "off")["unrecorded"] == "off"


def test_everything_that_may_be_missing_has_words() -> None:
    flags = ("query", "query_names", "path", "host", "body", "metadata")
    some = RecordedRequest(request=b"", left_out=dict.fromkeys(flags, True))

    assert len(set(left_out_of(some))) == len(flags)
