# SPDX-License-Identifier: Apache-2.0
"""Answers are kept for a while, and until another change makes them untrue."""

from __future__ import annotations

import pytest

from authz.api.answers import Answer, Answers, is_done_again

Z = "/client/v4/zones/z1"
A = "/client/v4/accounts/a1"
RULES = f"{Z}/rulesets/r1/rules"
ENTRY = f"{Z}/rulesets/phases/http_request_firewall_custom/entrypoint"
TOKENS = "/client/v4/user/tokens"


def _answer(body: bytes) -> Answer:
    return Answer(status=200, headers=[], body=body)


def test_answers_are_bounded_in_number_and_bytes() -> None:
    answers = Answers(seconds=10, most=3, most_bytes=10)
    for name in "abcd":
        answers.keep(name, _answer(b"12"), 0)
    assert answers.find("a", 0) is None
    assert answers.find("b", 0) is not None

    answers.keep("e", _answer(b"12345678"), 0)
    assert [answers.find(name, 0) is not None for name in "bcde"] == [False, False, True, True]

    answers.keep("f", _answer(b"x" * 11), 0)
    assert answers.find("f", 0) is None
    assert answers.find("e", 0) is not None


def test_an_answer_is_replaced_and_ends() -> None:
    answers = Answers(seconds=10, most=3, most_bytes=10)
    answers.keep("a", _answer(b"1234567"), 0)
    answers.keep("b", _answer(b"1"), 5)
    answers.keep("a", _answer(b"89"), 6)

    found = answers.find("a", 15)

    assert found is not None
    assert found.body == b"89"
    assert "89" not in repr(found)
    assert answers.find("b", 15) is not None
    assert answers.find("b", 16) is None
    assert answers.find("a", 17) is None


@pytest.mark.parametrize(
    ("kept", "change", "stays"),
    [
        # Beside it, another one is made.
        (("POST", RULES), ("POST", RULES), True),
        (("POST", TOKENS), ("POST", TOKENS), True),
        # What it made is changed, or something else is.
        (("POST", TOKENS), ("DELETE", f"{TOKENS}/made"), False),
        (("POST", TOKENS), ("PUT", f"{TOKENS}/made/value"), False),
        (("POST", TOKENS), ("DELETE", f"{TOKENS}/other"), True),
        (("POST", RULES), ("DELETE", f"{RULES}/made"), False),
        (("POST", RULES), ("PUT", ENTRY), False),
        (("POST", RULES), ("PUT", ENTRY.replace("z1", "z2")), True),
        (("POST", f"{A}/rules/lists/l1/items"), ("PUT", f"{A}/rules/lists/l1/items"), False),
        (("POST", f"{A}/rules/lists/l1/items"), ("PUT", f"{A}/rules/lists/l2/items"), True),
        # What is gone stays gone.
        (("DELETE", f"{RULES}/made"), ("POST", RULES), True),
        (("DELETE", f"{RULES}/made"), ("PUT", ENTRY), True),
        (("DELETE", f"{Z}/x/made"), ("PATCH", f"{Z}/x/made"), False),
        # Replaced: any change of the same.
        (("PUT", ENTRY), ("POST", RULES), False),
        (("PUT", ENTRY), ("POST", f"{Z}/client_certificates"), True),
        (("PUT", f"{A}/rules/lists/l1"), ("POST", f"{A}/rules/lists/l1/items"), False),
        (("PUT", f"{A}/rules/lists/l1"), ("DELETE", f"{A}/rules/lists/l2"), True),
        (("PUT", f"{TOKENS}/made/value"), ("PUT", f"{TOKENS}/made"), False),
        (("PUT", f"{TOKENS}/made/value"), ("PUT", f"{TOKENS}/other"), True),
        (("PATCH", Z), ("PATCH", Z), False),
        (("PATCH", Z), ("PATCH", "/client/v4/zones/z2"), True),
    ],
)
def test_another_change_makes_it_untrue_or_not(
    kept: tuple[str, str], change: tuple[str, str], stays: bool
) -> None:
    method, path = kept
    body = b'{"result": {"id": "made"}}'
    answers = Answers()
    answers.keep("a", Answer(status=200, headers=[], body=body, method=method, path=path), 0)

    answers.changed("a", *change)
    assert answers.find("a", 0) is not None
    answers.changed("b", *change)

    assert (answers.find("a", 0) is not None) is stays


def test_a_change_of_a_certificate_that_is_unsure_is_refused_at_its_place() -> None:
    answers = Answers(seconds=10, most=2)
    here = f"{Z}/client_certificates/c1"
    answers.keep("a", Answer(status=200, headers=[], body=b"x", method="PATCH", path=here), 0)
    answers.keep("b", _answer(b"1"), 5)

    answers.changed("c", "DELETE", here)

    found = answers.find("a", 10)
    assert found is not None
    assert found.status == 412
    assert answers.find("a", 10.5) is None
    assert answers.find("b", 10.5) is not None


def test_what_is_done_again() -> None:
    associations = f"{Z}/certificate_authorities/hostname_associations"
    assert is_done_again("DELETE", f"{Z}/client_certificates/c1")
    assert is_done_again("PUT", associations)
    assert not is_done_again("PATCH", f"{Z}/client_certificates/c1")
    assert not is_done_again("POST", f"{Z}/client_certificates")
    assert not is_done_again("DELETE", f"{RULES}/made")
