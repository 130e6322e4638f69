# SPDX-License-Identifier: Apache-2.0
"""A curl command as the request that it would send."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.services.simulation_curl import _APPLY, AGENT, read_curl
from authz.services.simulation_curl_options import OPTIONS, Effect


def _header(command: str, name: str) -> str | None:
    found = [value for key, value in read_curl(command).headers if key == name]
    assert len(found) <= 1
    return found[0] if found else None


def test_a_url_alone_is_a_get() -> None:
    found = read_curl("curl https://api.example.com/orders?id=7")

    assert (found.method, found.scheme, found.host) == ("GET", "https", "api.example.com")
    assert (found.path, found.sni, found.protocol) == ("/orders?id=7", "api.example.com", "HTTP/2")
    assert found.headers == (("user-agent", AGENT), ("accept", "*/*"))
    assert (found.body, found.notes) == (b"", ())


def test_a_command_as_browsers_copy_it() -> None:
    found = read_curl(
        """curl 'https://shop.example.com/api/cart' \\
  -X 'POST' \\
  -H 'accept: application/json' \\
  -H 'accept-language: en-US,en;q=0.9' \\
  -b 'session=abc; theme=dark' \\
  -H 'content-type: application/json' \\
  -H 'user-agent: Mozilla/5.0 (X11; Linux x86_64)' \\
  --data-raw $'{"name":"O\\'Brien","n":1}' \\
  --compressed ;
