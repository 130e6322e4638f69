# SPDX-License-Identifier: Apache-2.0
"""A thousand rules on two hundred hosts, next to one rule.

As Cloudflare has them: one ruleset for all hosts, each rule naming its host. Besides, the same
number as sites of their own, which is the other way to write it in a policy file.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import Result, Row, interleaved
from benchmarks.messages import check_for, write_bodies
from benchmarks.plan import workshop
from benchmarks.policies import make_authority, rule, site, write_policy
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from benchmarks.plan import Plan

RULES: Final = 1000
HOSTS: Final = 200
_LABELS: Final = {
    "one": "one rule",
    "ruleset": "1,000 rules on 200 hosts, one ruleset",
    "sites": "1,000 rules on 200 hosts, a site for each host",
}


def measure(plan: Plan) -> Result:
    """Answers a second with each policy."""
    with workshop() as (directory, children):
        authority = make_authority(directory)
        trust = authority.trust()
        hosts = [_host(number) for number in range(HOSTS)]
        asked = hosts[HOSTS // 2]
        policies: dict[str, list[dict[str, Any]]] = {
            "one": [site("api", [asked], _rules(asked, [0]), trust)],
            "ruleset": [
                site(
                    "api",
                    hosts,
                    [
                        one
                        for part in range(RULES // HOSTS)
                        for host in hosts
                        for one in _rules(host, [part])
                    ],
                    trust,
                )
            ],
            "sites": [
                site(host, [host], _rules(host, range(RULES // HOSTS)), trust) for host in hosts
            ],
        }
        message = check_for(authority.client, host=asked, path="/v0/items?id=7")
        body = write_bodies(directory / "body", [message])
        servers = {
            name: start_ours(
                children, directory, write_policy(directory / f"{name}-policy.yaml", sites), name
            )
            for name, sites in policies.items()
        }
        for server in servers.values():
            server.expect_allowed(message)
        found = interleaved(
            {name: partial(one.saturate, body, plan.seconds) for name, one in servers.items()},
            plan.rounds,
        )
    result = Result(title="A thousand rules")
    for name, label in _LABELS.items():
        result.rows[name] = Row(label=label, unit="checks/s", samples=found[name])
    result.ratio("1,000 rules/1 rule", "ruleset", "one")
    result.ratio("1,000 rules in 200 sites/1 rule", "sites", "one")
    return result


def _host(number: int) -> str:
    return f"h{number}.example.com"


def _rules(host: str, parts: range | list[int]) -> list[dict[str, Any]]:
    """Rules that protect some paths of a host each."""
    return [
        rule(
            f'http.host eq "{host}" and http.request.uri.path in {{"/v{part}" "/v{part}/items"}} '
            "and (not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)",
            f"{host.partition('.')[0]}-{part}",
        )
        for part in parts
    ]
