# SPDX-License-Identifier: Apache-2.0
"""host:port, [v6]:port and unix:PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from authz.errors import SettingsError
from authz.settings.addresses import ListenAddress, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:50051", "127.0.0.1", 50051),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("[::1]:80", "::1", 80),
        ("[0:0::1]:80", "::1", 80),
        ("localhost:65535", "localhost", 65535),
        ("authz.internal:1", "authz.internal", 1),
    ],
)
def test_tcp_addresses(text: str, host: str, port: int) -> None:
    assert parse_address(text) == ListenAddress(host=host, port=port)


@pytest.mark.parametrize("text", ["127.0.0.1:50051", "[::1]:80", "unix:/run/a.sock"])
def test_the_text_form_reads_back(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("text", ["unix:/run/a.sock", "unix:///run/a.sock"])
def test_unix_sockets(text: str) -> None:
    address = parse_address(text)

    assert (address.path, address.is_unix, address.is_local) == ("/run/a.sock", True, True)


def test_a_relative_socket_is_taken_from_the_files_directory() -> None:
    assert parse_address("unix:a.sock").resolved(Path("/etc/authz")).path == "/etc/authz/a.sock"
    assert parse_address("[::1]:1").resolved(Path("/etc")) == parse_address("[::1]:1")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("authz.internal:1", False),
    ],
)
def test_what_only_this_machine_reaches(text: str, local: bool) -> None:
    assert parse_address(text).is_local is local


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("50051", 'write "127.0.0.1:50051"'),
        ("localhost", 'write "localhost:PORT"'),
        ("", 'write "HOST:PORT"'),
        (":50051", '"127.0.0.1:50051" for this machine alone, "0.0.0.0:50051" for everybody'),
        ("::1:50051", 'write "[::1]:50051"'),
        ("[127.0.0.1]:80", 'write "127.0.0.1:80"'),
        ("a:65536", "a port is a number up to 65535"),
        ("a:+1", "a port is a number up to 65535"),
        ("a:\u0661", "a port is a number up to 65535"),
        ("1.2.3:80", 'write "host:port", "[v6]:port" or "unix:PATH"'),
        ("a b:80", 'write "host:port", "[v6]:port" or "unix:PATH"'),
        ("unix:", 'write "unix:/run/authz/authz.sock"'),
        ("unix:/run/", 'write "unix:/run/authz/authz.sock"'),
    ],
)
def test_what_is_no_address_says_how_to_write_one(text: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_address(text)

    assert caught.value.hint == hint


def test_a_socket_path_that_the_kernel_would_cut_is_refused() -> None:
    assert parse_address("unix:/" + "a" * 106).is_unix
    with pytest.raises(SettingsError, match="longer than 107 bytes"):
        parse_address("unix:/" + "a" * 107)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9901/", "https://127.0.0.1:9901/stats"])
def test_a_url_is_told_to_be_an_address(url: str) -> None:
    with pytest.raises(SettingsError, match="is a URL, not an address") as raised:
        parse_address(url)

    assert raised.value.hint == 'write "127.0.0.1:9901"'
