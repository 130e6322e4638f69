# SPDX-License-Identifier: Apache-2.0
"""What `make verify-deploy` prints of lines, and that it fails for each thing that is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.deploy.run import guides, shipped
from tests.deploy.verdict import (
    NOT_FOLLOWED,
    Accepted,
    complaints,
    excused,
    summary,
    table,
    unasked,
    unfollowed,
    unread,
)
from tests.factories.accepted import ROOT, accepted, answered, followed
from tests.factories.listener_cases import CASES, FORMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = "docs/how-to/monitor.md"


def line(artefact: str, program: str = "helm v4", what: str = "lint", case: str = "") -> Accepted:
    return {"artefact": artefact, "program": program, "what": what, "case": case}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Accepted]]:
    """What tests said so far."""
    target = tmp_path / "accepted"
    target.touch()
    monkeypatch.setenv("AUTHZ_ACCEPTED", str(target))
    return lambda: [json.loads(one) for one in target.read_text(encoding="utf-8").splitlines()]


def everything() -> list[Accepted]:
    """As if all had been tried."""
    cases = [line(form, what="200", case=case.name) for form in FORMS for case in CASES]
    return [*map(line, shipped()), *map(line, guides()), *cases]


def test_tests_say_it_in_three_ways(written: Callable[[], list[Accepted]]) -> None:
    accepted(ROOT / "deploy" / "compose.yaml", "helm v4", "lint")
    followed("how-to/monitor.md", "helm v4", "lint")
    answered(FORMS[0], "valid", "helm v4", "200")

    assert written() == [
        line("deploy/compose.yaml"),
        line(PAGE),
        line(FORMS[0], what="200", case="valid"),
    ]


def test_a_page_that_is_not_there_cannot_be_followed() -> None:
    with pytest.raises(AssertionError, match="there is no such page"):
        followed("how-to/monitr.md", "helm v4", "lint")


def test_nothing_is_missing_where_all_was_tried() -> None:
    assert complaints(shipped(), guides(), everything()) == []


def test_a_line_about_a_folder_does_not_cover_its_files() -> None:
    files = ["deploy/helm/chart/Chart.yaml", "deploy/helm/chart/values.yaml"]

    assert unread(files, [line("deploy/helm/chart"), line(files[1])]) == files[:1]


def test_a_case_that_nobody_sent_is_missed() -> None:
    without = [one for one in everything() if (one["artefact"], one["case"]) != (FORMS[1], "none")]

    assert unasked(without) == [f"{FORMS[1]}: none"]
    assert complaints(shipped(), guides(), without) == [f"{FORMS[1]}: none: never tried"]


def test_a_form_that_nobody_asked_is_missed_whole() -> None:
    without = [one for one in everything() if one["artefact"] != FORMS[2]]

    assert unasked(without) == [f"{FORMS[2]}: {', '.join(one.name for one in CASES)}"]


def test_a_page_is_followed_or_excused() -> None:
    free = next(iter(NOT_FOLLOWED))

    assert unfollowed([PAGE, free], []) == [PAGE]
    assert unfollowed([PAGE, free], [line(PAGE)]) == []
    assert excused([PAGE, free], []) == [free]
    assert excused([PAGE, free], [line(free)]) == []


def test_what_is_excused_is_a_page_and_has_its_reason() -> None:
    assert set(NOT_FOLLOWED) <= set(guides())
    assert all(NOT_FOLLOWED.values())


def test_each_thing_that_is_missing_is_a_sentence() -> None:
    assert complaints(["deploy/a.yaml"], [PAGE], everything()[len(shipped()) :]) == [
        "deploy/a.yaml: no program read it"
    ]
    assert f"{PAGE}: no test follows it" in complaints([], [PAGE], [])


def test_the_cases_of_a_listener_are_one_row_in_their_order() -> None:
    lines = [
        line("deploy/compose.yaml"),
        line("deploy/compose.yaml"),
        line(FORMS[0], "envoy 1", "403", CASES[1].name),
        line(FORMS[0], "envoy 1", "200", CASES[0].name),
    ]

    assert table(lines).splitlines() == [
        "deploy/compose.yaml  helm v4  lint",
        f"{FORMS[0]:<19}  envoy 1  {CASES[0].name} 200, {CASES[1].name} 403",
    ]
    assert table([]) == ""


def test_the_summary_counts() -> None:
    said = summary(shipped(), guides(), [line("deploy/compose.yaml"), line(PAGE)])

    assert said.startswith(f"1 of {len(shipped())} files read, 0 of ")
    assert f"1 of {len(guides())} pages followed ({len(NOT_FOLLOWED)} are excused)" in said


def test_what_is_shipped_is_found() -> None:
    files = shipped()

    assert "deploy/compose.yaml" in files
    assert "envoy/envoy.yaml" in files
    assert "deploy/helm/envoy-mtls-authz/templates/_pod.tpl" in files
    assert "deploy/README.md" not in files
