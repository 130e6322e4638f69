# SPDX-License-Identifier: Apache-2.0
"""Whether rules compile, with the lists that they name and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ExpressionError
from authz.services.checking import check_rules, expression_errors, lists_named_by, stored_lists
from authz.services.scopes import Scope, scope_of
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store


def test_lists_are_found_in_expressions() -> None:
    assert lists_named_by(["ip.src in $a or http.host in $cf.open_proxies", "ssl"]) == {
        "a",
        "cf.open_proxies",
    }


def test_lists_that_are_not_there_are_left_to_the_compiler(store: Store) -> None:
    with store.read() as session:
        zone = session.zones.all()[0]
        assert stored_lists(session, zone.account_id, ["gone"]) == []
        with pytest.raises(ExpressionError, match=r'rules of the zone "default"\[0\]'):
            check_rules(
                session,
                scope_of(zone),
                [{"ref": "a", "expression": "ip.src in $gone", "action": "log"}],
                at=AT,
            )


def test_expressions_are_compiled_each_by_itself(store: Store) -> None:
    texts = ["ssl", "ssl and", "ip.src in $gone", "ssl"]
    with store.read() as session:
        scope = scope_of(session.zones.all()[0])
        found = expression_errors(session, scope, texts)

    assert found.keys() == {"ssl and", "ip.src in $gone"}
    assert found["ip.src in $gone"].message == 'unknown list "$gone"'


def test_rules_of_the_account_are_compiled_by_themselves(store: Store) -> None:
    rule = {"ref": "a", "expression": "ssl and", "action": "log"}
    with store.read() as session:
        scope = Scope(account_id=session.zones.accounts()[0].id)
        with pytest.raises(ExpressionError, match=r"rules of the account\[0\]\.expression:1"):
            check_rules(session, scope, [rule], at=AT)
