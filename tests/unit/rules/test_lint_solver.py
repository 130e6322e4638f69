# SPDX-License-Identifier: Apache-2.0
"""The vectors of a condition: exact where it can be, too many where it is too much."""

from __future__ import annotations

from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.ast import Combination, Logic
from authz.rules.lint_solver import Solver
from authz.rules.lint_worlds import ALWAYS, FREE, GOOD, NEVER, REVOKED, UNVERIFIED

_TLS = "cf.tls_client_auth."


def _solver(source: str) -> Solver:
    return Solver(parse(source, SCHEME).root)


def _vectors(source: str) -> frozenset[int]:
    solver = _solver(source)
    return solver.vectors(solver.root)


def test_independent_conditions_can_be_anything_together() -> None:
    assert _vectors('ssl and http.host eq "a" or not http.cookie eq "b"') == FREE
    assert _vectors("ssl xor cf.edge.client_tcp") == FREE


def test_conditions_on_one_value_cannot() -> None:
    assert _vectors('http.host eq "a" and http.host eq "b"') == {NEVER}
    assert _vectors('http.host eq "a" or not http.host in {"a" "b"} or http.host eq "b"') == {
        ALWAYS
    }
    assert _vectors("ssl xor ssl") == {NEVER}
    assert _vectors("ssl xor not ssl") == {ALWAYS}


def test_values_that_stand_in_several_places_are_gone_through_together() -> None:
    source = '(ssl or http.host eq "a") and (not ssl or http.host eq "b")'

    assert _vectors(f'{source} and http.cookie eq "x"') == FREE
    assert _vectors(f'{source} and not http.host in {{"a" "b"}} and ssl') == {NEVER}
    # Two pairs that have nothing to do with each other, and a third value that links them.
    assert _vectors(
        '(http.host eq "a" or ssl) and (http.host eq "b" or ssl)'
        ' and (http.cookie eq "c" or not ssl) and (http.cookie eq "d" or not ssl)'
    ) == {NEVER}


def test_a_part_is_looked_at_by_itself() -> None:
    solver = _solver('ssl and (not ssl or http.host eq "a")')
    assert isinstance(solver.root, Combination)
    ssl, rest = solver.root.operands

    assert solver.vectors(rest) == FREE
    assert solver.vectors(ssl) == FREE
    assert solver.together(Logic.AND, (ssl, rest)) == FREE
    assert solver.together(Logic.OR, (ssl, rest)) == {ALWAYS}
    assert solver.exact


def test_the_client_is_in_all_its_worlds_at_once() -> None:
    source = f'not {_TLS}cert_verified and http.host eq "a" or {_TLS}cert_revoked'

    found = {vector & (UNVERIFIED | GOOD | REVOKED) for vector in _vectors(source)}

    assert found == {UNVERIFIED | REVOKED, REVOKED}


def test_a_known_condition_is_asked_for_where_it_stands() -> None:
    solver = _solver('http.host eq "A" or ssl')
    assert isinstance(solver.root, Combination)

    assert solver.known(solver.root.operands[0]) is not None
    assert solver.known(solver.root.operands[1]) is None


def test_too_many_cells_together_count_as_independent() -> None:
    names = [f'http.request.headers["{letter}"][0]' for letter in "abcdefghi"]
    ones = " and ".join(f'{name} eq "1"' for name in names)
    solver = _solver(f"({ones}) and not ({ones})")

    # 2 to the power of 9 cells are more than are gone through; less is known, nothing wrong.
    assert solver.vectors(solver.root) == FREE
    assert not solver.exact


def test_too_many_steps_end_the_search() -> None:
    chain = " and ".join(
        f'(http.request.headers["h{n}"][0] eq "a" or http.request.headers["h{(n + 1) % 24}"][0]'
        ' eq "b" or ssl)'
        for n in range(24)
    )
    solver = _solver(f'({chain}) xor ssl xor http.host eq "a" and http.host eq "b"')

    assert solver.vectors(solver.root) == FREE
    assert not solver.exact


def test_the_steps_are_counted_over_all_places() -> None:
    names = [f'http.request.headers["{letter}"][0]' for letter in "abcdefgh"]
    ones = " and ".join(f'{name} eq "1"' for name in names)
    pair = f"({ones} and not ({ones}))"
    solver = _solver(" or ".join([pair] * 4))

    assert NEVER in solver.vectors(solver.root)
