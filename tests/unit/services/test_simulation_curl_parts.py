# SPDX-License-Identifier: Apache-2.0
"""The URL and the body of a curl command."""

from __future__ import annotations

import pytest

from authz.services.simulation_curl_parts import BOUNDARY, Body, encoded, read_url


@pytest.mark.parametrize(
    ("text", "authority", "path", "sni"),
    [
        ("https://h", "h", "/", "h"),
        ("h.test", "h.test", "/", None),
        ("HTTPS://h:443/a", "h", "/a", "h"),
        ("https://h:0443/a", "h", "/a", "h"),
        ("https://h:8443?x=/../y#f?z", "h:8443", "/?x=/../y", "h"),
        ("https://h./", "h.", "/", "h"),
        ("https://192.0.2.1/", "192.0.2.1", "/", ""),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443", "/", ""),
        ("https://h/a/../b/./c/..", "h", "/b/", "h"),
        ("https://h/../../x", "h", "/x", "h"),
        ("https://h//a//../b", "h", "//a/b", "h"),
        ("https://h/é?ü", "h", "/%c3%a9?ü", "h"),
    ],
)
def test_urls(text: str, authority: str, path: str, sni: str | None) -> None:
    found = read_url(text, "http", as_is=False, literal=False)

    assert (found.authority, found.path, found.sni) == (authority, path, sni)


def test_a_path_may_be_left_as_it_is() -> None:
    assert read_url("https://h/a/../b", "http", as_is=True, literal=False).path == "/a/../b"


def test_who_is_named_in_a_url_is_decoded() -> None:
    assert read_url("https://b%40b:p%3Aq@h/", "http", as_is=False, literal=False).user == "b@b:p:q"


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ([("data", "a=1"), ("data-raw", "@b")], b"a=1&@b"),
        ([("data-binary", "a\r\nb"), ("data-urlencode", "c=d e")], b"a\r\nb&c=d+e"),
        ([("json", '{"a":1}'), ("json", "[]")], b'{"a":1}[]'),
        ([("data", "\udcff")], b"\xff"),
    ],
)
def test_bodies(options: list[tuple[str, str]], body: bytes) -> None:
    made = Body()
    for option in options:
        made.add(*option)

    assert made.content()[0] == body


def test_a_form_has_its_parts_in_order_with_their_types() -> None:
    made = Body()
    made.add("form", "a=b;type=text/x")
    made.add("form-string", 'c"=@d;e')

    body, kind = made.content()

    assert kind == f"multipart/form-data; boundary={BOUNDARY}"
    assert (
        body
        == (
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="a"\r\nContent-Type: text/x\r\n\r\nb\r\n'
            f"--{BOUNDARY}\r\n"
            'Content-Disposition: form-data; name="c%22"\r\n\r\n@d;e\r\n'
            f"--{BOUNDARY}--\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("value", "made"),
    [("a b&", b"a+b%26"), ("=a=b", b"a%3Db"), ("n=é~", b"n=%C3%A9~"), ("n@f", b"n="), ("@f", b"")],
)
def test_what_is_encoded(value: str, made: bytes) -> None:
    assert encoded(value)[0] == made
