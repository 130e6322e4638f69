# SPDX-License-Identifier: Apache-2.0
"""CRLs of URLs and OCSP answers, found where somebody put them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.certs.authority import AuthorityModel, OcspStatus, RevocationMode
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import judge
from authz.certs.revocation import NOT_REVOKED, RevocationStatus, revocation_of
from authz.certs.trust import compile_trust
from authz.errors import CertificateError, PolicyError
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import FetchedFiles, Header, Stored
from authz.sources.files import FileReader
from authz.sources.policy_document import TrustDocument
from authz.sources.policy_file import load_policy
from authz.sources.policy_trust import PACKED_FROM, build_trust
from tests.factories.pki import AT, DAY, presented, root

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://crl.example/ca.crl"
DELTA = "http://crl.example/delta.crl"
ALICE = root().client("alice", serial=0xA11CE)


@pytest.fixture
def fetched(directory: Path) -> FetchedFiles:
    return FetchedFiles(directory / "fetched")


def store(fetched: FetchedFiles, body: bytes, url: str = URL) -> None:
    fetched.store(Stored(header=Header(url=url, fetched_at=AT), body=body))


def build(
    directory: Path, earlier: AuthorityModel | None = None, **trust: Any
) -> tuple[AuthorityModel, Building]:
    building = Building(
        directory / "policy.yaml", YamlDocument(""), FileReader(), directory / "fetched"
    )
    document = TrustDocument.model_validate(
        {"name": "x", "certificates": ["ca.pem"], "crl_urls": [URL], **trust}
    )
    (authority,) = build_trust(
        [document], building, ("trust",), [earlier] if earlier else [], site="api"
    )
    building.check()
    return authority, building


def status(authority: AuthorityModel) -> RevocationStatus:
    bundle = compile_trust([authority])
    return revocation_of(judge(presented(ALICE), bundle, AT), bundle, AT)


def test_a_url_that_was_fetched(directory: Path, fetched: FetchedFiles) -> None:
    crl = root().crl([0xA11CE])
    for body in (crl.der, crl.pem):
        store(fetched, body)

        authority, building = build(directory)

        assert authority.crls == (crl.der,)
        assert authority.crl_urls == (URL,)
        assert building.not_fetched == []
        assert status(authority).revoked


@pytest.mark.parametrize(
    "body", [None, b"<html>", root().pem, root("Other Root CA").crl().der, root().crl().der[:-9]]
)
def test_a_url_of_which_nothing_good_is_there_is_missing(
    directory: Path, fetched: FetchedFiles, body: bytes | None
) -> None:
    if body is not None:
        store(fetched, body)

    authority, building = build(directory)

    assert authority.crls == ()
    assert [(one.where, one.url) for one in building.not_fetched] == [
        (f"{directory}/policy.yaml:1: trust[0].crl_urls[0]", URL)
    ]
    assert status(authority).failure is VerifyFailure.CRL_STALE
    soft, _ = build(directory, revocation="soft")
    assert status(soft) == NOT_REVOKED


def test_nobody_fetches(directory: Path) -> None:
    building = Building(directory / "policy.yaml", YamlDocument(""), FileReader())
    document = TrustDocument.model_validate(
        {"name": "x", "certificates": ["ca.pem"], "crl_urls": [URL], "ocsp": "certificate"}
    )

    (authority,) = build_trust([document], building, ("trust",))

    assert len(building.not_fetched) == 1
    assert status(authority).failure is VerifyFailure.CRL_STALE


def test_a_file_with_several_crls_does_not_stand_in_for_a_url(
    directory: Path, fetched: FetchedFiles
) -> None:
    (directory / "a.crl").write_bytes(root().crl().pem * 3)

    authority, _ = build(directory, crls=["a.crl"])

    assert status(authority).failure is VerifyFailure.CRL_STALE


def test_a_delta_that_the_crl_names_is_taken_along(directory: Path, fetched: FetchedFiles) -> None:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(DELTA)], None, None, None)
    complete = root().crl(number=5, extensions=[(x509.FreshestCRL([point]), False)]).der
    delta = root().crl([0xA11CE], number=6, base_number=5).der
    store(fetched, complete)

    authority, building = build(directory)
    assert status(authority) == NOT_REVOKED
    assert building.not_fetched == []
    assert building.reader.contents[fetched.crl_file(DELTA)] is None
    store(fetched, delta, DELTA)
    authority, _ = build(directory)

    assert authority.crls == (complete, delta)
    assert status(authority).revoked


def test_a_large_crl_is_read_once(directory: Path, fetched: FetchedFiles) -> None:
    large = root().crl(range(1, 2000)).der
    assert len(large) > PACKED_FROM
    store(fetched, large)

    first, _ = build(directory)
    again, _ = build(directory, first)

    assert len(first.read_crls) == 1
    assert again.read_crls[0] is first.read_crls[0]


def test_a_crl_is_read_again_for_other_certificates(directory: Path, fetched: FetchedFiles) -> None:
    store(fetched, root().crl(range(1, 2000)).der)
    first, _ = build(directory)

    again, building = build(directory, first, certificates=["both.pem"])
    assert again.read_crls[0] is not first.read_crls[0]
    (directory / "ca.pem").write_bytes(root("Other Root CA").pem)
    other, building = build(directory, first)

    assert len(building.not_fetched) == 1
    assert other.read_crls == ()


def test_certificates_that_cannot_be_used_are_left_for_the_compiler(
    directory: Path, fetched: FetchedFiles
) -> None:
    store(fetched, root().crl().der)
    (directory / "ca.pem").write_bytes(ALICE.pem)

    authority, building = build(directory)

    assert len(building.not_fetched) == 1
    with pytest.raises(CertificateError):
        compile_trust([authority])


def test_ocsp_answers_are_found(directory: Path, fetched: FetchedFiles) -> None:
    from authz.certs.certificate import Certificate

    said = OcspStatus(
        issuer=hashlib.sha256(Certificate.from_der(root().der).spki).digest(),
        serial=(0xA11CE).to_bytes(3),
        revoked=True,
        this_update=AT,
        until=AT + DAY,
    )
    fetched.store_statuses(AuthorityId(site="api", authority="x"), [said])

    authority, _ = build(directory, crl_urls=[], ocsp="certificate")

    assert authority.ocsp == "certificate"
    assert authority.ocsp_statuses == (said,)
    assert status(authority).revoked
    without, _ = build(directory, crl_urls=[], ocsp="off")
    assert (without.ocsp, without.ocsp_statuses) == ("", ())


def test_whoever_asks_no_responder_misses_no_answer(directory: Path) -> None:
    asking, building = build(directory, crl_urls=[], ocsp="https://ocsp.example/")

    assert asking.ocsp == "https://ocsp.example/"
    assert building.not_fetched == []
    assert status(asking).failure is VerifyFailure.OCSP_MISSING
    assert asking.revocation is RevocationMode.STRICT


def test_a_policy_is_loaded_with_what_was_fetched(directory: Path, fetched: FetchedFiles) -> None:
    trust = f"{{name: x, certificates: [ca.pem], crl_urls: [{URL}], ocsp: off}}"
    policy = directory / "policy.yaml"
    policy.write_text(f'sites: [{{name: api, hosts: ["*"], trust: [{trust}]}}]\n')
    before = load_policy(policy, fetched=directory / "fetched")
    store(fetched, root().crl().der)
    after = load_policy(policy, fetched=directory / "fetched")

    assert [one.url for one in before.not_fetched] == [URL]
    assert before.contents[fetched.crl_file(URL)] is None
    assert fetched.crl_file(URL) not in before.files
    assert after.not_fetched == ()
    assert fetched.crl_file(URL) in after.files
    assert before.digest != after.digest
    assert after.model.sites[0].trust[0].crls == (root().crl().der,)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("crl_urls", "ldap://x/cn=y", "ldap URLs are not fetched (ldap://x/cn=y)"),
        ("crl_urls", "ca.crl", "is no URL that can be fetched (ca.crl)"),
        ("ocsp", "on", "is no URL that can be fetched (on)"),
        ("ocsp", "http://u:p@x/", "the URL has credentials in it (http://…@x)"),
    ],
)
def test_urls_that_cannot_be_fetched_are_refused(
    directory: Path, key: str, value: str, message: str
) -> None:
    given = f'["{value}"]' if key == "crl_urls" else f'"{value}"'
    trust = f"{{name: x, certificates: [ca.pem], {key}: {given}}}"
    policy = directory / "policy.yaml"
    policy.write_text(f'sites: [{{name: api, hosts: ["*"], trust: [{trust}]}}]\n')

    with pytest.raises(PolicyError) as caught:
        load_policy(policy)

    assert caught.value.message == message
    assert key in str(caught.value.where)
    assert caught.value.hint


def test_loading_a_policy_imports_nothing_that_fetches() -> None:
    code = "import sys, authz.sources.policy_file; print('urllib3' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "False"


def test_certificates_may_name_the_crls(directory: Path, fetched: FetchedFiles) -> None:
    fetched.store_urls(AuthorityId(site="api", authority="x"), [URL])
    crl = root().crl([0xA11CE])
    store(fetched, crl.der)

    authority, building = build(directory, crl_urls=["certificate"])

    assert authority.crl_urls == ("certificate",)
    assert authority.crls == (crl.der,)
    assert building.not_fetched == []
    assert status(authority).revoked
