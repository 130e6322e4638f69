# SPDX-License-Identifier: Apache-2.0
"""What a report of an import says as a whole."""

from __future__ import annotations

import pytest

from authz.errors import ExpressionError, InvalidInputError
from authz.services.cloudflare_report import Note, Part, Report, Verdict, item_of, report_object

SEEN = Note(code="seen", text="as it is")
OTHER = Note(code="other", text="something else", changes=True)
FAULT = InvalidInputError("no", hint="do it")


@pytest.mark.parametrize(
    ("notes", "cannot", "verdict"),
    [
        ((), False, Verdict.CARRIES_OVER),
        ((SEEN,), False, Verdict.CARRIES_OVER),
        ((SEEN, OTHER), False, Verdict.CHANGES),
        ((OTHER,), True, Verdict.CANNOT),
        ((), FAULT, Verdict.CANNOT),
    ],
)
def test_the_verdict_follows_from_the_notes(
    notes: tuple[Note, ...], cannot: InvalidInputError | bool, verdict: Verdict
) -> None:
    item = item_of("rule", "a", notes, cannot=cannot)

    assert (item.verdict, item.notes) == (verdict, notes)
    assert item.error is (FAULT if cannot is FAULT else None)


def test_it_is_complete_only_when_nothing_is_lost_or_changed() -> None:
    fine = Part(scope="zone", name="a.example", items=(item_of("rule", "a"),))

    def complete(part: Part) -> bool:
        return Report(source="s", parts=(fine, part)).complete

    assert complete(fine)
    assert not complete(Part(scope="zone", name="b", items=(item_of("rule", "b", [OTHER]),)))
    assert not complete(Part(scope="zone", name="b", losses=("a rule",)))
    assert not complete(Part(scope="zone", name="b", error=FAULT))


def test_losses_say_where() -> None:
    part = Part(scope="zone", name="a.example", losses=("the rule a",))

    assert Report(source="s", parts=(part,)).losses == ("zone a.example: the rule a",)


def test_as_json() -> None:
    part = Part(scope="zone", name="a", items=(item_of("rule", "r", [SEEN], cannot=FAULT),))

    made = report_object(Report(source="s", parts=(part,)))

    (rule,) = made["parts"][0]["objects"]
    assert made["complete"] is False
    assert rule["notes"] == [{"code": "seen", "text": "as it is", "changes": False}]
    assert rule["error"] == {
        "message": "no",
        "where": None,
        "hint": "do it",
        "code": FAULT.code,
    }
    assert not issubclass(type(FAULT), ExpressionError)
