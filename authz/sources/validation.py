# SPDX-License-Identifier: Apache-2.0
"""Everything that is wrong with a loaded policy, not only the first of it.

`compile_snapshot` stops at the first fault, which is right for serving; whoever edits a policy
wants all of them. Its verdict is the one that counts: nothing is found in what it accepts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.trust import compile_trust
from authz.errors import AuthzError
from authz.policy.fields import scheme_for
from authz.policy.snapshot import Snapshot, compile_snapshot
from authz.rules import compile_list, parse
from authz.settings.problems import MAX_PROBLEMS

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup
    from authz.policy.model import PolicyModel
    from authz.rules import NamedList


def validate(model: PolicyModel, at: float, geo: GeoLookup | None = None) -> Snapshot:
    """The compiled policy, for an installation with these GeoIP databases.

    Raises:
        AuthzError: the first fault, the others in `others`.
    """
    try:
        return compile_snapshot(model, generation=1, at=at, geo=geo)
    except AuthzError as error:
        # The first fault is among all of them, and sites may share a faulty authority.
        others = {str(other): other for other in _all_faults(model, geo)}
        others.pop(str(error), None)
        error.others = tuple(others.values())[: MAX_PROBLEMS - 1]
        raise


def _all_faults(model: PolicyModel, geo: GeoLookup | None) -> list[AuthzError]:
    """The faults of lists, authorities and expressions, each looked at on its own."""
    found: list[AuthzError] = []
    scheme = scheme_for(geo)
    lists: dict[str, NamedList] = {}
    broken: list[str] = []
    for item in model.lists:
        try:
            lists[item.name] = compile_list(item)
        except AuthzError as error:
            broken.append(f"${item.name}")
            found.append(error)
    for site in model.sites:
        try:
            compile_trust(site.trust)
        except AuthzError as error:
            found.append(error)
        for rule in site.rules:
            # An expression cannot be judged while a list of it is unknown.
            if any(name in rule.expression for name in broken):
                continue
            try:
                parse(rule.expression, scheme, lists)
            except AuthzError as error:
                error.where = error.where or rule.expression_where or rule.where
                found.append(error)
    return found
