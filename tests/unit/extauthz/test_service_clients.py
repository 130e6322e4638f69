# SPDX-License-Identifier: Apache-2.0
"""Clients that the boundary remembers: on several sites, and with much to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography import x509

from authz.certs import certificate as certificates
from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz import memo
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import check_request
from tests.factories.pki import AT, authority, presented, root
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    import pytest

    from authz.certs.authority import AuthorityModel
    from authz.policy.snapshot import Snapshot

ALICE = root().client("alice")
HOSTS = ("a.test", "b.test")
BLOCK_REVOKED = "not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked"


def make(policy: Snapshot) -> CheckService:
    service = CheckService(DecodeOptions(), DEFAULT_LIMITS, Metrics(), clock=lambda: AT)
    service.snapshot = policy
    return service


def two_sites(*trust: AuthorityModel) -> Snapshot:
    """a.test and b.test, each with its own authority; both refuse the revoked."""
    return snapshot(
        *(
            site(rule(BLOCK_REVOKED), name=host, hosts=(host,), trust=(one,))
            for host, one in zip(HOSTS, trust, strict=True)
        )
    )


def codes(service: CheckService, path: str) -> tuple[int, ...]:
    """What a.test and b.test say to alice: 0 or 7."""
    certificate = presented(ALICE).certificate
    answers = [
        service.check(
            check_request(host=host, path=path, certificate=certificate).SerializeToString()
        )
        for host in HOSTS
    ]
    return tuple(CheckResponse.FromString(answer).status.code for answer in answers)


def counting(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[object]:
    """One item for each call of a function from now on."""
    calls: list[object] = []
    function = getattr(module, name)

    def counted(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return function(*given, **named)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_two_sites_with_the_same_anchors_in_turn_verify_once_and_settle_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settled = counting(monkeypatch, memo, "settle")
    service = make(two_sites(authority(), authority(revoked_serials=[ALICE.serial + 1])))

    assert {codes(service, f"/{turn}") for turn in range(10)} == {(0, 0)}

    assert (service.memo.misses, len(settled)) == (1, 2)


def test_a_revocation_at_one_site_counts_there_alone_and_from_the_next_request_on() -> None:
    other, revoked = ALICE.serial + 1, ALICE.serial
    service = make(
        two_sites(authority(revoked_serials=[other]), authority(revoked_serials=[revoked]))
    )
    # One path again and again, and others: what was decided is remembered, too.
    for path in ("/", "/", "/", "/x", "/y"):
        assert codes(service, path) == (0, 7)

    service.snapshot = two_sites(
        authority(revoked_serials=[revoked]), authority(revoked_serials=[revoked])
    )
    for path in ("/", "/", "/", "/z"):
        assert codes(service, path) == (7, 7)

    service.snapshot = two_sites(
        authority(revoked_serials=[revoked]), authority(revoked_serials=[other])
    )
    for path in ("/", "/", "/", "/z"):
        assert codes(service, path) == (7, 0)

    crl = root().crl([revoked])
    service.snapshot = two_sites(authority(), authority(crls=[crl.der]))
    for path in ("/", "/", "/", "/z"):
        assert codes(service, path) == (0, 7)
    assert service.memo.misses == 1


def test_hundreds_of_alternative_names_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [x509.DNSName(f"host-{number}.example.com") for number in range(400)]
    certificate = presented(root().client("alice", san=names)).certificate
    service = make(snapshot(site(rule('not any(authz.cert.san.dns[*] eq "host-399.example.com")'))))
    read = counting(monkeypatch, certificates.x509, "load_der_x509_certificate")
    checks = [
        check_request(path=f"/{turn}", certificate=certificate).SerializeToString()
        for turn in range(10)
    ]
    answers = [CheckResponse.FromString(service.check(data)) for data in checks[:1]]
    first = len(read)
    answers += [CheckResponse.FromString(service.check(data)) for data in checks[1:]]

    assert {answer.status.code for answer in answers} == {0}
    assert len(read) == first > 0
    # What is kept is counted.
    assert service.memo.bytes > 400 * len("host-399.example.com") * 2
