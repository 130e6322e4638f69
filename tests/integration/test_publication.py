# SPDX-License-Identifier: Apache-2.0
"""A node publishes, and openssl believes it: issue, revoke and restore through the commands."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from authz.certs.authority import RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl, read_crl
from authz.certs.pem import read_peer_pem
from authz.certs.revocation import compile_revocation
from authz.certs.serials import Serials
from tests.factories.issuing import openssl
from tests.integration.harness import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.harness import Node


@dataclass
class _Published:
    """A node that publishes, an authority of it, and a certificate of that."""

    config: Path
    url: str
    node: Node
    directory: Path
    issuing: str = ""
    client: str = ""

    def authz(self, *arguments: str) -> Any:
        """What a command says as JSON."""
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "authz", *arguments),
                *("--config", str(self.config), "--json"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fetch(self, path: str) -> bytes:
        """What is served there."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE) as response:
            return bytes(response.read())

    def crl(self, kind: str = "") -> str:
        """The complete CRL, or the `-delta` one, as openssl reads it."""
        der = self.fetch(f"/crl/{self.issuing}{kind}.crl")
        anchors = self.directory / "ca.pem"
        verified = openssl("crl", "-inform", "DER", "-noout", "-CAfile", anchors, stdin=der)
        assert "verify OK" in verified
        return openssl("crl", "-inform", "DER", "-noout", "-text", stdin=der)

    def number(self, kind: str = "") -> int:
        """The number of a CRL."""
        return int(self.crl(kind).partition("CRL Number:")[2].split()[0])

    def ocsp(self) -> str:
        """What openssl is told of the certificate, once it has verified the answer."""
        anchors = self.directory / "ca.pem"
        said = openssl(
            *("ocsp", "-issuer", anchors, "-cert", self.directory / "client.pem"),
            *("-url", f"{self.url}/ocsp", "-CAfile", anchors),
        )
        assert "Response verify OK" in said
        return said.partition("client.pem: ")[2].split()[0]

    def verify(self) -> tuple[bool, str]:
        """What openssl says of the certificate with the CRL that the certificate itself names."""
        done = subprocess.run(
            [
                *("openssl", "verify", "-purpose", "sslclient", "-crl_check", "-crl_download"),
                *("-CAfile", str(self.directory / "ca.pem"), str(self.directory / "client.pem")),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return done.returncode == 0, done.stdout + done.stderr

    def lists(self, complete: bytes, delta: bytes, serial: int) -> bool:
        """Whether our own data plane takes a serial number for revoked by these two."""
        pem = (self.directory / "ca.pem").read_bytes()
        issuers = [Certificate.from_der(one) for one in read_peer_pem(pem)]
        crls = [compile_crl(read_crl(one, issuers, where="test")) for one in (complete, delta)]
        revocation = compile_revocation(
            mode=RevocationMode.STRICT, crls=crls, serials=Serials(), sources_configured=0
        )
        ((scope,),) = revocation.by_issuer_key.values()
        return scope.lists(serial, max(one.this_update for one in crls))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture
def published(start: Callable[..., Node], tmp_path: Path) -> _Published:
    """The address goes into certificates, so that it has to be known before anything listens."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    config = tmp_path / "authz.yaml"
    config.write_text(
        f"data_dir: {tmp_path / '0' / 'data'}\n"
        "store: on\n"
        f'publication: {{listen: "127.0.0.1:{port}", url: "{url}"}}\n'
    )
    node = start("--config", str(config)).until_serving()
    one = _Published(config=config, url=url, node=node, directory=tmp_path)
    made = one.authz("ca", "create", "--name", "acme")
    (certificate,) = made["certificates"]
    one.issuing = certificate["id"]
    (tmp_path / "ca.pem").write_text(certificate["certificate"])
    issued = one.authz("cert", "issue", "--label", "alice", "--out", str(tmp_path))
    one.client = issued["id"]
    return one


def _is_there(published: _Published, path: str) -> Callable[[], bool]:
    def look() -> bool:
        try:
            published.fetch(path)
        except urllib.error.HTTPError:
            return False
        return True

    return look


def test_revoked_and_restored_as_openssl_sees_it(published: _Published) -> None:
    certificate = Certificate.from_der(
        read_peer_pem((published.directory / "client.pem").read_bytes())[0]
    )
    serial = certificate.serial_number
    complete, delta = f"/crl/{published.issuing}.crl", f"/crl/{published.issuing}-delta.crl"
    eventually(_is_there(published, delta), "the first CRLs")
    text = openssl("x509", "-in", published.directory / "client.pem", "-noout", "-text")
    assert f"URI:{published.url}{complete}" in text
    assert f"OCSP - URI:{published.url}/ocsp" in text
    assert f"CA Issuers - URI:{published.url}/ca/{published.issuing}.crt" in text
    pem = (published.directory / "ca.pem").read_bytes()
    assert published.fetch(f"/ca/{published.issuing}.crt") == read_peer_pem(pem)[0]
    assert f"URI:{published.url}{delta}" in published.crl()

    # Good.
    eventually(lambda: published.ocsp() == "good", "good by OCSP")
    assert published.verify()[0]
    first = published.fetch(complete)

    # Revoked.
    published.authz("cert", "revoke", published.client, "--reason", "keyCompromise")
    assert published.ocsp() == "revoked"
    before = published.number("-delta")
    eventually(lambda: f"{serial:X}" in published.crl(), "revoked by the complete CRL")
    assert "certificate revoked" in published.verify()[1]
    assert "Key Compromise" in published.crl("-delta")
    assert published.lists(first, published.fetch(delta), serial)
    second = published.fetch(complete)

    # Restored.
    published.authz("cert", "restore", published.client)
    assert published.ocsp() == "good"
    eventually(lambda: f"{serial:X}" not in published.crl(), "restored by the complete CRL")
    assert published.verify()[0]
    assert "Remove From CRL" in published.crl("-delta")
    assert published.number() == published.number("-delta") > before
    assert not published.lists(second, published.fetch(delta), serial)

    metric = published.node.metric
    assert metric("authz_ocsp_answers_total", status="revoked") == 1
    assert metric("authz_published_crl_next_update_timestamp_seconds", authority="acme") > 0
    assert metric("authz_published_crl_failures_total") == 0


def test_a_restart_goes_on_with_the_numbers(
    published: _Published, start: Callable[..., Node]
) -> None:
    delta = f"/crl/{published.issuing}-delta.crl"
    eventually(_is_there(published, delta), "the first CRLs")
    numbers = (published.number(), published.number("-delta"))
    # Without an end of its own: as if the power had gone.
    processes = psutil.Process(published.node.process.pid).children(recursive=True)
    published.node.destroy()
    psutil.wait_procs(processes, PATIENCE)
    data = str(published.node.data)
    published.node = start("--config", str(published.config), "--data-dir", data).until_serving()
    eventually(_is_there(published, delta), "the CRLs of before")
    assert (published.number(), published.number("-delta")) == numbers

    published.authz("cert", "revoke", published.client)
    eventually(lambda: published.number() > max(numbers), "a higher number")


def test_an_address_that_is_taken_ends_the_node_with_a_hint(
    published: _Published, start: Callable[..., Node]
) -> None:
    # Another data directory, the same address.
    other = start("--config", str(published.config), "--data-dir", str(published.directory / "d"))

    assert other.wait() == 2
    assert "publication.listen" in other.log
