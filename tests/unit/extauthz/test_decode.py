# SPDX-License-Identifier: Apache-2.0
"""CheckRequest into RequestFacts: both header encodings, what is missing, what is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.presented import ABSENT, CertificateSource
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.pb.core_pb2 import HeaderValue
from authz.pb.ext_authz_pb2 import CheckRequest
from tests.factories.checks import HEADERS, check_request
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.factories.facts import RequestFacts

OPTIONS = DecodeOptions()


def facts(request: CheckRequest, options: DecodeOptions = OPTIONS) -> RequestFacts:
    return decode(request.SerializeToString(), options)


def plain(read: RequestFacts) -> tuple[tuple[bytes, bytes], ...]:
    """The headers without the one that :authority is."""
    return tuple(line for line in read.headers if line[0] != b"host")


@pytest.mark.parametrize("raw", [True, False])
def test_the_authority_is_the_host_header(raw: bool) -> None:
    assert (b"host", b"api.example.com") in facts(check_request(raw=raw)).headers


@pytest.mark.parametrize("raw", [True, False])
def test_a_request_is_read_the_same_in_both_header_encodings(raw: bool) -> None:
    read = facts(check_request(raw=raw))

    assert (read.method, read.host, read.path) == (b"GET", b"api.example.com", b"/orders?id=7")
    assert (read.scheme, read.protocol) == (b"https", b"HTTP/2")
    assert dict(plain(read)) == {name.encode(): value for name, value in HEADERS}
    assert read.request_id == "4f4d0f0e-54a5-4d5e-9c4b-2f6f4f6a2b10"
    assert (read.time_seconds, read.time_nanos) == (int(AT), 250_000_000)
    assert (read.peer_address, read.peer_port) == ("198.51.100.7", 41234)
    assert (read.destination_address, read.destination_port) == ("192.0.2.10", 8443)
    assert read.source_address == "198.51.100.7"
    assert read.presented == ABSENT


def test_the_certificate_is_handed_on_as_it_came() -> None:
    read = facts(check_request(certificate="-----BEGIN%20a+b%2Bc"))

    assert read.presented.certificate == "-----BEGIN%20a+b%2Bc"
    assert read.presented.source is CertificateSource.ENVOY


def test_xfcc_is_not_looked_at_when_envoy_is_the_source() -> None:
    read = facts(check_request(headers=[("x-forwarded-client-cert", "Hash=00;Cert=x")]))

    assert read.presented == ABSENT


def test_the_certificate_of_the_connection_is_not_used_when_xfcc_is_the_source() -> None:
    options = DecodeOptions(certificate_source=CertificateSource.XFCC)

    read = facts(check_request(certificate="-----BEGIN"), options)

    assert read.presented.is_absent
    assert read.presented.source is CertificateSource.XFCC


# --- what must be there ---------------------------------------------------------------------


def test_bytes_that_are_no_protobuf_are_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(b"\xff\xff\xff", OPTIONS)


def test_text_that_is_not_utf_8_is_undecodable_when_it_is_asked_for() -> None:
    data = check_request().SerializeToString().replace(b"198.51.100.7", b"198.51.\xff00.7")

    read = decode(data, OPTIONS)

    with pytest.raises(Undecodable):
        read.peer_address  # noqa: B018


@pytest.mark.parametrize(
    "part",
    [b"api.example.com", b"/orders?id=7", b"-----BEGIN", b"GET", b"https", b"HTTP/2", b"a=b"],
)
def test_text_of_the_view_that_is_not_utf_8_is_undecodable(part: bytes) -> None:
    request = check_request(certificate="-----BEGIN", body="a=b", headers=())
    data = request.SerializeToString().replace(part, part[:-1] + b"\xff")

    def read() -> None:
        found = decode(data, OPTIONS)
        found.method, found.scheme, found.protocol, found.body, found.presented  # noqa: B018

    with pytest.raises(Undecodable):
        read()


def test_text_beyond_ascii_is_read() -> None:
    read = facts(check_request(host="h\xe4.test", path="/\xe4", method="\xdc", body="\xe4"))

    assert (read.host.decode(), read.path.decode()) == ("h\xe4.test", "/\xe4")
    assert (read.method.decode(), read.body.decode()) == ("\xdc", "\xe4")


def test_an_empty_message_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        decode(b"", OPTIONS)


def test_a_request_without_attributes_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        facts(CheckRequest())


def test_a_request_without_http_is_undecodable() -> None:
    request = check_request()
    request.attributes.request.ClearField("http")

    with pytest.raises(Undecodable):
        facts(request)


def test_a_request_without_a_source_is_undecodable() -> None:
    request = check_request()
    request.attributes.ClearField("source")

    with pytest.raises(Undecodable, match="no source"):
        facts(request)


def test_a_request_without_a_path_is_undecodable() -> None:
    """CVE-2026-73547: a request without :path reached an ext_authz filter."""
    with pytest.raises(Undecodable, match="no path"):
        facts(check_request(path=""))


def test_only_connect_may_lack_a_path() -> None:
    read = facts(check_request(path="", method="CONNECT", raw=False))

    assert (read.method, read.path) == (b"CONNECT", b"")


def test_a_source_without_an_address_has_an_unknown_one() -> None:
    request = check_request()
    request.attributes.source.ClearField("address")

    read = facts(request)

    assert (read.peer_address, read.source_address, read.peer_port) == ("", "", 0)


def test_a_unix_socket_peer_has_no_address() -> None:
    request = check_request()
    request.attributes.source.address.pipe.path = "/run/x.sock"

    assert facts(request).peer_address == ""


def test_a_host_may_be_missing() -> None:
    assert facts(check_request(host="", raw=False)).host == b""


# --- bytes before text ----------------------------------------------------------------------


def test_bytes_beyond_utf_8_in_a_path_survive_where_envoy_gives_them() -> None:
    request = check_request(path=b"/caf\xe9!")
    assert request.attributes.request.http.path == "/caf!!"

    assert facts(request).path == b"/caf\xe9!"


def test_without_raw_headers_the_sanitised_path_is_all_there_is() -> None:
    assert facts(check_request(path=b"/caf\xe9", raw=False)).path == b"/caf!"


def test_the_raw_authority_wins_over_the_sanitised_host() -> None:
    assert facts(check_request(host=b"api.example.com\xff")).host == b"api.example.com\xff"


@pytest.mark.parametrize(
    "host",
    [
        "API.Example.COM",
        "api.example.com:443",
        "api.example.com:0443",
        "api.example.com.",
        "[2001:db8::1]:8443",
        "user@api.example.com",
        "a.example.com,b.example.com",
        "xn--bcher-kva.example",
    ],
)
def test_hosts_are_handed_on_as_sent(host: str) -> None:
    assert facts(check_request(host=host)).host == host.encode()


@pytest.mark.parametrize(
    "path",
    [
        "//a",
        "/./a",
        "/a/../b",
        "/%2e%2e/",
        "/a%2fb",
        "/a%2Fb",
        "\\a",
        "/%5c",
        "/a;p=1",
        "/..;/a",
        "/a#b",
        "/a%00",
        "/%2561",
        "/a/",
        "*",
        "/public?x=/admin",
        "/admin?",
        "/a%3fb",
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_paths_are_handed_on_as_sent(path: str, raw: bool) -> None:
    assert facts(check_request(path=path, raw=raw)).path == path.encode()


def test_header_bytes_survive_in_raw_headers() -> None:
    read = facts(check_request(headers=[("x-name", b"\xff\xfe"), ("x-other", b"!")]))

    assert plain(read) == ((b"x-name", b"\xff\xfe"), (b"x-other", b"!"))


def test_repeated_headers_keep_their_order_in_raw_headers() -> None:
    read = facts(check_request(headers=[("a", b"1"), ("b", b"2"), ("a", b"3")]))

    assert plain(read) == ((b"a", b"1"), (b"b", b"2"), (b"a", b"3"))


def test_repeated_headers_are_joined_without_raw_headers() -> None:
    read = facts(check_request(headers=[("a", b"1"), ("a", b"3")], raw=False))

    assert plain(read) == ((b"a", b"1,3"),)


@pytest.mark.parametrize("raw", [True, False])
def test_white_space_around_a_value_is_no_part_of_it(raw: bool) -> None:
    """In HTTP/2 Envoy leaves it, and in HTTP/1.1 nobody behind it does."""
    read = facts(check_request(headers=[("x-a", " \tadmin user\t ")], raw=raw))

    assert (b"x-a", b"admin user") in read.headers


def test_header_names_are_lower_case() -> None:
    for raw in (True, False):
        assert plain(facts(check_request(headers=[("X-Client", b"1")], raw=raw))) == (
            (b"x-client", b"1"),
        )


def test_an_underscore_is_not_a_dash() -> None:
    assert plain(facts(check_request(headers=[("x_client_cert", b"1")])))[0][0] == b"x_client_cert"


def test_a_header_map_with_text_values_is_read() -> None:
    request = check_request(headers=[])
    request.attributes.request.http.header_map.headers.append(HeaderValue(key="a", value="text"))

    assert plain(facts(request)) == ((b"a", b"text"),)


def test_headers_without_pseudo_headers_may_not_be_all() -> None:
    """`allowed_headers` of ext_authz hides the others, pseudo headers among them."""
    request = check_request(headers=[("accept", b"*/*")])
    assert not facts(request).headers_truncated
    del request.attributes.request.http.header_map.headers[:4]

    assert facts(request).headers_truncated
    # A long first line changes nothing; a map says nothing about it.
    long = check_request(path="/" + 20_000 * "a", headers=[("accept", b"*/*")])
    assert not facts(long).headers_truncated
    assert not facts(check_request(headers=[("accept", b"*/*")], raw=False)).headers_truncated


def test_a_pseudo_header_that_is_there_twice_is_undecodable() -> None:
    read = facts(check_request(headers=[(":authority", b"other.example.com")]))

    with pytest.raises(Undecodable, match="pseudo header"):
        read.headers  # noqa: B018


def test_an_empty_header_name_is_no_pseudo_header() -> None:
    assert plain(facts(check_request(headers=[("", b"1")]))) == ((b"", b"1"),)


# --- SNI, extensions, metadata --------------------------------------------------------------


@pytest.mark.parametrize("sni", [None, "", "api.example.com"])
def test_sni_has_three_states(sni: str | None) -> None:
    assert facts(check_request(sni=sni)).sni == sni


def test_context_extensions_are_read() -> None:
    assert facts(check_request(extensions={"virtual_host": "a"})).context_extensions == {
        "virtual_host": "a"
    }


def test_metadata_becomes_plain_values() -> None:
    request = check_request()
    request.attributes.metadata_context.filter_metadata["lua"].update(
        {"chain": ["a", {"b": None}], "n": 1.5, "flag": True}
    )

    assert facts(request).metadata == {"lua": {"chain": ["a", {"b": None}], "n": 1.5, "flag": True}}


# --- client address ------------------------------------------------------------------------


def test_the_tcp_peer_is_the_client_unless_hops_are_trusted() -> None:
    request = check_request(headers=[("x-forwarded-for", "203.0.113.9")], address="192.0.2.1")

    assert facts(request).source_address == "192.0.2.1"


def test_trusted_hops_are_counted_from_the_right() -> None:
    request = check_request(
        headers=[("x-forwarded-for", "10.9.9.9, 203.0.113.9, 192.0.2.1")], address="192.0.2.1"
    )

    read = facts(request, DecodeOptions(client_ip_trusted_hops=1))

    assert (read.source_address, read.peer_address) == ("203.0.113.9", "192.0.2.1")


# --- body ----------------------------------------------------------------------------------


def test_a_request_without_a_body_is_complete() -> None:
    read = facts(check_request())

    assert (read.body, read.body_size, read.body_truncated) == (b"", 0, False)


@pytest.mark.parametrize("field", ["body", "raw_body"])
def test_a_forwarded_body_is_read_from_either_field(field: str) -> None:
    headers = [("content-length", "4"), ("x-envoy-auth-partial-body", "false")]
    request = check_request(headers=headers)
    setattr(request.attributes.request.http, field, b"abcd" if field == "raw_body" else "abcd")

    read = facts(request)

    assert (read.body, read.body_size, read.body_truncated) == (b"abcd", 4, False)


@pytest.mark.parametrize(
    ("headers", "body", "size", "expected"),
    [
        # Cut short by allow_partial_message, as Envoy says.
        ([("content-length", "9"), ("x-envoy-auth-partial-body", "true")], b"abcd", 4, (9, True)),
        ([("x-envoy-auth-partial-body", "true")], b"abcd", 4, (-1, True)),
        # The flag was wrong before now: a longer declared body counts.
        ([("content-length", "9"), ("x-envoy-auth-partial-body", "false")], b"abcd", 4, (9, True)),
        # Complete, without a declared length (HTTP/2, chunked).
        ([("x-envoy-auth-partial-body", "false")], b"abcd", 4, (4, False)),
        (
            [("transfer-encoding", "chunked"), ("x-envoy-auth-partial-body", "false")],
            b"abcd",
            4,
            (4, False),
        ),
        # with_request_body is off: there is a body, and we see none of it.
        ([("content-length", "9")], b"", 0, (9, True)),
        ([("transfer-encoding", "chunked")], b"", 0, (-1, True)),
        ([("content-length", "junk")], b"", 0, (-1, True)),
        ([("content-length", "9" * 40)], b"", 0, (-1, True)),
        ([("content-length", "0")], b"", 0, (0, False)),
        ([], b"", 7, (7, True)),
        ([], b"", -1, (-1, True)),
        ([], b"", 0, (-1, True)),
        ([], b"abcd", 0, (4, False)),
    ],
)
def test_how_much_of_the_body_is_known(
    headers: list[tuple[str, str]], body: bytes, size: int, expected: tuple[int, bool]
) -> None:
    read = facts(check_request(headers=headers, raw_body=body, size=size, method="POST"))

    assert (read.body_size, read.body_truncated) == expected


@pytest.mark.parametrize(
    ("method", "truncated"), [("GET", False), ("DELETE", False), ("PATCH", True), ("REPORT", True)]
)
def test_a_streamed_body_that_envoy_does_not_forward_looks_like_none(
    method: str, truncated: bool
) -> None:
    read = facts(check_request(headers=[], method=method))

    assert read.body_truncated is truncated
