# SPDX-License-Identifier: Apache-2.0
"""What is served, under which paths, with which headers; and what is not."""

from __future__ import annotations

import base64
import http.client
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from authz.certs.certificate import Certificate
from authz.certs.ocsp import CertStatus, build_request, read_answer
from authz.errors import TransportError
from authz.node.control.ca_publisher import CaPublisher
from authz.node.control.config import ControlConfig
from authz.node.control.publication import MAX_AGE, PublicationServer
from authz.services.ocsp_responders import VALIDITY_SECONDS
from authz.services.revocation import revoke_certificate
from authz.settings import parse_address
from tests.factories.pki import AT
from tests.unit.services.conftest import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

__all__ = ["world"]

WEEK = 7 * 86400


class _Site:
    """A server, what it serves, and a client of it."""

    def __init__(self, world: World, directory: Path) -> None:
        key = directory / "key"
        key.write_bytes(bytes(range(32)))
        key.chmod(0o600)
        config = ControlConfig(
            data_dir=str(directory),
            snapshots="",
            geo_directory="",
            geoip={},
            key_file=str(key),
            log_format="json",
            log_level="info",
        )
        self.now = AT
        self.world = world
        self.publisher = CaPublisher(config, clock=lambda: self.now)
        self.server = PublicationServer(
            parse_address("127.0.0.1:0"),
            self.publisher,
            url="http://pki.example.com/pki",
            clock=lambda: self.now,
        )
        self.server.start()

    def fill(self) -> None:
        """An authority, a client of it, and their CRLs."""
        self.issuing = self.world.ca().certificates[0]
        self.issuer = Certificate.from_der(self.issuing.der)
        self.client = self.world.issue().certificate
        self.certificate = Certificate.from_der(self.client.der)
        self.question = build_request(self.certificate, self.issuer)
        self.publisher.use(self.world.store)
        self.publisher.step()

    def ask(self, method: str, path: str, **more: Any) -> tuple[HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.server.address, timeout=10)
        connection.request(method, path, **more)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def status(self, method: str, path: str, **more: Any) -> int:
        return self.ask(method, path, **more)[0].status


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[_Site]:
    made = _Site(world, tmp_path)
    yield made
    made.server.stop()


def test_crls_and_the_certificate(site: _Site) -> None:
    site.fill()
    for path, content_type in (
        (f"/crl/{site.issuing.id}.crl", "application/pkix-crl"),
        (f"/crl/{site.issuing.id}-delta.crl", "application/pkix-crl"),
        (f"/ca/{site.issuing.id}.crt", "application/pkix-cert"),
    ):
        response, body = site.ask("GET", path)
        assert (response.status, response.headers["Content-Type"]) == (200, content_type)
        assert response.headers["Content-Length"] == str(len(body))
        # As a proxy passes it on, or does not.
        assert site.ask("GET", f"/pki{path}?x=1")[1] == body
        head, nothing = site.ask("HEAD", path)
        assert (head.status, nothing) == (200, b"")
        assert head.headers["ETag"] == response.headers["ETag"]
    assert body == site.issuing.der


def test_caches_ask_again_soon_and_are_told_when_nothing_changed(site: _Site) -> None:
    site.fill()
    path = f"/crl/{site.issuing.id}.crl"
    first, _ = site.ask("GET", path)
    assert f"max-age={MAX_AGE}," in first.headers["Cache-Control"]
    assert parsedate_to_datetime(first.headers["Last-Modified"]).timestamp() == AT
    assert parsedate_to_datetime(first.headers["Expires"]).timestamp() == AT + MAX_AGE
    etag = first.headers["ETag"]
    for condition in (etag, f'"other", W/{etag}', "*"):
        response, body = site.ask("GET", path, headers={"If-None-Match": condition})
        assert (response.status, body) == (304, b"")
        assert response.headers["ETag"] == etag
    assert site.status("GET", path, headers={"If-None-Match": '"other"'}) == 200
    revoke_certificate(site.world.store, site.client.id, actor="t", at=AT)
    site.publisher.step()
    response, _ = site.ask("GET", path, headers={"If-None-Match": etag})
    assert response.status == 200
    assert response.headers["ETag"] != etag


