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
        code="never_here",
        doc="""\
A condition is true for no request at the site of its rule, although it may be elsewhere:
a host that the site does not answer for, the name of another site, and, where the site trusts no
authority, a verified certificate or its issuer.
Several sites that have a rule with the same condition are taken together, as those of a zone are.
What is true for every request of a site is no finding: rules name the host that they are for.""",
        rules=(("block", 'http.host eq "api.exampel.com"', ""),),
    ),
    PolicyKind(
        code="issuer_not_trusted",
        doc="""\
No certificate of the authorities that a site trusts has the key identifier, serial number or name
of an issuer that a rule asks for.
That does not make it impossible: a client may send the certificate of an intermediate authority
along (with `certificate_source: xfcc`), and then that one is the issuer.
Where clients do, add the intermediate to the authority's certificates.""",
        rules=(("block", 'not cf.tls_client_auth.cert_issuer_ski eq "8204924D"', ""),),
    ),
    PolicyKind(
        code="list_item_never_equal",
        doc="""\
A list of strings has an item that what is looked for in it never equals:
a fingerprint with colons, of another length or not hexadecimal, a host with a port.
The case of hexadecimal digits does not count.
An item that some other rule can find is fine. Of a list, 10,000 items are looked at.""",
        rules=(("block", "cf.tls_client_auth.cert_serial in $pins", ""),),
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
