# SPDX-License-Identifier: Apache-2.0
"""URLs by their text."""

from __future__ import annotations

import pytest

from authz.errors import FetchError
from authz.sources.fetch_url import MAX_URL, parse_url


def test_the_parts_of_a_url() -> None:
    url = parse_url("http://CRL.example.com/a/b.crl?x=1#part")

    assert (url.host, url.port, url.target) == ("crl.example.com", 80, "/a/b.crl?x=1")
    assert (url.authority, url.is_usual_port) == ("crl.example.com", True)


def test_ports_and_ipv6() -> None:
    assert parse_url("https://x").target == "/"
    assert parse_url("https://x").port == 443
    assert parse_url("http://x:443/").authority == "x:443"
    assert parse_url("http://[2001:db8::1]:8080/").authority == "[2001:db8::1]:8080"
    assert not parse_url("http://x:8080/").is_usual_port


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "file", "ftp"])
def test_schemes_that_are_refused_by_name(scheme: str) -> None:
    with pytest.raises(FetchError, match=f"{scheme} URLs are not fetched") as caught:
        parse_url(f"{scheme}://host/cn=x")

    assert caught.value.hint


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(FetchError, match="credentials") as caught:
        parse_url("http://user:secret@example.com/")

    assert "secret" not in caught.value.render()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x.crl",
        "gopher://x/",
        "http://",
        "http:///x",
        "http://x:port/",
        "http://x:99999/",
        "http://x/a b",
        "http://x/\r\nHost: y",
        "http://xé.example/",
        "http://x/é",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://x/" + "a" * MAX_URL,
    ],
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(FetchError, match="no URL that can be fetched"):
        parse_url(text)


def test_where_a_reference_leads() -> None:
    url = parse_url("http://a.example/x/y.crl")

    assert url.joined("z.crl").text == "http://a.example/x/z.crl"
    assert url.joined("//b.example/").host == "b.example"
    for reference in ("file:///etc/passwd", "http://u@b/", "http://[::1/"):
        with pytest.raises(FetchError):
            url.joined(reference)


def test_what_somebody_else_wrote_does_not_drive_a_terminal() -> None:
    for text in ("\x1b[2Jx", "file:///\x1b[2J"):
        with pytest.raises(FetchError) as caught:
            parse_url(text)
        assert caught.value.render().replace("\n", " ").isprintable()
