# SPDX-License-Identifier: Apache-2.0
"""What came of the cases: for a person, as JSON, and as JUnit's XML (which CI servers read)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from authz.cli.messages import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.policy_test.coverage import Totals
    from authz.cli.policy_test.running import Difference, Result, Run


def lines(run: Run) -> Iterator[str]:
    """For a person: failures as diffs, then the coverage."""
    for result in run.results:
        if not result.passed:
            yield printable(f"FAIL {_place(result)}: {result.case.document.name}")
            for difference in result.differences:
                yield from _diff(difference)
    total = len(run.results)
    yield f"{_count(total, 'case')}: {total - run.failed} passed, {run.failed} failed"
    yield f"rules: {_totals(run.coverage.rule_totals, 'matching', 'not matching')}"
    yield f"conditions: {_totals(run.coverage.condition_totals, 'true', 'false')}"
    for rule in run.coverage.rules:
        for gap in rule.gaps():
            yield printable(f'not covered: {rule.where}: rule "{rule.ref}": {gap}')


def as_json(run: Run) -> dict[str, Any]:
    """The whole run as JSON-able values."""
    return {
        "passed": len(run.results) - run.failed,
        "failed": run.failed,
        "cases": [
            {
                "file": str(result.file),
                "line": result.case.line,
                "name": result.case.document.name,
                "passed": result.passed,
                "differences": [
                    {"what": one.what, "expected": one.expected, "actual": one.actual}
                    for one in result.differences
                ],
                "decision": result.decision,
            }
            for result in run.results
        ],
        "coverage": run.coverage.as_json(),
    }


def as_junit(run: Run) -> bytes:
    """The run as JUnit's XML: a suite for each file."""
    root = ElementTree.Element("testsuites", {"name": "authz policy test", **_counts(run.results)})
    for file in dict.fromkeys(result.file for result in run.results):
        results = [result for result in run.results if result.file == file]
        suite = ElementTree.SubElement(
            root, "testsuite", {"name": printable(str(file)), **_counts(results)}
        )
        for result in results:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                name=printable(result.case.document.name),
                classname=printable(str(file)),
                file=printable(str(file)),
                line=str(result.case.line),
                time=f"{result.seconds:.6f}",
            )
            if not result.passed:
                what = ", ".join(one.what for one in result.differences)
                failure = ElementTree.SubElement(
                    case, "failure", message=printable(f"different: {what}")
                )
                failure.text = "\n".join(line for one in result.differences for line in _diff(one))
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _counts(results: list[Result]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(not result.passed for result in results)),
        "errors": "0",
        "time": f"{sum(result.seconds for result in results):.6f}",
    }


def _place(result: Result) -> str:
    return f"{result.file}:{result.case.line}"


def _diff(difference: Difference) -> Iterator[str]:
    for sign, value in (("-", difference.expected), ("+", difference.actual)):
        shown = json.dumps(value, ensure_ascii=False)
        yield printable(f"  {sign} {difference.what}: {shown}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _totals(totals: Totals, true: str, false: str) -> str:
    return (
        f"{totals.true} of {totals.number} seen {true}, "
        f"{totals.false} of {totals.number} seen {false}"
    )
