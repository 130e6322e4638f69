# SPDX-License-Identifier: Apache-2.0
"""`policy export`: a zone's rules, settings and lists as a policy file says them.

`policy apply` of what is exported changes nothing. What is not a file's stays out: identifiers and
versions of rules, authorities and hostnames, and lists that did not come
with the zone's file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.services.context import zone_of
from authz.services.model import hosts_of
from authz.services.rulesets import rules_of
from authz.sources.rule_json import GIVEN_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: Settings of a zone that a file has for its site; what is as it is by itself is left out.
_DEFAULTS: Final = {"default_action": "allow", "paths": "compare", "misdirected": "answer_421"}
_NUMBERS: Final = ("asn", "integer")


def export_policy(store: Store, zone: str) -> dict[str, Any]:
    """The document of a policy file, for a YAML writer.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        here = zone_of(session, zone)
        stored = rules_of(session, here).rules
        refs = {str(one.get("id")): str(one.get("ref")) for one in stored}
        rules = [_rule(one, refs) for one in stored]
        site: dict[str, Any] = {"name": here.name, "hosts": list(hosts_of(here))}
        site |= {
            name: value
            for name, usual in _DEFAULTS.items()
            if (value := getattr(here, name)) != usual
        }
        if here.upstream_headers:
            site["upstream_headers"] = list(here.upstream_headers)
        site["rules"] = rules
        document: dict[str, Any] = {"sites": [site]}
        lists = _lists(session, here)
        return document | ({"lists": lists} if lists else {})


def _rule(rule: Mapping[str, Any], refs: Mapping[str, str]) -> dict[str, Any]:
    """A rule as a file has it: named, and naming others, by `ref`."""
    left_out = {*GIVEN_KEYS, "logging", *(["enabled"] if rule.get("enabled", True) else [])}
    if not rule.get("description"):
        left_out.add("description")
    written = {name: value for name, value in rule.items() if name not in left_out}
    parameters = rule.get("action_parameters") or {}
    if "rules" in parameters:
        skipped = [refs.get(one, one) for some in parameters["rules"].values() for one in some]
        written["action_parameters"] = {**parameters, "rules": {"current": skipped}}
    return written


def _lists(session: Session, zone: Zone) -> dict[str, Any]:
    """Those that came with the zone's file: one that names another's could not be applied."""
    return {
        one.name: {
            "kind": one.kind,
            "items": [
                int(value) if one.kind in _NUMBERS else value
                for value in session.lists.values(one.id)
            ],
        }
        for one in session.lists.all()
        if one.zone_id == zone.id
    }
