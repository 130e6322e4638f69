# SPDX-License-Identifier: Apache-2.0
"""Errors keep from being signed, and all of them are told; warnings do not."""

from __future__ import annotations

import pytest

from authz.ca.lints import LintFinding, Severity, refuse_errors
from authz.errors import LintFailedError


def _finding(name: str, severity: Severity) -> LintFinding:
    return LintFinding(id=name, clause="RFC 0", severity=severity, message=f"{name} is wrong")


def test_every_error_is_told() -> None:
    findings = [
        _finding("a", Severity.WARNING),
        _finding("b", Severity.ERROR),
        _finding("c", Severity.ERROR),
    ]
    with pytest.raises(LintFailedError) as error:
        refuse_errors(findings)

    assert error.value.message == "b is wrong (lint b, RFC 0)"
    assert [
        other.message for other in error.value.others if isinstance(other, LintFailedError)
    ] == ["c is wrong (lint c, RFC 0)"]


def test_warnings_come_back() -> None:
    warning = _finding("a", Severity.WARNING)

    assert refuse_errors([warning]) == (warning,)
