# SPDX-License-Identifier: Apache-2.0
"""What the lint finds in whole policies: every code, explained, with rules that have it.

Findings about one expression are in authz.rules.lint_catalogue; the reference page is made from
both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyKind:
    """A kind of finding.

    Args:
        doc: what it is and what to do, in Markdown.
        rules: action, expression and `action_parameters` of rules, of which the last has it.
    """

    code: str
    doc: str
    rules: tuple[tuple[str, str, str], ...] = ()


POLICY_KINDS: Final = (
    PolicyKind(
        code="unreachable",
        doc="""\
A rule before this one ends evaluation for everything that this one matches:
it always matches, has the same condition in whatever spelling,
or is seen to be implied (a larger set, fewer conditions joined by `and`, more joined by `or`).
A `skip` rule that reads a body or headers ends nothing for certain:
when they were cut short, it does not match.""",
        rules=(
            ("block", "ip.src in {10.0.0.0/8 192.0.2.0/24}", ""),
            ("log", 'ip.src in {10.1.0.0/16} and http.request.method eq "POST"', ""),
        ),
    ),
    PolicyKind(
        code="never_blocks",
        doc="The same for a `block` rule behind a `skip`: nothing is blocked.",
        rules=(
            ("skip", 'starts_with(http.request.uri.path, "/public/")', "{ruleset: current}"),
            ("block", 'http.request.uri.path eq "/public/admin"', ""),
        ),
    ),
    PolicyKind(
        code="same_rule_twice",
        doc="""\
Two rules have the same condition and do the same.
Order, spelling and repetitions do not matter: operands of `and` and `or`, items of sets,
symbols or words.""",
        rules=(
            ("block", 'ssl && http.host in {"a.example.com" "b.example.com"}', ""),
            (
                "block",
                '(http.host eq "b.example.com" or http.host eq "a.example.com") and ssl',
                "",
            ),
        ),
    ),
    PolicyKind(
        code="skip_without_effect",
        doc="A `skip` rule names products or phases of Cloudflare that do not exist here.",
        rules=(("skip", "ssl", "{products: [waf]}"),),
    ),
    PolicyKind(
        code="trust",
        doc="A note about a certificate authority: a delta CRL that is not used, for example.",
    ),
)
