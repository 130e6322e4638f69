# SPDX-License-Identifier: Apache-2.0
"""Rules of a store that has something of everything: in force, earlier, and as drafts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.services.context import account_of
from authz.services.rule_deployment import Wanted, basis_of, deploy_rule
from authz.services.rule_drafts import save_draft
from authz.services.rulesets import get_rules, replace_rules, rules_in
from authz.services.scopes import Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store

READINGS = 'http.request.uri.path eq "/v1/readings" and not ip.src in {10.0.0.0/8}'
GATEWAY = 'cf.tls_client_auth.cert_subject_dn contains "old-gateway"'


def furnish_rules(store: Store, written: Callable[[str], str], at: float) -> dict[str, str]:
    """Make them, behind those that are there; the values of parameters in the paths of pages."""
    rules = get_rules(store, "default").rules
    response = {
        "status_code": 403,
        "content_type": "text/plain",
        "content": written("This gateway was replaced"),
    }
    more = [
        {
            "description": written("Only our own network writes readings"),
            "expression": READINGS,
            "action": "log",
        },
        {
            "description": written("Nobody may use the old gateway"),
            "expression": GATEWAY,
            "action": "block",
            "action_parameters": {"response": response},
            "enabled": False,
        },
    ]
    replace_rules(store, "default", [*rules, *more], actor="test", at=at)
    with store.read() as session:
        account = Scope(account_id=account_of(session).id)
        zone = scope_of(session.zones.all()[0])
    name = written("Nobody from the test network")
    rule = {"description": name, "expression": "ip.src in {192.0.2.0/24}", "action": "block"}
    of_account = _deploy(store, account, rule, at)
    careful = {
        "description": written("Orders need a certificate"),
        "expression": 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/orders"',
        "action": "block",
    }
    _deploy(store, zone, careful, at, log_first=True)
    changed = {**more[1], "description": written("The old gateway is gone")}
    return {
        "rule_id": str(rules[0]["id"]),
        "draft_id": _draft(store, zone, changed, at),
        "account_rule_id": of_account,
        "account_draft_id": _draft(store, account, {**rule, "action": "log"}, at),
    }


def _deploy(
    store: Store, scope: Scope, rule: dict[str, Any], at: float, *, log_first: bool = False
) -> str:
    with store.read() as session:
        basis = basis_of(rules_in(session, scope))
    wanted = Wanted(rule=rule, basis=basis, log_first=log_first)
    return str(deploy_rule(store, scope, wanted, geo=None, actor="test", at=at).rule["id"])


def _draft(store: Store, scope: Scope, rule: dict[str, Any], at: float) -> str:
    """A draft of a change of the last but one rule, or of the only one."""
    with store.read() as session:
        rules = rules_in(session, scope)
    there = rules.rules[max(0, len(rules.rules) - 2)]
    wanted = Wanted(rule=rule, basis=basis_of(rules), rule_id=str(there["id"]))
    return save_draft(store, scope, wanted, actor="test", at=at).id
