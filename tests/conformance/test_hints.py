# SPDX-License-Identifier: Apache-2.0
"""No hint shows an expression, a name or a set that is wrong itself.

What stands in a hint with "…" or "field" in it is a pattern to fill in; everything else that names
a field is an expression to copy, and is parsed here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from authz.errors import ExpressionError
from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.suggestion_text import KEYWORDS
from tests.factories.slips import SLIPS
from tests.factories.vector_expressions import VECTORS, parsed

if TYPE_CHECKING:
    from tests.factories.rule_vectors import RuleVector

_NAMES = "|".join(sorted(map(re.escape, SCHEME.fields), key=len, reverse=True))
_FIELD = re.compile(rf"(?<![\w.\"])(?:{_NAMES})(?![\w.])")
_MEANT = re.compile(r'did you mean "([^"]+)"\?')
_SET = re.compile(r"\{[^{}…]+\}")
#: Hints that list names, or name the left side in a sentence.
_LISTS = ("there are fields below it", "the time of the request is")


def _accepts(source: str) -> bool:
    try:
        parse(source, SCHEME)
    except ExpressionError:
        return False
    return True


def faults(hint: str) -> list[str]:
    """What in a hint would be an error if somebody copied it."""
    wrong = [
        name
        for name in _MEANT.findall(hint)
        if name not in {*SCHEME.fields, *SCHEME.functions, *KEYWORDS}
    ]
    if hint.startswith(_LISTS):
        return wrong
    for part in re.split(r"; |: |, or ", _MEANT.sub("", hint)):
        whole = part.removeprefix("write ")
        if _FIELD.search(whole) and "…" not in whole:
            # A value is to be compared with something.
            endings = ("", ' eq "a"', " eq 1")
            wrong += [whole] if not any(_accepts(whole + end) for end in endings) else []
    lefts = ("http.host", "cf.edge.server_port", "ip.src")
    return wrong + [
        items
        for items in _SET.findall(hint)
        if "matches" not in hint and not any(_accepts(f"{left} in {items}") for left in lefts)
    ]


@pytest.mark.parametrize(
    ("source", "hint"), [slip for slips in SLIPS.values() for slip in slips if slip[1]]
)
def test_what_a_hint_shows_is_accepted(source: str, hint: str) -> None:
    assert faults(hint) == [], source


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if one.error is not None], ids=lambda vector: vector.id
)
def test_what_the_hint_of_a_vector_shows_is_accepted(vector: RuleVector) -> None:
    with pytest.raises(ExpressionError) as caught:
        parsed(vector)

    # The repetition in a pattern looks like a set.
    if "regular expression" not in caught.value.message:
        assert faults(caught.value.hint or "") == []


@pytest.mark.parametrize(
    ("hint", "wrong"),
    [
        ('did you mean "http.hots"?', ["http.hots"]),
        ("write http.host eq a", ["http.host eq a"]),
        ("a set: http.host in {a}", ["http.host in {a}", "{a}"]),
        ("a set: http.host in {…}", []),
        ("use lower: lower(http.host)", []),
    ],
)
def test_a_fault_would_be_found(hint: str, wrong: list[str]) -> None:
    assert faults(hint) == wrong
