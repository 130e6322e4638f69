# SPDX-License-Identifier: Apache-2.0
"""Envoy's virtual host and our site are the same for every spelling of a host.

Were they not, a request could be judged by one site's rules and answered by another site's
application (architecture 4.6).
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.envoy.options import VirtualHost
from tests.e2e.harness import http_client, send, start_stack, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

#: Name of the site and of the virtual host, and the hosts of both.
SITES = (
    ("apex", ("example.com",)),
    ("api", ("api.example.com",)),
    ("wild", ("*.example.com",)),
    ("deep", ("*.deep.example.com",)),
    ("idn", ("xn--bcher-kva.example",)),
    ("v4", ("192.0.2.7",)),
    ("v6", ("[2001:db8::7]",)),
)

#: Host as sent, and who must answer; "" is nobody.
SPELLINGS = (
    ("example.com", "apex"),
    ("api.example.com", "api"),
    ("API.Example.COM", "api"),
    ("api.example.com:443", "api"),
    ("api.example.com:8443", "api"),
    ("api.example.com:0443", "api"),
    ("api.example.com.", "api"),
    ("API.example.com.:443", "api"),
    ("www.example.com", "wild"),
    ("WWW.EXAMPLE.COM.", "wild"),
    ("a.b.example.com", "wild"),
    ("x.deep.example.com", "deep"),
    ("x.y.deep.example.com", "deep"),
    ("deep.example.com", "wild"),
    ("xn--bcher-kva.example", "idn"),
    ("XN--BCHER-KVA.example:443", "idn"),
    ("192.0.2.7", "v4"),
    ("192.0.2.7:443", "v4"),
    ("[2001:db8::7]", "v6"),
    ("[2001:db8::7]:443", "v6"),
    ("[2001:DB8::7]:443", "v6"),
    ("other.example", ""),
    ("notexample.com", ""),
    (".example.com", ""),
    ("api.example.com..", ""),
    # Envoy takes no empty port off, so its text matches nothing.
    ("api.example.com:", ""),
    ("api.example.com:443.", "api"),
    ("api.example.com..:443", ""),
    ("api.example.com.:443.", ""),
    ("api.example.com:443:", ""),
    ("api.example.com::443", ""),
    ("api.example.com:-1", ""),
    ("api.example.com:99999", "api"),
    ("api.example.com:1:2:3", ""),
    # To Envoy a suffix like any other; to us no name at all.
    ("api..example.com", ""),
    ("api.example.com%2e", ""),
    ("[2001:db8:0::7]", ""),
    ("[2001:db8::7", ""),
    ("2001:db8::7", ""),
    ("user@api.example.com", ""),
    ("api.example.com@other.example", ""),
    ("api.example.com,other.example", ""),
    ("other.example,api.example.com", ""),
    ("api.example.com:443:443", ""),
    ("api.example.com:http", ""),
    ("192.0.2.07", ""),
    ("[2001:db8::8]", ""),
)

#: The virtual host and site that everything else belongs to, where there is one.
REST = ("rest", ("*",))


@pytest.fixture(scope="module", params=["no catch-all", "catch-all"])
def hosts(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    upstream: Upstream,
    transport: str,
) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("hosts")
    credentials = make_credentials(directory, at=time.time())
    every = (*SITES, REST) if request.param == "catch-all" else SITES
    sites = "".join(f"  - {{name: {name}, hosts: {list(domains)!r}}}\n" for name, domains in every)
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            f"sites:\n{sites}",
            upstream=upstream,
            transport=transport,
            virtual_hosts=tuple(VirtualHost(name=n, domains=domains) for n, domains in every),
        )


def _same(hosts: Stack, marker: str, status: int, expected: str) -> None:
    """Both chose `expected`, or, where that is nobody, both chose the catch-all or nobody."""
    if status in (0, 400):
        # Envoy refuses the request as malformed.
        assert expected == ""
        return
    logged = hosts.logged(marker)
    route, site = logged["route"] or "", logged["site"] or ""
    if expected:
        assert (route, site, status) == (expected, expected, 200)
    elif route == "malformed-host":
        # Whatever we thought of it, it went no further.
        assert status in (400, 403)
    elif status == 200:
        assert (route, site) == ("rest", "rest")
    elif route:
        # Envoy would have routed it, so it asks; we know no such host.
        assert (site, logged["reason"], status) == ("", "unknown_host", 403)
    else:
        # Without a route, Envoy answers by itself and asks nobody.
        assert (site, logged["reason"] or "", status) == ("", "", 404)


def _status_on_http_2(hosts: Stack, host: str, path: str) -> int:
    """The status; 0 when Envoy closes the connection over a malformed :authority."""
    with http_client("HTTP/2", hosts.credentials) as client:
        try:
            return send(client, hosts.envoy.port, sni="localhost", host=host, path=path).status_code
        except httpx.RemoteProtocolError:
            return 0


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(("host", "expected"), SPELLINGS)
def test_the_same_host_is_chosen(hosts: Stack, host: str, expected: str, version: str) -> None:
    path, marker = unique("/")
    if version == "HTTP/2":
        status = _status_on_http_2(hosts, host, path)
    else:
        with contextlib.closing(hosts.connect("localhost")) as connection:
            status = connection.send_request(path, hosts=(host,)).status

    _same(hosts, marker, status, expected)


@pytest.mark.parametrize(
    "lines",
    [
        ("api.example.com", "other.example"),
        ("other.example", "api.example.com"),
        ("api.example.com", "api.example.com"),
        ("api.example.com", "www.example.com"),
    ],
)
def test_two_host_headers_are_no_host(hosts: Stack, lines: tuple[str, str]) -> None:
    path, marker = unique("/")
    with contextlib.closing(hosts.connect("localhost")) as connection:
        status = connection.send_request(path, hosts=lines).status

    _same(hosts, marker, status, "")


def test_an_absolute_target_is_the_host_for_both(hosts: Stack) -> None:
    path, marker = unique("http://api.example.com/")
    with contextlib.closing(hosts.connect("localhost")) as connection:
        status = connection.send_request(path, hosts=("www.example.com",)).status

    _same(hosts, marker, status, "api")
