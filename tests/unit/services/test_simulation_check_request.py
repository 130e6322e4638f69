# SPDX-License-Identifier: Apache-2.0
"""CheckRequests as JSON."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToJson

from authz.errors import InvalidInputError
from authz.pb.ext_authz_pb2 import CheckRequest
from authz.services.simulation_check_request import read_check_request, read_json
from tests.factories.checks import check_request
from tests.factories.pki import AT, root, url_encoded


def test_it_is_read_as_it_is_and_shown() -> None:
    pem = root().client("alice").pem
    request = check_request(path="/x?y", certificate=url_encoded(pem), raw_body=b"a=1", size=3)

    found = read_check_request(MessageToJson(request))

    assert found.data is not None
    assert CheckRequest.FromString(found.data) == request
    assert (found.host, found.method, found.path) == ("api.example.com", "GET", "/x?y")
    assert (found.sni, found.source_address, found.source_port) == (
        "api.example.com",
        "198.51.100.7",
        41234,
    )
    assert (found.body, found.pem, found.time) == (b"a=1", pem.decode(), AT + 0.25)
    assert ("user-agent", "curl/8.9.1") in found.headers
    assert "host" not in dict(found.headers)


def test_a_typo_is_seen() -> None:
    found = read_check_request('{"attributes": {"sorce": {}, "request": {"http": {"path": "/"}}}}')

    assert any("sorce" in one for one in found.notes)


def test_what_envoy_never_sends_is_told_and_can_be_decided() -> None:
    found = read_check_request("{}")

    assert found.data == b""
    assert found.notes == ("Envoy never sends this: no path. It is denied as undecodable.",)


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", "7", '{"attributes": 7}', '{"attributes":' * 5000, "9" * 5000]
)
def test_what_is_none_says_what_is_expected(text: str) -> None:
    with pytest.raises(InvalidInputError, match="the request is no CheckRequest") as raised:
        read_json(text)

    assert '"attributes"' in str(raised.value.hint)
