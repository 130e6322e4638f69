# SPDX-License-Identifier: Apache-2.0
"""What was meant by a rule that lets in whom it should not; see test_lint_admission for most."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import Role, parse
from authz.rules.formatter import format_logical
from authz.rules.lint_corrections import (
    with_claims_verified,
    with_issuer,
    with_verified,
    without_revoked,
)
from authz.rules.lint_solver import Solver

_TLS = "cf.tls_client_auth."
_V, _R, _P = _TLS + "cert_verified", _TLS + "cert_revoked", _TLS + "cert_presented"
_NAME = _TLS + 'cert_subject_dn eq "CN=a"'
_SKI = _TLS + 'cert_issuer_ski in {"AA"}'
_A, _B = 'http.host eq "a"', 'http.host eq "b"'


def _solver(source: str) -> Solver:
    return Solver(parse(source, SCHEME).root)


def _text(node: object) -> str | None:
    return None if node is None else format_logical(node)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "role", "meant"),
    [
        # What asks for less takes more, whatever turns it around.
        (f"not not {_V}", Role.ADMIT, f"{_V} and not {_R}"),
        (
            'ssl and authz.cert.failure eq ""',
            Role.ADMIT,
            f'ssl and authz.cert.failure eq "" and not {_R}',
        ),
        (
            'authz.cert.failure ne "" and ssl',
            Role.BLOCK,
            f'(authz.cert.failure ne "" or {_R}) and ssl',
        ),
        # Asked for twice in a run, it is added once.
        (
            f'{_V} and {_TLS}cert_issuer_ski eq "AA"',
            Role.ADMIT,
            f'{_V} and not {_R} and {_TLS}cert_issuer_ski eq "AA"',
        ),
        # Where every unverified client is kept out, so is every revoked one.
        (
            f"not {_V} or {_V} and {_B}",
            Role.BLOCK,
            f"not {_V} or {_R} or {_V} and not {_R} and {_B}",
        ),
        (
            f"not {_V} or {_V} and {_R} and {_B}",
            Role.BLOCK,
            f"not {_V} or {_R} or {_V} and not {_R} and {_R} and {_B}",
        ),
        (f"{_V} xor ssl", Role.BLOCK, f"{_V} xor ssl or {_R} and ssl"),
    ],
)
def test_revoked_certificates_are_treated_as_none(source: str, role: Role, meant: str) -> None:
    assert _text(without_revoked(_solver(source), role)) == meant


def test_what_is_only_an_argument_is_not_changed() -> None:
    assert without_revoked(_solver(f"not coalesce({_V}, ssl)"), Role.BLOCK) is None


@pytest.mark.parametrize(
    ("source", "role", "meant"),
    [
        (f"not {_V}", Role.BLOCK, f"not ({_V} and {_SKI})"),
        (f"{_V} and ssl", Role.ADMIT, f"{_V} and {_SKI} and ssl"),
        ('authz.cert.failure ne ""', Role.BLOCK, f'authz.cert.failure ne "" or not {_SKI}'),
        (
            f"not {_V} and {_A} or {_V} and {_B}",
            Role.ADMIT,
            f"(not {_V} and {_A} or {_V} and {_B}) and (not ({_V} and not {_SKI}) or {_A})",
        ),
    ],
)
def test_certificates_of_other_issuers_are_treated_as_none(
    source: str, role: Role, meant: str
) -> None:
    assert _text(with_issuer(_solver(source), role, ("AA",))) == meant


def test_without_issuers_there_is_nothing_to_write() -> None:
    assert with_issuer(_solver(f"not {_V}"), Role.BLOCK, ()) is None


def test_a_certificate_that_is_presented_has_to_be_verified() -> None:
    assert _text(with_verified(_solver(f"not {_P} and ssl"), Role.BLOCK)) == (
        f"(not {_V} or {_R}) and ssl"
    )
    assert (
        _text(with_verified(_solver(f"{_P} and ssl"), Role.ADMIT)) == f"{_V} and not {_R} and ssl"
    )
    assert with_verified(_solver(f"not coalesce({_P}, ssl)"), Role.BLOCK) is None


def test_claims_are_believed_of_verified_certificates() -> None:
    assert _text(with_claims_verified(_solver(f"ssl and not {_NAME}"), Role.BLOCK)) == (
        f"ssl and not ({_V} and not {_R} and {_NAME})"
    )
    # A claim that keeps somebody out is not made safer by asking for more.
    assert with_claims_verified(_solver(_NAME), Role.BLOCK) is None
    assert with_claims_verified(_solver(f"{_NAME} xor ssl"), Role.ADMIT) is None
