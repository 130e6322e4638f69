# SPDX-License-Identifier: Apache-2.0
"""The conditions of an expression, numbered, and what they are about."""

from __future__ import annotations

from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.lint_questions import MAX_CASES, Questions
from authz.rules.lint_tree import leaves
from authz.rules.lint_worlds import ALWAYS, FREE, NEVER, UNVERIFIED, false_in, true_in

_TLS = "cf.tls_client_auth."


def test_equal_conditions_are_one_and_values_are_shared() -> None:
    root = parse('http.host eq "a" and (ssl or http.host eq "a") and http.host ne "b"', SCHEME).root
    first, ssl, again, other = leaves(root)
    questions = Questions(root)

    assert questions.subject(first) == questions.subject(again) == questions.subject(other)
    assert questions.shared == {questions.subject(first)}
    assert questions.subject(ssl) not in questions.shared


def test_a_fact_about_the_client_is_never_gone_through() -> None:
    root = parse(f"{_TLS}cert_verified or not {_TLS}cert_verified", SCHEME).root

    assert Questions(root).shared == frozenset()


def test_a_condition_has_its_vectors_by_itself_and_in_a_case() -> None:
    root = parse('http.cookie eq "a" and http.cookie eq "b"', SCHEME).root
    first, second = leaves(root)
    questions = Questions(root)
    subject = questions.subject(first)

    assert questions.vectors(first, {}) == FREE
    found = {
        (
            min(questions.vectors(first, {subject: case})),
            min(questions.vectors(second, {subject: case})),
        )
        for case in questions.cases(subject)
    }
    assert found == {(ALWAYS, NEVER), (NEVER, ALWAYS), (NEVER, NEVER)}
    assert set(questions.independent(subject).values()) == {FREE}


def test_what_is_undecided_is_decided_once_for_all_places() -> None:
    root = parse(
        'http.cookie matches "a" and http.cookie matches "a" or http.cookie eq "b"', SCHEME
    ).root
    pattern = next(leaves(root))
    questions = Questions(root)
    subject = questions.subject(pattern)

    assert all(
        len(questions.vectors(pattern, {subject: case})) == 1 for case in questions.cases(subject)
    )
    assert len(questions.cases(subject)) == 3


def test_a_condition_that_is_constant_is_so_in_every_case() -> None:
    root = parse('starts_with(http.host, "A") or http.host eq "b"', SCHEME).root
    first, _ = leaves(root)
    questions = Questions(root)

    assert questions.known(first) is not None
    assert questions.vectors(first, {}) == {NEVER}
    for case in questions.cases(questions.subject(first)):
        assert questions.vectors(first, {questions.subject(first): case}) == {NEVER}


def test_the_failure_of_an_unverified_certificate_is_never_empty() -> None:
    root = parse('authz.cert.failure eq "" or authz.cert.failure eq "expired"', SCHEME).root
    empty, expired = leaves(root)
    questions = Questions(root)

    assert all(false_in(vector, UNVERIFIED) for vector in questions.vectors(empty, {}))
    assert {true_in(vector, UNVERIFIED) for vector in questions.vectors(expired, {})} == {
        True,
        False,
    }
    assert len(questions.cases(questions.subject(empty))) == 2


def test_conditions_on_several_facts_of_the_client_are_gone_through_one_by_one() -> None:
    source = f'concat({_TLS}cert_issuer_dn, http.host) eq "a"'
    root = parse(f"{source} and not {source}", SCHEME).root
    leaf = next(leaves(root))
    questions = Questions(root)

    assert len(questions.cases(questions.subject(leaf))) == len(questions.vectors(leaf, {})) == 8


def test_too_many_cases_are_none() -> None:
    value = f"concat({_TLS}cert_issuer_dn, http.host)"
    mixed = parse(" and ".join(f'{value} eq "{n}"' for n in range(3)), SCHEME).root
    open_ones = parse(
        " and ".join(f'http.cookie matches "{n}" xor http.cookie matches "{n}"' for n in range(9)),
        SCHEME,
    ).root

    for root in (mixed, open_ones):
        questions = Questions(root)
        assert questions.cases(questions.subject(next(leaves(root)))) == ()
    assert 8**3 > MAX_CASES < 2**9
