# SPDX-License-Identifier: Apache-2.0
"""PEM, CRL and serial files into authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.authority import RevocationMode
from authz.certs.serials import MAX_CHANGES, Serials
from authz.certs.trust import compile_trust
from authz.errors import CertificateError, MalformedCertificateError, PolicyError
from authz.node.policy_source import kind_of
from authz.policy.snapshot import compile_snapshot
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.files import FileReader
from authz.sources.policy_document import TrustDocument
from authz.sources.policy_file import load_policy
from authz.sources.policy_trust import PACKED_FROM, build_trust
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.certs.authority import AuthorityModel


def build(directory: Path, earlier: AuthorityModel | None = None, **trust: Any) -> AuthorityModel:
    building = Building(directory / "policy.yaml", YamlDocument(""), FileReader())
    document = TrustDocument.model_validate({"name": "x", "certificates": ["ca.pem"], **trust})
    (authority,) = build_trust([document], building, ("trust",), [earlier] if earlier else [])
    building.check()
    return authority


def fault(
    directory: Path, kind: type[PolicyError | CertificateError] = CertificateError, **trust: Any
) -> str:
    with pytest.raises(kind) as caught:
        build(directory, **trust)
    return str(caught.value).removeprefix(f"{directory}/policy.yaml:1: trust[0].")


def test_several_certificates_of_several_files(directory: Path) -> None:
    authority = build(directory, certificates=["ca.pem", "both.pem"])

    assert authority.certificates == (root().der, root().der, root("Other Root CA").der)
    assert authority.where == f"{directory}/policy.yaml:1: trust[0]"


def test_crls_in_pem_and_der(directory: Path) -> None:
    crl = root().crl()
    (directory / "a.crl").write_bytes(crl.pem + crl.pem)
    (directory / "b.crl").write_bytes(crl.der)

    authority = build(directory, crls=["a.crl", "b.crl"])

    assert authority.crls == (crl.der,) * 3
    assert authority.crl_sources_configured == 2


def test_serials_in_the_policy_and_in_a_file(directory: Path) -> None:
    (directory / "revoked.txt").write_text("# stolen\n0A\n0b:01\n")

    authority = build(directory, revoked_serials=["FF"], revoked_serials_file="revoked.txt")

    assert authority.revoked_serials == (0xFF, 0x0A, 0x0B01)


def test_many_serials_are_packed(directory: Path) -> None:
    (directory / "revoked.txt").write_text("".join(f"{n:x}\n" for n in range(1, MAX_CHANGES + 2)))

    authority = build(directory, revoked_serials=["FFFFFFFF"], revoked_serials_file="revoked.txt")

    assert authority.revoked_serials == ()
    serials = Serials(authority.revoked_base)
    assert serials.has(1)
    assert serials.has(MAX_CHANGES + 1)
    assert serials.has(0xFFFFFFFF)
    assert not serials.has(MAX_CHANGES + 2)


def test_a_revocation_among_many_is_a_change(directory: Path) -> None:
    many = "".join(f"{n:x}\n" for n in range(1, MAX_CHANGES + 2))
    (directory / "revoked.txt").write_text(many)
    first = build(directory, revoked_serials_file="revoked.txt")
    (directory / "revoked.txt").write_text(many.removeprefix("1\n") + "FFFFFFFF\n")

    again = build(directory, first, revoked_serials_file="revoked.txt")

    assert again.revoked_base is first.revoked_base
    assert (again.revoked_serials, again.restored_serials) == ((0xFFFFFFFF,), (1,))


def test_a_large_crl_is_read_once(directory: Path) -> None:
    large = root().crl(range(1, 2000)).der
    assert len(large) > PACKED_FROM
    (directory / "a.crl").write_bytes(large)

    first = build(directory, crls=["a.crl"])
    assert len(first.read_crls) == 1
    assert first.crls == (large,)
    again = build(directory, first, crls=["a.crl"])
    assert again.read_crls[0] is first.read_crls[0]


def test_an_authority_that_cannot_be_used_is_left_for_the_compiler(directory: Path) -> None:
    (directory / "a.crl").write_bytes(root("Other Root CA").crl(range(1, 2000)).der)

    authority = build(directory, crls=["a.crl"])

    assert authority.read_crls == ()
    with pytest.raises(CertificateError, match="issued by none of this authority"):
        compile_trust([authority])


@pytest.mark.parametrize("mode", list(RevocationMode))
def test_revocation_modes(directory: Path, mode: RevocationMode) -> None:
    assert build(directory, revocation=mode.value).revocation is mode


@pytest.mark.parametrize("mode", ["strict", "soft", "off"])
def test_a_named_crl_that_is_missing_is_an_error_in_every_mode(directory: Path, mode: str) -> None:
    assert fault(directory, crls=["n.crl"], revocation=mode) == 'crls[0]: "n.crl" does not exist'


def test_a_file_with_something_else_names_file_and_key(directory: Path) -> None:
    (directory / "text.pem").write_text("hello")

    assert (
        fault(directory, certificates=["text.pem"])
        == 'certificates[0]: "text.pem": no certificate in the file'
    )
    assert fault(directory, crls=["ca.pem"]).startswith('crls[0]: "ca.pem": ')


def test_a_wrong_serial_names_its_place(directory: Path) -> None:
    (directory / "revoked.txt").write_text("0A\nnope\n")

    assert (
        fault(directory, PolicyError, revoked_serials=["A", "0x1"])
        == 'revoked_serials[1]: "0x1" is no serial number'
    )
    assert (
        fault(directory, PolicyError, revoked_serials_file="revoked.txt")
        == 'revoked_serials_file: "revoked.txt": line 2: "nope" is no serial number'
    )


def spoil_the_pem(directory: Path) -> None:
    (directory / "ca.pem").write_bytes(b"garbage")


def spoil_the_certificate(directory: Path) -> None:
    block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (directory / "ca.pem").write_text(block)


def remove_the_crl(directory: Path) -> None:
    (directory / "a.crl").unlink()


def spoil_the_crl(directory: Path) -> None:
    (directory / "a.crl").write_bytes(b"garbage")


def spoil_the_serials(directory: Path) -> None:
    (directory / "revoked.txt").write_text("nope\n")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (spoil_the_pem, "certificate"),
        (spoil_the_certificate, "certificate"),
        (remove_the_crl, "certificate"),
        (spoil_the_crl, "certificate"),
        (spoil_the_serials, "policy"),
    ],
)
def test_a_reload_that_fails_is_counted_by_whose_content_was_wrong(
    directory: Path, spoil: Callable[[Path], None], kind: str
) -> None:
    (directory / "a.crl").write_bytes(root().crl().pem)
    (directory / "revoked.txt").write_text("0A\n")
    trust = "{name: x, certificates: [ca.pem], crls: [a.crl], revoked_serials_file: revoked.txt}"
    policy = directory / "policy.yaml"
    policy.write_text(f'sites: [{{name: a, hosts: ["*"], trust: [{trust}]}}]\n')
    compile_snapshot(load_policy(policy).model, 1, AT)
    spoil(directory)

    with pytest.raises(CertificateError if kind == "certificate" else PolicyError) as caught:
        compile_snapshot(load_policy(policy).model, 1, AT)

    assert kind_of(caught.value) == kind
    assert str(caught.value.where).startswith(f"{policy}:1: sites[0].trust[0]")


def test_what_kind_of_certificate_error_it_was_is_kept(directory: Path) -> None:
    (directory / "text.pem").write_text("hello")

    with pytest.raises(MalformedCertificateError) as caught:
        build(directory, certificates=["text.pem"])

    assert caught.value.where == f"{directory}/policy.yaml:1: trust[0].certificates[0]"
    assert caught.value.hint


def test_a_directory_is_no_file(directory: Path) -> None:
    assert fault(directory, certificates=["."]).startswith('certificates[0]: "." ')


def test_a_path_with_a_nul_is_no_path(directory: Path) -> None:
    assert fault(directory, certificates=["a\0b"]) == "certificates[0]: the path has a NUL in it"
