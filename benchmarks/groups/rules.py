# SPDX-License-Identifier: Apache-2.0
"""A thousand rules on two hundred hosts, next to one rule.

As Cloudflare has them: one ruleset for all hosts, each rule naming its host. Besides, the same
number as sites of their own, which is the other way to write it in a policy file; and, because what
follows from client, host and path is remembered, more paths in turn than are remembered.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Result, Row, interleaved
from benchmarks.messages import OTHER_PATHS, check_for, write_bodies
from benchmarks.peers import go
from benchmarks.plan import workshop
from benchmarks.policies import make_authority, rule, site, write_policy
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.plan import Plan
    from benchmarks.policies import Authority

RULES: Final = 1000
HOSTS: Final = 200
_LABELS: Final = {
    "one": "one rule",
    "ruleset": "1,000 rules on 200 hosts, one ruleset",
    "sites": "1,000 rules on 200 hosts, a site for each host",
}
_IN_TURN: Final = {
    "one": "one rule, 20,000 paths in turn",
    "ruleset": "1,000 rules, one ruleset, 20,000 hosts and paths in turn",
}


def measure(plan: Plan) -> Result:
    """Answers a second with each policy."""
    with workshop() as (directory, children):
        authority = make_authority(directory)
        hosts = [f"h{number}.example.com" for number in range(HOSTS)]
        asked = hosts[HOSTS // 2]
        servers = {
            name: start_ours(
                children, directory, write_policy(directory / f"{name}-policy.yaml", sites), name
            )
            for name, sites in _policies(authority, hosts, asked).items()
        }
        message = check_for(authority.client, host=asked, path="/v0/items?id=7")
        body = write_bodies(directory / "body", [message])
        for server in servers.values():
            server.expect_allowed(message)
        measures = {
            name: partial(one.saturate, body, plan.seconds) for name, one in servers.items()
        }
        if go.version() and not plan.brief:
            paths = plan.scaled(OTHER_PATHS, HOSTS) // HOSTS
            for name, which in {"one": [asked] * HOSTS, "ruleset": hosts}.items():
                bodies = _bodies(directory / f"{name}-bodies", authority, which, paths)
                measures[f"{name} in turn"] = partial(servers[name].rotate, bodies, plan.seconds)
        found = interleaved(measures, plan.rounds)
    result = Result(title="A thousand rules")
    labels = _LABELS | {f"{name} in turn": label for name, label in _IN_TURN.items()}
    for name, label in labels.items():
        samples = found.get(name, ())
        if samples or not go.version():
            note = "" if samples else go.NO_GO
            result.rows[name] = Row(label=label, unit="checks/s", samples=samples, note=note)
    result.ratio("1,000 rules/1 rule", "ruleset", "one")
    result.ratio("1,000 rules in 200 sites/1 rule", "sites", "one")
    if "one in turn" in result.rows:
        result.ratio("1,000 rules/1 rule, paths in turn", "ruleset in turn", "one in turn")
    return result


def _policies(
    authority: Authority, hosts: Sequence[str], asked: str
) -> dict[str, list[dict[str, Any]]]:
    """The sites of each policy."""
    trust, parts = authority.trust(), range(RULES // HOSTS)
    all_rules = [one for part in parts for host in hosts for one in _rules(host, [part])]
    return {
        "one": [site("api", [asked], _rules(asked, [0]), trust)],
        "ruleset": [site("api", hosts, all_rules, trust)],
        "sites": [site(host, [host], _rules(host, parts), trust) for host in hosts],
    }


def _bodies(file: Path, authority: Authority, hosts: Sequence[str], paths: int) -> Path:
    """A check for each path of each host, the hosts in turn."""
    checks = (
        check_for(authority.client, host=host, path=f"/v0/items/{position}-{path}?id=7")
        for path in range(paths)
        for position, host in enumerate(hosts)
    )
    return write_bodies(file, checks)


def _rules(host: str, parts: Sequence[int]) -> list[dict[str, Any]]:
    """Rules that protect some paths of a host each."""
    return [
        rule(
            f'http.host eq "{host}" and http.request.uri.path in {{"/v{part}" "/v{part}/items"}} '
            "and (not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)",
            f"{host.partition('.')[0]}-{part}",
        )
        for part in parts
    ]