def test_nothing_is_kept_beyond_its_next_update(site: _Site) -> None:
    site.fill()
    site.now = AT + WEEK - 10
    response, _ = site.ask("GET", f"/crl/{site.issuing.id}.crl")

    assert "max-age=10," in response.headers["Cache-Control"]


def test_a_crl_that_is_not_in_force_any_more_is_not_served(site: _Site) -> None:
    site.fill()
    site.now = AT + WEEK - 1
    assert site.status("GET", f"/crl/{site.issuing.id}.crl") == 200
    site.now = AT + WEEK
    response, body = site.ask("GET", f"/crl/{site.issuing.id}.crl")
    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert b"not in force" in body
    assert site.status("GET", f"/ca/{site.issuing.id}.crt") == 200


def test_before_the_store_was_read_clients_are_told_to_wait(site: _Site) -> None:
    response, _ = site.ask("GET", "/crl/0.crl")
    assert (response.status, response.headers["Cache-Control"]) == (503, "no-store")
    site.fill()
    assert site.status("GET", "/crl/0.crl") == 404


@pytest.mark.parametrize(
    "path", ["/", "/crl/", "/crl", "/ca/", "/pki", "/pki/", "/../etc/passwd", "/crl/%2e%2e/x"]
)
def test_nothing_else_is_there(site: _Site, path: str) -> None:
    site.fill()
    assert site.status("GET", path) == 404
    assert site.status("POST", path, body=b"x") == 404


def test_methods(site: _Site) -> None:
    site.fill()
    for path, allowed, method in (
        ("/ocsp", "POST", "GET"),
        (f"/crl/{site.issuing.id}.crl", "GET, HEAD", "POST"),
        ("/ocsp/MA", "GET, HEAD", "POST"),
    ):
        response, _ = site.ask(method, path, body=b"x" if method == "POST" else None)
        assert (response.status, response.headers["Allow"]) == (405, allowed)
    assert site.status("PUT", "/ocsp", body=b"x") == 501


def test_ocsp_by_post_is_always_new(site: _Site) -> None:
    site.fill()
    for expected in (CertStatus.GOOD, CertStatus.REVOKED):
        response, body = site.ask("POST", "/ocsp", body=site.question)
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/ocsp-response"
        assert response.headers["Cache-Control"] == "no-store"
        answer = read_answer(body, site.certificate, site.issuer, at=AT, where="test")
        assert answer.status is expected
        revoke_certificate(site.world.store, site.client.id, actor="t", at=AT)


@pytest.mark.parametrize("quoted", [True, False])
def test_ocsp_by_get_may_be_kept(site: _Site, quoted: bool) -> None:
    site.fill()
    text = base64.b64encode(site.question).decode()
    path = f"/ocsp/{quote(text, safe='') if quoted else text}"
    response, body = site.ask("GET", path)

    answer = read_answer(body, site.certificate, site.issuer, at=AT, where="test")
    assert answer.status is CertStatus.GOOD
    assert f"max-age={VALIDITY_SECONDS}," in response.headers["Cache-Control"]
    assert parsedate_to_datetime(response.headers["Last-Modified"]).timestamp() == AT
    same = {"If-None-Match": response.headers["ETag"]}
    assert site.status("GET", path, headers=same) == 304
    head, nothing = site.ask("HEAD", path)
    assert (head.headers["ETag"], nothing) == (response.headers["ETag"], b"")
    revoke_certificate(site.world.store, site.client.id, actor="t", at=AT)
    assert site.status("GET", path, headers=same) == 200


@pytest.mark.parametrize("path", ["/ocsp/%", "/ocsp/a", "/ocsp/a=b", "/ocsp/é!"])
def test_what_is_no_base64_is_not_there(site: _Site, path: str) -> None:
    site.fill()
    assert site.status("GET", quote(path, safe="/%=!")) == 404


def test_what_says_nothing_is_not_kept(site: _Site) -> None:
    site.fill()
    for method, path, body in (("POST", "/ocsp", b"x"), ("GET", "/ocsp/MA==", None)):
        response, answer = site.ask(method, path, body=body)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert answer == bytes.fromhex("30030a0101")


def test_an_address_that_is_taken(site: _Site) -> None:
    with pytest.raises(TransportError, match="CRLs and OCSP") as caught:
        PublicationServer(parse_address(site.server.address), site.publisher)
    assert "publication.listen" in str(caught.value.hint)
