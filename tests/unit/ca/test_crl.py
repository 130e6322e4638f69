# SPDX-License-Identifier: Apache-2.0
"""CRLs: openssl verifies them, our own reader reads them, and a long one is written quickly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from authz.ca.authority import NewAuthority, create_root
from authz.ca.crl import build_crl
from authz.ca.key_kinds import KeyKind
from authz.ca.names import Subject
from authz.ca.reasons import RevocationReason
from authz.certs.crl import compile_crl, read_crl
from authz.certs.pem import write_pem
from authz.errors import InvalidRequestError, KeyUnavailableError, LintFailedError
from tests.factories.issuing import issue_client, issuing, openssl, root, write_certificates
from tests.factories.pki import AT, DAY

if TYPE_CHECKING:
    from pathlib import Path

    from authz.certs.authority import CrlModel

REVOKED = [
    (2**158 + 1, AT - 60, RevocationReason.KEY_COMPROMISE),
    (200, AT - 60, None),
    (2**159 + 5, AT - 60.5, RevocationReason.UNSPECIFIED),
]


def _crl(
    revoked: object = (),
    *,
    by: NewAuthority | None = None,
    number: int = 7,
    delta_base: int | None = None,
    removed: object = (),
    next_update: float = AT + 7 * DAY,
    delta_urls: tuple[str, ...] = (),
    scope_urls: tuple[str, ...] = (),
) -> bytes:
    authority = by or issuing()
    return build_crl(
        authority.certificate,
        authority.signer,
        revoked,  # type: ignore[arg-type]  # any of the cases
        number=number,
        this_update=AT,
        next_update=next_update,
        delta_base=delta_base,
        removed=removed,  # type: ignore[arg-type]  # any of the cases
        delta_urls=delta_urls,
        scope_urls=scope_urls,
    )


def _read(der: bytes, by: NewAuthority | None = None) -> CrlModel:
    return read_crl(der, [(by or issuing()).certificate], where="test")


def test_our_own_reader_reads_a_complete_crl() -> None:
    model = _read(_crl(REVOKED))
    compiled = compile_crl(model)

    assert sorted(compiled.revoked) == sorted(serial for serial, _, _ in REVOKED)
    assert (compiled.number, compiled.base_number) == (7, None)
    assert (model.this_update, model.next_update) == (AT, AT + 7 * DAY)
    assert list(compiled.removed) == []


def test_another_reader_reads_the_same() -> None:
    crl = x509.load_der_x509_crl(_crl(REVOKED, delta_urls=("http://a.example/delta",)))
    reasons = {one.serial_number: [extension.value for extension in one.extensions] for one in crl}
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://a.example/delta")], None, None, None
    )

    assert reasons == {
        2**158 + 1: [x509.CRLReason(x509.ReasonFlags.key_compromise)],
        200: [],
        2**159 + 5: [],
    }
    assert {one.revocation_date_utc.timestamp() for one in crl} == {AT - 60, AT - 61}
    assert [(one.value, one.critical) for one in crl.extensions] == [
        (
            x509.AuthorityKeyIdentifier(bytes.fromhex(issuing().certificate.ski), None, None),
            False,
        ),
        (x509.CRLNumber(7), False),
        (x509.FreshestCRL([point]), False),
    ]


@pytest.mark.parametrize("reason", [r for r in RevocationReason if r not in (0, 8)])
def test_every_reason_is_written(reason: RevocationReason) -> None:
    entry = x509.load_der_x509_crl(_crl([(5, AT, reason)]))[0]
    value = entry.extensions.get_extension_for_class(x509.CRLReason).value

    assert value.reason.value == reason.text


def test_an_empty_crl_has_no_list() -> None:
    der = _crl()

    assert len(x509.load_der_x509_crl(der)) == 0
    assert list(compile_crl(_read(der)).revoked) == []


def test_a_delta_says_what_is_new_and_what_was_restored() -> None:
    compiled = compile_crl(_read(_crl([(5, AT, None)], delta_base=3, removed=[(6, AT)])))

    assert (compiled.number, compiled.base_number) == (7, 3)
    assert list(compiled.revoked) == [5]
    assert list(compiled.removed) == [6]


def test_a_delta_does_not_point_to_deltas() -> None:
    crl = x509.load_der_x509_crl(_crl(delta_base=3, delta_urls=("http://a.example/delta",)))

    assert [one.oid._name for one in crl.extensions if one.critical] == ["deltaCRLIndicator"]
    assert not [one for one in crl.extensions if isinstance(one.value, x509.FreshestCRL)]


def test_a_scope_is_critical() -> None:
    der = _crl(scope_urls=("http://pki.example.com/ca.crl",))
    extension = x509.load_der_x509_crl(der).extensions.get_extension_for_class(
        x509.IssuingDistributionPoint
    )

    assert extension.critical
    assert extension.value.full_name == [
        x509.UniformResourceIdentifier("http://pki.example.com/ca.crl")
    ]
    assert _read(der).scope


@pytest.mark.parametrize("kind", [KeyKind.ECDSA_P256, KeyKind.ECDSA_P384, KeyKind.RSA_2048])
def test_openssl_verifies_it(kind: KeyKind, tmp_path: Path) -> None:
    authority = create_root(Subject.of("Acme"), at=AT, kind=kind)
    anchor = write_certificates(tmp_path / "ca.pem", authority.certificate)
    path = tmp_path / "ca.crl"
    path.write_text(write_pem(_crl(REVOKED, by=authority), "X509 CRL"))
    said = openssl("crl", "-in", path, "-CAfile", anchor, "-noout", "-verify", "-text")

    assert "verify OK" in said
    assert "Key Compromise" in said
    assert _read(_crl(REVOKED, by=authority), authority)


def test_openssl_refuses_a_revoked_certificate_and_accepts_a_restored_one(tmp_path: Path) -> None:
    client = issue_client()
    serial = client.certificate.serial_number
    anchors = write_certificates(tmp_path / "root.pem", root().certificate)
    chain = write_certificates(tmp_path / "chain.pem", issuing().certificate)
    certificate = write_certificates(tmp_path / "client.pem", client.certificate)

    def check(*crls: bytes) -> str:
        path = tmp_path / "crls.pem"
        path.write_text("".join(write_pem(one, "X509 CRL") for one in crls))
        return openssl(
            *("verify", "-crl_check", "-extended_crl", "-use_deltas", "-attime", int(AT) + 1),
            *("-CAfile", anchors, "-untrusted", chain, "-CRLfile", path, certificate),
        )

    assert "OK" in check(_crl([(serial + 1, AT, None)]))
    with pytest.raises(AssertionError, match="certificate revoked"):
        check(_crl([(serial, AT, RevocationReason.KEY_COMPROMISE)]))
    # Held first: openssl takes nothing else out again (RFC 5280 §5.3.1).
    held = _crl(
        [(serial, AT, RevocationReason.CERTIFICATE_HOLD)],
        delta_urls=("http://pki.example.com/delta.crl",),
    )
    with pytest.raises(AssertionError, match="certificate revoked"):
        check(held)
    assert "OK" in check(held, _crl(number=8, delta_base=7, removed=[(serial, AT)]))


def test_a_million_entries_are_written_in_linear_time() -> None:
    def seconds(count: int) -> float:
        revoked = [(2**158 + index, AT - index % 100_000, None) for index in range(count)]
        begin = time.process_time()
        _crl(revoked)
        return time.process_time() - begin

    seconds(1000)
    small, large = seconds(5_000), seconds(50_000)

    # Ten times as many; a quadratic writer would take a hundred times as long.
    assert large < 40 * small


@pytest.mark.parametrize(
    ("arguments", "lint"),
    [
        ({"revoked": [(5, AT, None), (5, AT, None)]}, "crl_serial_once"),
        ({"revoked": [(0, AT, None)]}, "crl_serial_form"),
        ({"removed": [(5, AT)]}, "crl_removed_in_delta"),
        ({"revoked": [(5, AT, RevocationReason.REMOVE_FROM_CRL)]}, "crl_removed_in_delta"),
        ({"next_update": AT}, "crl_update_order"),
        ({"number": -1}, "crl_number"),
        ({"number": 7, "delta_base": 7}, "crl_base_number"),
    ],
)
def test_what_breaks_a_rule_is_not_signed(arguments: dict[str, object], lint: str) -> None:
    with pytest.raises(LintFailedError, match=lint):
        _crl(**arguments)  # type: ignore[arg-type]  # any of the cases


def test_addresses_are_http() -> None:
    for arguments in ({"delta_urls": ("ftp://a.example/",)}, {"scope_urls": ("https://a/",)}):
        with pytest.raises(InvalidRequestError):
            _crl(**arguments)


def test_another_key_does_not_sign_it() -> None:
    with pytest.raises(KeyUnavailableError, match="not that of the CRL's issuer"):
        build_crl(
            issuing().certificate,
            root().signer,
            [],
            number=1,
            this_update=AT,
            next_update=AT + DAY,
        )
