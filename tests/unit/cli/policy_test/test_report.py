# SPDX-License-Identifier: Apache-2.0
"""Reports: the example passes and covers its policy, JUnit's XML is what CI servers read."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from authz.cli.policy_test.loading import load_tests
from authz.cli.policy_test.report import as_json, as_junit, lines
from authz.cli.policy_test.running import Run, run
from authz.settings import load_settings

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "policy-tests"


def _run(path: Path) -> Run:
    return run(load_tests(path, now=0.0), load_settings(None, []))


def _broken(tmp_path: Path, old: str, new: str) -> Run:
    for file in EXAMPLE.iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace(old, new))
    return _run(tmp_path)


def test_the_example_passes_and_covers_every_rule_and_condition() -> None:
    done = _run(EXAMPLE)

    assert (len(done.results), done.failed) == (10, 0)
    assert done.coverage.complete


def test_the_report_of_the_example() -> None:
    assert list(lines(_run(EXAMPLE))) == [
        "10 cases: 10 passed, 0 failed",
        "rules: 3 of 3 seen matching, 3 of 3 seen not matching",
        "conditions: 12 of 12 seen true, 12 of 12 seen false",
    ]


def test_a_changed_policy_fails_the_cases_it_concerns(tmp_path: Path) -> None:
    done = _broken(tmp_path, 'starts_with(http.request.uri.path, "/orders")', "ssl")

    failed = [one.case.document.name for one in done.results if not one.passed]
    assert "the front page is public" in failed
    assert as_json(done)["failed"] == len(failed)


def test_junit_names_cases_and_differences(tmp_path: Path) -> None:
    done = _broken(tmp_path, "rule: certificate, failure: expired", "rule: admin, failure: expired")

    root = ElementTree.fromstring(as_junit(done))

    assert root.attrib["tests"] == "10"
    assert root.attrib["failures"] == "1"
    (failure,) = root.iter("failure")
    assert failure.text == '  - rule: "admin"\n  + rule: "certificate"'
    assert failure.attrib["message"] == "different: rule"
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert names[0] == "the front page is public"


def test_a_name_with_control_characters_is_still_xml(tmp_path: Path) -> None:
    done = _broken(tmp_path, "- name: the front page is public", '- name: "a\\x01<b>&"')

    root = ElementTree.fromstring(as_junit(done))

    assert next(root.iter("testcase")).attrib["name"] == "a\\x01<b>&"