"""
    )

    assert (found.method, found.path) == ("POST", "/api/cart")
    assert found.body == b'{"name":"O\'Brien","n":1}'
    headers = dict(found.headers)
    assert headers["cookie"] == "session=abc; theme=dark"
    assert headers["user-agent"].startswith("Mozilla")
    assert headers["content-type"] == "application/json"
    assert headers["accept"] == "application/json"
    assert headers["accept-encoding"] == "deflate, gzip, br, zstd"


@pytest.mark.parametrize(
    ("command", "method"),
    [
        ("curl -I http://h", "HEAD"),
        ("curl -XDELETE http://h", "DELETE"),
        ("curl -d a http://h", "POST"),
        ("curl -F a=b http://h", "POST"),
        ("curl -G -d a http://h", "GET"),
        ("curl -T f http://h", "PUT"),
        ("curl -d a -X PUT http://h", "PUT"),
    ],
)
def test_methods(command: str, method: str) -> None:
    assert read_curl(command).method == method


@pytest.mark.parametrize(
    ("command", "protocol"),
    [
        ("curl http://h", "HTTP/1.1"),
        ("curl https://h", "HTTP/2"),
        ("curl --http1.1 https://h", "HTTP/1.1"),
        ("curl -0 http://h", "HTTP/1.0"),
        ("curl --http2 http://h", "HTTP/2"),
        ("curl --http3 https://h", "HTTP/3"),
    ],
)
def test_versions(command: str, protocol: str) -> None:
    assert read_curl(command).protocol == protocol


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [
        ("curl -u bob:s http://h", "authorization", "Basic Ym9iOnM="),
        ("curl http://bob:s@h", "authorization", "Basic Ym9iOnM="),
        ("curl --oauth2-bearer t http://h", "authorization", "Bearer t"),
        ("curl -A x http://h", "user-agent", "x"),
        ("curl -A '' http://h", "user-agent", None),
        ("curl -H 'User-Agent:' http://h", "user-agent", None),
        ("curl -e 'http://r;auto' http://h", "referer", "http://r"),
        ("curl -b a=1 -b b=2 http://h", "cookie", "a=1;b=2"),
        ("curl -r 0-9 http://h", "range", "bytes=0-9"),
        ("curl -d a http://h", "content-type", "application/x-www-form-urlencoded"),
        ("curl --json '{}' http://h", "accept", "application/json"),
        ("curl --json '{}' http://h", "content-type", "application/json"),
        ("curl -H 'X-Empty;' http://h", "x-empty", ""),
        ("curl -H 'x-a: b:c ' http://h", "x-a", "b:c"),
    ],
)
def test_headers(command: str, name: str, value: str | None) -> None:
    assert _header(command, name) == value


def test_a_host_header_is_the_host_and_leaves_the_server_name() -> None:
    found = read_curl("curl -H 'Host: other.test' https://h.test:8443/")

    assert (found.host, found.sni) == ("other.test", "h.test")
    assert all(name != "host" for name, _ in found.headers)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("curl --cert c.pem --key k.pem https://h", "--cert: the client certificate is chosen"),
        ("curl --resolve h:443:127.0.0.1 https://h", "--resolve: where the connection goes"),
        ("curl -K file https://h", "-K: no file is read"),
        ("curl -d @file https://h", "--data @…: no file is read"),
        ("curl -T f https://h", "-T: no file is read"),
        ("curl -b jar.txt https://h", "-b: no file is read"),
        ("curl -H @file https://h", "-H @…: no file is read"),
        ("curl -u bob https://h", "-u: curl would ask for the password"),
        ("curl https://h https://i", "A second URL was left out: https://i"),
        ("curl https://h --next https://i", "--next: the requests behind it were left out"),
        ("curl https://h -: https://i", "-:: the requests behind it were left out"),
        ("curl https://h | jq .", "The shell ends the command at “| jq .”"),
        ("curl 'https://h/{a,b}'", "braces or brackets"),
        ("curl -H ':path: /x' https://h", "The pseudo header :path was left out"),
        ("curl -F f=@file https://h", "-F f: no file is read"),
        ("curl --data-urlencode a@file https://h", "--data-urlencode …@…: no file is read"),
    ],
)
def test_what_does_not_count_is_told(command: str, said: str) -> None:
    found = read_curl(command)

    assert found.host == "h"
    assert any(said in note for note in found.notes), found.notes


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("wget https://h", 'the command is "wget"'),
        ("", 'the command is ""'),
        ("curl", "the command has no URL"),
        ("curl -H", "-H has no value"),
        ("curl --header", "--header has no value"),
        ("curl --hedaer x https://h", "--hedaer is no option"),
        ("curl --header=x https://h", "--header is no option"),
        ("curl -sǅ https://h", "-ǅ (in -sǅ) is no option"),
        ("curl -H nothing https://h", '"nothing" is no header'),
        ("curl ftp://h", '"ftp" is not HTTP'),
        ("curl 'https://h/a b'", "blanks or control characters"),
        ("curl https://", "is no host"),
        ("curl https://[::1/", "is no host"),
        ("curl https://h:x/", "is no host"),
        ("curl -d a -F a=b https://h", "both -d and -F"),
        ("curl -F a https://h", 'has no "="'),
        ("curl ^ -H ^ https://h", "Windows"),
    ],
)
def test_what_is_no_command_says_what_to_do(command: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read_curl(command)

    assert message in raised.value.message
    assert raised.value.hint


def test_an_option_that_is_misspelled_gets_a_proposal() -> None:
    with pytest.raises(InvalidInputError) as raised:
        read_curl("curl --hedaer x https://h")

    assert "--header" in str(raised.value.hint)


def test_letters_may_stand_together_and_options_may_be_taken_back() -> None:
    found = read_curl("$ /usr/bin/curl -sSLko/dev/null -XPUT --no-globoff --url https://h -- -x")

    assert (found.method, found.host) == ("PUT", "h")
    assert found.notes == ("A second URL was left out: -x",)


def test_every_option_that_changes_the_request_does_something() -> None:
    changing = {one.name for one in OPTIONS.values() if one.effect is Effect.REQUEST}

    assert changing == set(_APPLY)


def test_the_address_of_a_client_behind_a_proxy_protocol() -> None:
    assert read_curl("curl --haproxy-clientip 192.0.2.7 https://h").source_address == "192.0.2.7"


def test_a_query_is_added_to() -> None:
    command = "curl -G -d a=1 --url-query 'b=x y' --url-query '+c=%20' 'https://h/?z'"

    assert read_curl(command).path == "/?z&a=1&b=x+y&c=%20"
    assert read_curl("curl --url-query a=1 https://h/").path == "/?a=1"
    assert read_curl("curl --request-target '*' -X OPTIONS https://h/").path == "*"
