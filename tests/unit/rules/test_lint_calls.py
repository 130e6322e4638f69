# SPDX-License-Identifier: Apache-2.0
"""Function calls as conditions, and what they look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.formatter import format_logical
from authz.rules.lint_calls import lower_case_headers, prefix_test
from authz.rules.lint_literals import leaf_truth

if TYPE_CHECKING:
    from authz.rules.ast import Comparison, Logical

_TLS = "cf.tls_client_auth."


def _leaf(source: str) -> Logical:
    return parse(source, SCHEME).root


def test_a_test_for_a_beginning_or_end_is_one_of_a_text_and_a_literal() -> None:
    start = prefix_test(_leaf('starts_with(http.host, "a")'))
    end = prefix_test(_leaf('ends_with(lower(http.host), "b")'))

    assert start is not None
    assert start[1:] == (True, b"a")
    assert end is not None
    assert end[1:] == (False, b"b")
    for source in ("starts_with(http.host, http.cookie)", 'http.host eq "a"', "ssl"):
        assert prefix_test(_leaf(source)) is None


def test_headers_are_found_deep_in_a_call() -> None:
    def lowered(source: str) -> bool:
        node: Comparison = _leaf(source)  # type: ignore[assignment]
        return lower_case_headers(node.left) is not None

    assert lowered('lower(lower(http.request.headers["Via"][0])) eq "a"')
    assert not lowered('lower(lower(http.request.headers["via"][0])) eq "a"')
    assert not lowered('concat("A", http.request.headers["Via"][0]) eq "a"')


@pytest.mark.parametrize(
    ("source", "fixed"),
    [
        (
            f'starts_with({_TLS}cert_subject_dn, "/O=")',
            f'starts_with({_TLS}cert_subject_dn_legacy, "/O=")',
        ),
        (f'ends_with({_TLS}cert_subject_dn, ", O=y")', None),
        ('starts_with(http.host, "*.a")', None),
    ],
)
def test_a_text_that_a_value_never_begins_or_ends_with_is_mended(
    source: str, fixed: str | None
) -> None:
    known = leaf_truth(_leaf(source))

    if source.startswith("ends_with"):
        # What stands before the comma may escape it.
        assert known is None
        return
    assert known is not None
    assert not known.value
    assert (None if known.fixed is None else format_logical(known.fixed)) == fixed
