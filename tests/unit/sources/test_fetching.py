# SPDX-License-Identifier: Apache-2.0
"""Rounds over everything, from a server to the judgement. The parts are in test_fetching_*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from authz.certs.judgement import judge
from authz.certs.revocation import RevocationStatus, revocation_of
from authz.certs.trust import compile_trust
from authz.policy.model import PolicyModel, SiteModel
from authz.sources.fetch import Fetcher
from authz.sources.fetch_hosts import AllowedHosts
from authz.sources.fetch_targets import AuthorityId, CrlTarget, OcspTarget, crl_targets
from authz.sources.fetched import FetchedFiles
from authz.sources.fetching import FetchRounds
from authz.sources.policy_file import load_policy
from authz.sources.refresh import LONGEST, SHORTEST
from tests.factories.fetching import StubFetcher
from tests.factories.http_server import Request, Server, response, serving
from tests.factories.ocsp import answer
from tests.factories.pki import AT, presented, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.certs.authority import AuthorityModel
    from authz.demo.pki import Issued


def _client(server: Server) -> Issued:
    uri = x509.UniformResourceIdentifier(server.url("/ocsp"))
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri)
    extension = x509.AuthorityInformationAccess([access])
    return root().client("alice", serial=0xA11CE, extensions=[(extension, False)])


def _status(authority: AuthorityModel, client: Issued) -> RevocationStatus:
    bundle = compile_trust([authority])
    return revocation_of(judge(presented(client), bundle, AT), bundle, AT)


def test_from_a_server_to_the_judgement(directory: Path) -> None:
    crl = root().crl().der
    said = ["good"]

    def serve(request: Request) -> bytes:
        if request.target == "/ca.crl":
            if request.headers.get("if-none-match") == '"1"':
                return response(status="304 Not Modified")
            return response(crl, 'ETag: "1"')
        body = answer(alice, root(), status=said[-1], this_update=AT - 100 + len(said))
        return response(body, "Content-Type: application/ocsp-response")

    with serving(serve) as server:
        alice = _client(server)
        policy = directory / "policy.yaml"
        trust = f"crl_urls: ['{server.url('/ca.crl')}'], ocsp: certificate"
        policy.write_text(
            "sites: [{name: api, hosts: ['*'], "
            f"trust: [{{name: acme, certificates: [ca.pem], {trust}}}]}}]\n"
        )
        fetcher = Fetcher(allowed=AllowedHosts.parse(["127.0.0.1"]), timeout_seconds=20)
        rounds = FetchRounds(fetcher, FetchedFiles(directory / "fetched"))

        def load() -> AuthorityModel:
            model = load_policy(policy, fetched=directory / "fetched").model
            return model.sites[0].trust[0]

        model = PolicyModel(sites=(SiteModel(name="api", hosts=("*",), trust=(load(),)),))
        asked = OcspTarget(
            authority=AuthorityId(site="api", authority="acme"),
            certificate=alice.der,
            issuer=root().der,
        )
        targets = [*crl_targets(model), asked]
        assert _status(load(), alice).failure == "crl_stale"
        first = rounds.run(targets, AT)

        assert first.changed
        assert {(fact.kind, fact.failures, fact.error) for fact in first.facts} == {
            ("crl", 0, None),
            ("ocsp", 0, None),
        }
        assert AT + SHORTEST <= first.next_at <= AT + LONGEST
        assert _status(load(), alice).failure is None
        assert not _status(load(), alice).revoked

        early = rounds.run(targets, AT + 1)
        assert not early.changed
        assert len(server.requests) == 2
        said.append("revoked")
        second = rounds.run(targets, first.next_at)
        while len(said) == 2 and not second.changed:
            second = rounds.run(targets, second.next_at)
        assert _status(load(), alice).revoked

        # A process that starts anew begins with what was kept.
        again = FetchRounds(fetcher, FetchedFiles(directory / "fetched"))
        before = len(server.requests)
        assert not again.run(targets, AT + 1).changed
        assert len(server.requests) == before


def test_nothing_to_do(tmp_path: Path) -> None:
    done = FetchRounds(Fetcher(), FetchedFiles(tmp_path)).run([], AT)

    assert (done.next_at, done.changed, done.facts) == (AT + LONGEST, False, ())


def test_a_round_ends_when_it_is_enough(tmp_path: Path) -> None:
    fetcher = StubFetcher()
    rounds = FetchRounds(fetcher, FetchedFiles(tmp_path))
    acme = AuthorityId(site="api", authority="acme")
    alice, ca = root().client("alice").der, root().der
    targets = [
        CrlTarget(authority=acme, certificates=(ca,), url="http://crl.example/1"),
        CrlTarget(authority=acme, certificates=(ca,), url="http://crl.example/2"),
        OcspTarget(authority=acme, certificate=alice, issuer=ca, url="http://ocsp.example/"),
    ]

    done = rounds.run(targets, AT, enough=lambda: len(fetcher.asked) >= 1)
    assert (len(fetcher.asked), done.next_at) == (1, AT)

    done = rounds.run(targets, AT)
    assert (len(fetcher.asked), done.next_at > AT) == (3, True)
