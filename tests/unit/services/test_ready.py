# SPDX-License-Identifier: Apache-2.0
"""Expressions are compiled before the transaction, and once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import RulesetError
from authz.policy.parts import Parts
from authz.services.checking import expression_errors
from authz.services.lists import create_list
from authz.services.ready import Ready, made_ready
from authz.services.ruleset_management import put_entry_point
from authz.services.rulesets import replace_rules
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from tests.factories.pki import AT
from tests.unit.services.test_regex_limits import large

if TYPE_CHECKING:
    from authz.store.engine import Store


def _scope(store: Store) -> Scope:
    with store.read() as session:
        return scope_of(session.zones.all()[0])


def _ready(store: Store, *expressions: Any, most: int = 100) -> Ready:
    rules = [{"expression": one, "action": "log"} for one in expressions]
    return made_ready(store, _scope(store), rules, most=most, geo=None)


def test_what_is_new_is_compiled(store: Store) -> None:
    rules = [{"expression": "ssl", "action": "log"}]
    replace_rules(store, "default", rules, actor="a", at=AT)

    assert _ready(store, "ssl").parts is None
    ready = _ready(store, "ssl", "not ssl", "ssl and", 7)
    assert ready.parts is not None
    assert ready.errors.keys() == {"ssl and"}


def test_what_is_refused_anyway_is_not_compiled(store: Store) -> None:
    assert _ready(store, "not ssl", "ssl and ssl", most=1).parts is None
    assert _ready(store, *large(150)).parts is None
    for given in (None, "rules", [1, None], {}):
        assert made_ready(store, _scope(store), given, most=9, geo=None).parts is None


def test_the_transaction_compiles_nothing_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_list(store, _scope(store).account_id, "ours", "ip", actor="a", at=AT)
    texts = ["not ssl", "ssl and", "ip.src in $ours", "ip.src in $gone"]
    ready = _ready(store, *texts)
    made: list[str] = []

    def counted(source: str, *_: Any) -> Any:
        made.append(source)
        raise AssertionError

    monkeypatch.setattr("authz.policy.parts.parse", counted)
    with store.read() as session:
        errors = expression_errors(session, _scope(store), texts, ready=ready)
    assert errors.keys() == {"ssl and", "ip.src in $gone"}
    assert not made


def test_an_error_counts_only_with_the_same_lists(store: Store) -> None:
    ready = _ready(store, "ip.src in $ours")
    assert ready.errors
    create_list(store, _scope(store).account_id, "ours", "ip", actor="a", at=AT)
    with store.read() as session:
        assert not expression_errors(session, _scope(store), ["ip.src in $ours"], ready=ready)


def test_without_anything_ready_it_is_compiled_there(store: Store) -> None:
    nothing = replace(_ready(store, "ssl and"), parts=None, errors={})
    with store.read() as session:
        assert expression_errors(session, _scope(store), ["ssl and"], ready=nothing)


def test_expressions_of_a_change_are_compiled_outside_of_its_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing: list[bool] = []
    within = False
    write, expression = type(store).write, Parts.expression

    def told(self: Parts, text: str, lists: Any) -> Any:
        if self._earlier is None:
            writing.append(within)
        return expression(self, text, lists)

    def opened(self: Store) -> Any:
        nonlocal within
        within = True
        return write(self)

    monkeypatch.setattr(Parts, "expression", told)
    monkeypatch.setattr(type(store), "write", opened)
    body = {"rules": [{"expression": "not ssl", "action": "log"}]}
    put_entry_point(store, _scope(store), CUSTOM_RULES, body, geo=None, actor="a", at=AT)
    assert writing == [False]


def test_too_large_patterns_are_told_at_the_largest(store: Store) -> None:
    rules = [{"expression": one, "action": "log"} for one in ["ssl", *large(150)]]
    with pytest.raises(RulesetError) as caught:
        put_entry_point(
            store, _scope(store), CUSTOM_RULES, {"rules": rules}, geo=None, actor="a", at=AT
        )
    assert caught.value.path == ("rules", 101, "expression")
    assert "more than 128 MB" in caught.value.message
    assert not caught.value.others
