# SPDX-License-Identifier: Apache-2.0
"""Metrics that pages name are those of reference/metrics.md, which is compared with the code."""

from __future__ import annotations

import re

import pytest

from tests.factories.page_blocks import ROOT, pages

_METRIC = re.compile(r"`(authz_[a-z0-9_]+)(?:\{[^`]*\})?`")
KNOWN = frozenset(
    re.findall(
        r"^##+ `(authz_\w+)`",
        (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
)
NAMED = sorted(
    {
        (page.relative_to(ROOT).as_posix(), name)
        for page in pages()
        for name in _METRIC.findall(page.read_text(encoding="utf-8"))
    }
)


def test_there_are_metrics() -> None:
    assert len(KNOWN) > 40


@pytest.mark.parametrize(("page", "name"), NAMED)
def test_a_named_metric_exists(page: str, name: str) -> None:
    whole = re.sub(r"_(bucket|sum|count)$", "", name)

    assert name in KNOWN or whole in KNOWN, f"{page} names {name}"
