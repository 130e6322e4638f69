# SPDX-License-Identifier: Apache-2.0
"""Rules that ask about certificates where none is ever verified.

All hosts of a zone share its rules, also those that no client certificate is asked of. A rule that
names its hosts is about these, and there is nothing to say of it where the others answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.cli.doctor.findings import Finding
from authz.rules.necessary import Reading, necessary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.policy.ruleset import CompiledRule
    from authz.policy.snapshot import Site, Snapshot
    from authz.rules.necessary import Condition, Key, Known

_HOST: Final = "http.host"
_IDENTITY: Final = "cf.tls_client_auth."

#: A label that nobody has written: the host that a wildcard alone covers.
_ANY_LABEL: Final = b"any-name-that-nobody-wrote"


def look(snapshot: Snapshot, site: Site, hosts: Sequence[str], where: str) -> Iterator[Finding]:
    """Findings about one site; none where every rule is about hosts with authorities.

    Args:
        hosts: its patterns.
        where: its place.
    """
    if not site.trust.is_empty:
        return
    for rule in site.ruleset.rules:
        asks = any(name.startswith(_IDENTITY) for name in rule.filter.fields)
        if asks and not _is_about_others(rule, snapshot, site, hosts):
            yield Finding(
                id="no-trust",
                where=where,
                what=f'rule "{rule.ref}" asks about certificates, and site "{site.name}" trusts no '
                "authority: no certificate is ever verified there",
                do="add trust: [{name: …, certificates: [ca.pem]}], or authz host add HOST --ca "
                "NAME; or let the rule say which hosts it is about (http.host)",
            )
            return


def _is_about_others(
    rule: CompiledRule, snapshot: Snapshot, site: Site, hosts: Sequence[str]
) -> bool:
    """Whether it can only be true of hosts that other sites answer for, which have authorities.

    What is not certain counts as no.
    """
    conditions = necessary(rule.filter.expression, frozenset({_HOST}))
    return any(_leads_away(one, snapshot, site, hosts) for one in conditions)


def _leads_away(condition: Condition, snapshot: Snapshot, site: Site, hosts: Sequence[str]) -> bool:
    return all(
        _has_trust(key, constant, snapshot, site, hosts)
        for key, constants in condition.items()
        for constant in constants
    )


def _has_trust(
    key: Key, constant: Known, snapshot: Snapshot, site: Site, hosts: Sequence[str]
) -> bool:
    plain = key.list is None and key.reading in {Reading.AS_IS, Reading.LOWER}
    if not plain or not isinstance(constant, bytes):
        return False
    host = constant
    if key.cut:
        # All names with an ending that begins with a dot; any other ending is part of a label.
        ending = constant.decode("utf-8", "replace")
        if key.cut > 0 or not ending.startswith("."):
            return False
        if any(pattern.lower().endswith(ending) for pattern in hosts):
            return False
        host = _ANY_LABEL + constant
    answers = snapshot.hosts.find(host)
    return answers is not None and answers is not site and not answers.trust.is_empty
