# SPDX-License-Identifier: Apache-2.0
"""CRLs and OCSP answers of others, fetched from real servers by a real node while it answers.

What is due when is decided by times in CRLs and answers: these are dated back, so that after its
file is made older (CRLs), or at once (OCSP), a new control process finds them due.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest
from typer.testing import CliRunner

from authz.ca.authority import NewAuthority, create_root
from authz.ca.crl import build_crl
from authz.ca.issuance import CertificateRequest, PublicationUrls, issue, prepare
from authz.ca.keys import generate_key
from authz.ca.names import Subject
from authz.ca.ocsp import CertificateStatus, Responder, answer, issue_responder
from authz.ca.profiles import CLIENT
from authz.certs.pem import write_pem
from authz.cli.main import app
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.sources.fetched import DIRECTORY, FetchedFiles, Header, Stored
from tests.factories.checks import check_request
from tests.factories.http_server import response, serving
from tests.factories.pki import url_encoded
from tests.integration.harness import PATIENCE, Node, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.certs.certificate import Certificate
    from tests.factories.http_server import Request, Server
    from tests.integration.harness import Client

    Connect = Callable[[str], Client]

HOUR = 3600.0
#: What the rules answer with: let in, not verified, revoked.
OK, UNVERIFIED, REVOKED = 200, 401, 410

RULES = """
    rules:
      - expression: cf.tls_client_auth.cert_revoked
        action: block
        action_parameters: {response: {status_code: 410, content_type: text/plain, content: gone}}
      - expression: not cf.tls_client_auth.cert_verified
        action: block
        action_parameters: {response: {status_code: 401, content_type: text/plain, content: who}}
