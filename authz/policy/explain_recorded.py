# SPDX-License-Identifier: Apache-2.0
"""A decision on a recorded request with its working shown: explain.py for what is not all known.

What depends on what was left out has no answer, and says what it depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.policy.authorizer import is_misdirected, path_readings
from authz.policy.client import judged
from authz.policy.explain import certificate_of, rules_of, text_of
from authz.policy.hosts import normalise_host
from authz.policy.paths import is_plain, target_of
from authz.policy.recorded import cut_short, ends_of, judge, values_of

if TYPE_CHECKING:
    from authz.policy.client import ClientFunction
    from authz.policy.facts import RequestFacts
    from authz.policy.recorded import Judged, Missing
    from authz.policy.snapshot import Snapshot


def explain_recorded(
    snapshot: Snapshot,
    facts: RequestFacts,
    missing: Missing,
    at: float,
    client_of: ClientFunction = judged,
) -> dict[str, Any]:
    """What `judge` says of a recorded request and why, as JSON-able values.

    In `rules` is one object for each reading of the path, each with the `verdicts` that it may end
    in: a path is allowed if all of its readings are.
    """
    decision = judge(snapshot, facts, missing, at, client_of)
    found: dict[str, Any] = {
        "decision": judged_object(decision),
        "host": {"sent": text_of(facts.host), "read_as": normalise_host(facts.host)},
    }
    site = snapshot.hosts.find(facts.host)
    if site is None:
        return found
    found["host"]["site"] = site.name
    found["host"]["sni"] = facts.sni
    found["host"]["misdirected"] = is_misdirected(snapshot, site, facts)
    client = client_of(facts, site.trust, at)
    found["certificate"] = certificate_of(client)
    target = target_of(facts.path)
    paths = (target,) if is_plain(target) else path_readings(site, facts, target)
    found["readings"] = None if paths is None else [text_of(path) for path in paths]
    values = values_of(snapshot, site, client, facts, missing, at)
    cut = cut_short(site, values, missing)
    found["unknown_fields"] = sorted(cut)
    found["rules"] = []
    for path in paths or (target,):
        read = values if path == target else values.read_as(path)
        verdicts = {end.verdict.value for end in ends_of(site, read, cut, set())}
        found["rules"].append(
            {
                "reading": text_of(path),
                "verdicts": sorted(verdicts),
                "rules": rules_of(site, read, cut),
            }
        )
    found["default_action"] = site.default_action.value
    return found


def judged_object(decision: Judged) -> dict[str, Any]:
    """What can be said of a recorded request, as JSON."""
    return {
        "verdict": None if decision.verdict is None else decision.verdict.value,
        "reason": decision.reason,
        "action": decision.action,
        "site": decision.site,
        "rule": decision.rule,
        "reads": list(decision.reads),
    }
