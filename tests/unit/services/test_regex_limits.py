# SPDX-License-Identifier: Apache-2.0
"""How much memory the regular expressions of rulesets may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError
from authz.services import regex_limits as module
from authz.services.checking import check_rules
from authz.services.regex_limits import MAX_OF_RULESET, excess_of, expressions_of
from authz.services.rulesets import replace_rules
from authz.services.scopes import Scope, scope_of
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store


def large(count: int, times: int = 60_000) -> list[str]:
    """Different expressions of some 14 MB each."""
    return [rf'http.request.uri.path matches r"\w{{{times}}}x{i}"' for i in range(count)]


def _excess(store: Store, after: list[str], before: list[str], *, account: bool = False) -> str:
    with store.read() as session:
        scope = scope_of(session.zones.all()[0])
        if account:
            scope = Scope(account_id=scope.account_id)
        return excess_of(session, scope, after, before) or ""


def test_a_ruleset_has_a_bound_for_all_its_patterns(store: Store) -> None:
    assert _excess(store, large(9), []) == ""
    assert _excess(store, large(150), []) == (
        "the regular expressions of the ruleset take more than 128 MB, compiled"
    )


def test_thousands_of_ordinary_patterns_fit(store: Store) -> None:
    ordinary = [f'http.request.uri.path matches "^/v[0-9]+/{i}$"' for i in range(5000)]
    assert _excess(store, ordinary, []) == ""


def test_a_ruleset_that_was_too_large_before_may_become_smaller(store: Store) -> None:
    assert _excess(store, large(11), large(12)) == ""
    assert _excess(store, large(12), large(12)) == ""
    assert "more than 128 MB" in _excess(store, large(13), large(12))


def test_all_rulesets_together_have_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"expression": one, "action": "log"} for one in large(1)]
    replace_rules(store, "default", rules, actor="a", at=AT)
    monkeypatch.setattr(module, "MAX_OF_STORE", 20 * 1024 * 1024)

    assert _excess(store, large(1), [], account=True) == (
        "the regular expressions of all rulesets would take more than 20 MB, compiled"
    )
    # Its own rules of before do not count, and little never does.
    assert _excess(store, large(1), []) == ""
    assert _excess(store, large(1, times=100), [], account=True) == ""


def test_expressions_that_are_no_text_are_none() -> None:
    assert expressions_of([{"expression": 1}, {}, {"expression": "ssl"}]) == ["ssl"]


def test_files_that_are_applied_and_rules_of_commands_have_the_bound(store: Store) -> None:
    rules = [
        {"ref": f"r{i}", "expression": one, "action": "log"} for i, one in enumerate(large(10))
    ]
    assert MAX_OF_RULESET == 128 * 1024 * 1024
    with store.read() as session:
        scope = scope_of(session.zones.all()[0])
        with pytest.raises(PolicyError, match="more than 128 MB") as caught:
            check_rules(session, scope, rules, at=AT)
    assert caught.value.where == 'rules of the zone "default"'
    assert caught.value.hint is not None