"""


@dataclass
class Issuer:
    """A CA with its CRL and its OCSP responder, behind HTTP."""

    server: Server = field(init=False)
    ca: NewAuthority = field(
        default_factory=lambda: create_root(Subject.of("Acme Root"), at=time.time() - 3 * HOUR)
    )
    revoked: set[int] = field(default_factory=set)
    number: int = 1
    seconds: float = 60.0
    down: bool = False

    def __post_init__(self) -> None:
        at = time.time() - 2 * HOUR
        self.responder, _ = issue_responder(self.ca.certificate, self.ca.signer, at=at)

    def client(self, name: str) -> Certificate:
        """A certificate that names the CRL and the responder."""
        urls = PublicationUrls(
            crl=(self.server.url("/ca.crl"),),
            ocsp=(self.server.url("/ocsp"),),
            issuer=(self.server.url("/ca.der"),),
        )
        request = CertificateRequest(subject=Subject.of(name), spki=generate_key().spki)
        issuer = self.ca.certificate
        prepared = prepare(request, profile=CLIENT, issuer=issuer, at=time.time() - HOUR, urls=urls)
        return issue(prepared, self.ca.signer)

    def revoke(self, certificate: Certificate) -> None:
        self.revoked.add(certificate.serial_number)
        self.number += 1

    def answer(self, request: Request) -> bytes:
        if self.down:
            return response(status="503 Service Unavailable")
        if request.target == "/ocsp":
            return self._ocsp(request.body, self.responder)
        tag = f'"{self.number}"'
        if request.headers.get("if-none-match") == tag:
            return response(status="304 Not Modified")
        now = time.time()
        crl = build_crl(
            self.ca.certificate,
            self.ca.signer,
            [(serial, now - HOUR, None) for serial in self.revoked],
            number=self.number,
            this_update=now - HOUR,
            next_update=now + self.seconds,
        )
        return response(crl, "Content-Type: application/pkix-crl", f"ETag: {tag}")

    def _ocsp(self, request: bytes, responder: Responder) -> bytes:
        def find(_: Certificate, serial: int) -> CertificateStatus:
            return CertificateStatus(revoked_at=time.time() if serial in self.revoked else None)

        at = time.time() - HOUR
        said = answer(request, [responder], find, at=at, validity_seconds=int(HOUR + self.seconds))
        return response(said, "Content-Type: application/ocsp-response")

    def asked(self, target: str) -> list[Request]:
        return [one for one in list(self.server.requests) if one.target == target]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    with serving(one.answer) as server:
        one.server = server
        yield one


@dataclass(kw_only=True)
class Setup:
    """A node that answers by a policy file, alone or with workers, or by a store, and who asks."""

    node: Node
    connect: Connect

    def state(self, certificate: Certificate) -> int:
        """The HTTP status of a request with this certificate."""
        pem = write_pem(certificate.der, "CERTIFICATE")
        request = check_request(certificate=url_encoded(pem)).SerializeToString()
        client = self.connect(self.node.addresses[0])
        said = CheckResponse.FromString(
            client._check(request, timeout=PATIENCE, wait_for_ready=True)
        )
        return said.denied_response.status.code if said.status.code else OK

    def becomes(self, certificate: Certificate, status: int) -> None:
        """Wait until that is the status."""
        eventually(lambda: self.state(certificate) == status, f"{status}\n{self.node.log}")

    def hurry(self, url: str | None = None) -> None:
        """Have asked again what is due, this URL at once."""
        if url is not None:
            files = FetchedFiles(self.node.data / DIRECTORY)
            stored = files.stored(url)
            assert stored is not None
            header = Header(
                url=url, fetched_at=stored.header.fetched_at - 0.99 * HOUR, etag=stored.header.etag
            )
            files.store(Stored(header=header, body=stored.body))
        [control] = self.node._children("authz.node.control")
        control.kill()
        psutil.wait_procs([control], timeout=PATIENCE)


@pytest.fixture(params=["file", "workers", "store"])
def begin(
    request: pytest.FixtureRequest,
    start: Callable[..., Node],
    connect: Connect,
    tmp_path: Path,
    issuer: Issuer,
) -> Callable[..., Setup]:
    def _begin(*, crl: str = "", ocsp: str = "off") -> Setup:
        (tmp_path / "ca.pem").write_text(write_pem(issuer.ca.certificate.der, "CERTIFICATE"))
        config = tmp_path / "authz.yaml"
        config.write_text("fetch: {allowed_hosts: [127.0.0.1]}\n")
        if request.param != "store":
            workers = "2" if request.param == "workers" else "1"
            urls = f"[{crl}]" if crl else "[]"
            policy = (
                "sites:\n  - name: api\n    hosts: ['*']\n    trust:\n      - name: acme\n"
                f"        certificates: [{tmp_path}/ca.pem]\n        crl_urls: {urls}\n"
                f"        ocsp: {ocsp}\n{RULES}"
            )
            node = start("--config", str(config), "--workers", workers, policy=policy)
        else:
            config.write_text("fetch: {allowed_hosts: [127.0.0.1]}\nstore: on\n")
            data = str(tmp_path / "0" / "data")
            rules = tmp_path / "rules.yaml"
            rules.write_text(f"sites:\n  - name: api\n    hosts: ['*']\n{RULES}")
            sources = ["--ocsp", ocsp, *(["--crl", crl] if crl else [])]
            for command in (
                ["ca", "upload", str(tmp_path / "ca.pem"), "--name", "acme"],
                ["ca", "sources", "acme", *sources],
                ["policy", "apply", str(rules)],
                ["host", "add", "api.example.com", "--ca", "acme"],
            ):
                done = CliRunner().invoke(app, [*command, "--data-dir", data])
                assert done.exit_code == 0, done.output
            node = start("--config", str(config), policy=None)
        return Setup(node=node.until_serving(), connect=connect)

    return _begin


@pytest.fixture
def connect(client: Connect) -> Connect:
    known: dict[str, Client] = {}

    def _connect(address: str) -> Client:
        if address not in known:
            known[address] = client(address)
        return known[address]

    return _connect


def test_a_crl_is_fetched_counts_and_goes_stale(
    begin: Callable[..., Setup], issuer: Issuer
) -> None:
    alice, bob = issuer.client("alice"), issuer.client("bob")
    url = issuer.server.url("/ca.crl")
    setup = begin(crl=url)
    setup.becomes(alice, OK)

    # Revoked: the next check after the round is refused, and nobody else is.
    issuer.revoke(alice)
    setup.hurry(url)
    setup.becomes(alice, REVOKED)
    assert setup.state(bob) == OK
    assert issuer.asked("/ca.crl")[-1].headers["if-none-match"] == '"1"'

    # The same as before is not sent again.
    setup.hurry(url)
    eventually(
        lambda: issuer.asked("/ca.crl")[-1].headers.get("if-none-match") == '"2"', "asked again"
    )
    assert setup.state(alice) == REVOKED

    # A server that fails takes nothing away.
    issuer.down = True
    setup.hurry(url)
    failed = setup.node.until_logged("cannot be fetched; the last good one stays")
    assert (failed["authority"], failed["kind"], failed["url"]) == ("acme", "crl", url)
    assert "503" in failed["reason"]
    eventually(
        lambda: setup.node.metric("authz_fetch_failures_total", authority="acme", kind="crl") == 1,
        "it is counted",
    )
    assert (setup.state(alice), setup.state(bob)) == (REVOKED, OK)

    # Past its nextUpdate nobody is verified.
    issuer.down, issuer.number, issuer.seconds = False, 3, 3.0
    setup.hurry(url)
    setup.becomes(bob, UNVERIFIED)
    assert setup.node.metric("authz_fetch_success_timestamp_seconds", authority="acme") > 0


def test_a_certificate_is_asked_about_once_it_was_seen(
    begin: Callable[..., Setup], issuer: Issuer
) -> None:
    alice, bob = issuer.client("alice"), issuer.client("bob")
    setup = begin(ocsp="certificate")

    assert setup.state(alice) == UNVERIFIED
    setup.becomes(alice, OK)
    assert len(issuer.asked("/ocsp")) == 1
    setup.becomes(bob, OK)

    # A new control process knows whom to ask about, although nobody told it.
    issuer.revoke(alice)
    setup.hurry()
    setup.becomes(alice, REVOKED)
    assert setup.state(bob) == OK


def test_the_crl_that_a_certificate_names_is_fetched(
    begin: Callable[..., Setup], issuer: Issuer
) -> None:
    alice, bob = issuer.client("alice"), issuer.client("bob")
    issuer.revoke(alice)
    setup = begin(crl="certificate")

    assert setup.state(bob) == UNVERIFIED
    setup.becomes(bob, OK)
    assert setup.state(alice) == REVOKED


def test_without_urls_there_is_no_control_process_for_a_policy_file(
    start: Callable[..., Node], issuer: Issuer, tmp_path: Path
) -> None:
    node = start().until_serving()
    assert node._children("authz.node.control") == []

    (tmp_path / "0" / "ca.pem").write_text(write_pem(issuer.ca.certificate.der, "CERTIFICATE"))
    node.rewrite(
        "sites: [{name: api, hosts: ['*'], trust: [{name: acme, certificates: [ca.pem], "
        f"crl_urls: ['{issuer.server.url('/ca.crl')}']}}]}}]\n"
    )
    # Loopback is nothing that a URL may lead to unless it is allowed.
    failed = node.until_logged("cannot be fetched; the last good one stays")
    assert "a private address" in failed["reason"]
    assert len(node._children("authz.node.control")) == 1
    assert issuer.server.requests == []


@pytest.mark.parametrize("begin", ["store"], indirect=True)
def test_a_crl_counts_while_the_store_is_away(
    begin: Callable[..., Setup], issuer: Issuer, tmp_path: Path
) -> None:
    alice, bob, carol = (issuer.client(name) for name in ("alice", "bob", "carol"))
    url = issuer.server.url("/ca.crl")
    setup = begin(crl=url)
    setup.becomes(alice, OK)
    away = tmp_path / "away"
    away.mkdir()
    for file in setup.node.data.glob("authz.db*"):
        file.rename(away / file.name)
    eventually(lambda: setup.node.metric("authz_store_up") == 0.0, "it is missed")

    # Fetched by a control process that begins without the store.
    issuer.revoke(alice)
    setup.hurry(url)
    setup.becomes(alice, REVOKED)
    assert setup.state(bob) == OK
    assert setup.node.get("/readyz")[1].startswith("answering by the last good snapshot: ")

    # And again by the one that then begins with what that one had put in force.
    issuer.revoke(bob)
    setup.hurry(url)
    setup.becomes(bob, REVOKED)
    assert (setup.state(alice), setup.state(carol)) == (REVOKED, OK)

    for file in away.iterdir():
        file.rename(setup.node.data / file.name)
    eventually(lambda: setup.node.get("/readyz") == (200, "ready\n"), "it is back")
    assert [setup.state(one) for one in (alice, bob, carol)] == [REVOKED, REVOKED, OK]
