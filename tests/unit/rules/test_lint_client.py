# SPDX-License-Identifier: Apache-2.0
"""Whether a rule lets in whom it should not, alone and beside other rules."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import Role, parse
from authz.rules.formatter import format_logical
from authz.rules.lint_client import (
    CLAIM_LEAK,
    ISSUER_LEAK,
    PRESENTED_LEAK,
    REVOKED_LEAK,
    Leak,
    excludes,
    leaks,
    place_of,
    presupposes,
    probable_role,
)
from authz.rules.lint_solver import Solver
from authz.rules.lint_worlds import REVOKED

_TLS = "cf.tls_client_auth."
_V, _R, _P = _TLS + "cert_verified", _TLS + "cert_revoked", _TLS + "cert_presented"
_SKI = _TLS + 'cert_issuer_ski in {"AA"}'
_NAME = _TLS + 'cert_subject_dn eq "CN=a"'
_A, _B = 'http.host eq "a"', 'http.host eq "b"'


def _solver(source: str) -> Solver:
    return Solver(parse(source, SCHEME).root)


def _leaks(leak: Leak, source: str, *guards: str, role: Role = Role.BLOCK) -> bool:
    roots = [parse(guard, SCHEME).root for guard in guards]
    return leaks(leak, _solver(source), role, lambda _: roots)


@pytest.mark.parametrize(
    ("leak", "source", "guard"),
    [
        (REVOKED_LEAK, f"not {_V} and {_A}", _R),
        (REVOKED_LEAK, f"not {_V} and {_A}", f"{_R} and {_A}"),
        (REVOKED_LEAK, f"not {_V} and {_A}", f'{_R} and http.host in {{"b" "a"}}'),
        (REVOKED_LEAK, f"not {_V} and {_A}", f"{_R} or {_B}"),
        (REVOKED_LEAK, f"not {_V} and {_A} and ssl", f"{_R} and ssl"),
        (ISSUER_LEAK, f"not {_V} and {_A}", f"{_V} and not {_SKI}"),
        (ISSUER_LEAK, f"not {_V} and {_A}", f"not {_SKI} and {_A}"),
        (CLAIM_LEAK, f"not {_NAME} and {_A}", f"not {_V}"),
        (CLAIM_LEAK, f"not {_NAME} and {_A}", f'{_A} and authz.cert.failure ne ""'),
        (PRESENTED_LEAK, f"not {_P}", f"not {_V} or {_R}"),
    ],
)
def test_another_rule_keeps_them_out(leak: Leak, source: str, guard: str) -> None:
    assert _leaks(leak, source)
    assert not _leaks(leak, source, guard)


@pytest.mark.parametrize(
    ("leak", "source", "guard"),
    [
        (REVOKED_LEAK, f"not {_V} and {_A}", f"{_R} and {_B}"),
        (REVOKED_LEAK, f"not {_V} and {_A}", f"{_R} and {_A} and ssl"),
        (REVOKED_LEAK, f"not {_V} and {_A}", f"not {_R}"),
        (ISSUER_LEAK, f"not {_V} and {_A}", f"{_V} and not {_SKI} and {_B}"),
        (CLAIM_LEAK, f"not {_NAME} and {_A}", f"not {_V} and {_B}"),
        (PRESENTED_LEAK, f"not {_P}", f"not {_V} and {_A}"),
    ],
)
def test_another_rule_keeps_out_somebody_else(leak: Leak, source: str, guard: str) -> None:
    assert _leaks(leak, source, guard)


def test_a_rule_that_admits_is_guarded_as_well() -> None:
    source = f"{_V} and {_A}"

    assert _leaks(REVOKED_LEAK, source, role=Role.ADMIT)
    assert not _leaks(REVOKED_LEAK, source, f"{_R} and {_A}", role=Role.ADMIT)
    assert _leaks(REVOKED_LEAK, source, f"{_R} and {_B}", role=Role.ADMIT)


def test_several_rules_keep_them_out_together() -> None:
    source = f'not {_V} and http.host in {{"a" "b"}}'

    assert _leaks(REVOKED_LEAK, source, f"{_R} and {_A}")
    assert not _leaks(REVOKED_LEAK, source, f"{_R} and {_A}", f"{_R} and {_B}")


def test_what_is_too_much_to_go_through_leaks_only_if_it_cannot_tell() -> None:
    names = [f'http.request.headers["{letter}"][0]' for letter in "abcdefghi"]
    ones = " and ".join(f'{name} eq "1"' for name in names)
    much = f"({ones} or ssl) and not ({ones})"
    assert not _solver_is_exact(f"not {_V} and {much}")

    assert _leaks(REVOKED_LEAK, f"not {_V} and {much}")
    assert not _leaks(REVOKED_LEAK, f"not {_V} and {much} or {_R} and {_A}")
    assert not _leaks(REVOKED_LEAK, f"not {_V} and {much}", f"{_R} and ({much})")


def _solver_is_exact(source: str) -> bool:
    solver = _solver(source)
    solver.vectors(solver.root)
    return solver.exact


def test_conditions_that_tell_verified_clients_from_others() -> None:
    solver = _solver(f'{_V} and not {_V} and {_SKI} and authz.cert.failure ne "" and ssl')
    verified, _, issuer, failure, ssl = solver.root.operands  # type: ignore[union-attr]

    assert presupposes(verified, solver, REVOKED)
    assert presupposes(issuer, solver, REVOKED)
    assert excludes(failure, solver, REVOKED)
    for leaf in (ssl, failure):
        assert not presupposes(leaf, solver, REVOKED)
    for leaf in (ssl, verified):
        assert not excludes(leaf, solver, REVOKED)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (f"ssl and not {_V}", _V),
        (f"{_R} or not {_V}", _V),
        (f"not {_R} and ssl", _R),
        ("ssl and " + _A, "ssl and " + _A),
    ],
)
def test_the_place_is_the_first_that_tells_them(source: str, place: str) -> None:
    assert format_logical(place_of(_solver(source), REVOKED)) == place


@pytest.mark.parametrize(
    ("source", "role"),
    [
        (f"not {_V}", Role.BLOCK),
        (f"{_V}", Role.ADMIT),
        (f"{_V} and {_A}", Role.ADMIT),
        (f"not {_V} and {_A} or {_V} and {_B}", Role.BLOCK),
        (f"{_V} and {_SKI}", Role.BLOCK),
        (f"{_V} and not {_NAME}", Role.BLOCK),
        (_R, Role.BLOCK),
        ("ssl", Role.BLOCK),
    ],
)
def test_the_role_of_an_expression_alone(source: str, role: Role) -> None:
    assert probable_role(_solver(source)) is role
