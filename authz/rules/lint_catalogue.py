# SPDX-License-Identifier: Apache-2.0
"""What the lint finds in one expression: every code, explained, with an example that has it.

The reference page (docs/reference/findings.md) is made from this and from what the lint says of the
examples. Findings about whole policies are in authz.policy.lint_catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authz.rules.lint_client import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of finding.

    Args:
        doc: what it is and what to do, in Markdown.
        example: an expression that has it, as the condition of a rule.
        role: what that rule does.
    """

    code: str
    doc: str
    example: str
    role: Role = Role.BLOCK


KINDS: Final = (
    Kind(
        code="revoked_not_checked",
        doc="""\
The rule treats a client without a verified certificate and one with a revoked certificate
differently, to the advantage of the latter.
A revoked certificate counts as verified (as at Cloudflare), so asking for `cert_verified` alone
lets revoked certificates in.

What counts is what the rule does, whatever else a request has in it: `cert_revoked` somewhere else
in the expression is no excuse, and neither is `not cert_verified and not cert_revoked`.
For a `block` rule it is looked for a request that is blocked without a verified certificate and not
with a revoked one; for a `skip` rule for one that skips with a revoked certificate as with a good
one, and not without.
A separate `block` rule on `cert_revoked` is fine,
as long as it covers what this rule covers and whoever this rule lets in comes to it;
`default_action: block` is such a rule, too.
`authz expression check` does not know the action and takes `block`, as in Cloudflare's own mTLS
rule.""",
        example='not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}',
    ),
    Kind(
        code="revoked_admitted",
        doc="""\
A `skip` rule lets in revoked certificates and neither good ones nor none.
The proposal has good certificates in their place.
Leaving out a rule for them is fine where another `block` rule has them all.""",
        example='cf.tls_client_auth.cert_revoked and http.host eq "api.example.com"',
        role=Role.ADMIT,
    ),
    Kind(
        code="issuer_not_checked",
        doc="""\
The site trusts several authorities and the rule takes a certificate of any of them.
Comparing an issuer field, a fingerprint or `authz.cert.spki_sha256` ties it to one;
names do not, since every authority may certify every name.
The proposal names the issuers (`cert_issuer_ski`) of all authorities of the site:
keep those that are meant.

`authz expression check` says so as a note, unless it is given a policy:
then it takes the site with the most authorities.""",
        example="not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked",
    ),
    Kind(
        code="unverified_claim",
        doc="""\
Who is let in depends on what a certificate says about itself, a name for example, although nobody
has verified it. Anybody can make a certificate that says anything.
Issuer fields, fingerprints (SHA-256) and keys are fine: they are empty or unforgeable.
So is a rule beside one that blocks everybody unverified.""",
        example='not cf.tls_client_auth.cert_subject_dn contains "OU=Staff"',
    ),
    Kind(
        code="presented_not_verified",
        doc="""\
A certificate that is not verified is let in where none would not be.
`cert_presented` says that there was one, and anybody can make one;
`authz.cert.failure` says why it is not verified: anybody can make a certificate that nobody known
has issued, and of one that has expired it is not looked up whether it is revoked.""",
        example='not cf.tls_client_auth.cert_presented and http.host eq "api.example.com"',
    ),
    Kind(
        code="pin_not_verified",
        doc="""\
Comparing a fingerprint (SHA-256), the whole certificate or its key lets nobody else in,
but it lets that certificate in whatever became of it: revoked, expired, or of an authority that is
trusted no more.
Cloudflare's page has the fingerprint alongside `cert_verified`.
Beside a rule that blocks everybody unverified it is fine, and where a site trusts no authority a
pin is all there is: neither is found.

`authz expression check` says so as a note, unless it is given a policy.""",
        example=f'not cf.tls_client_auth.cert_fingerprint_sha256 in {{"{"253e08c1" * 8}"}}',
    ),
    Kind(
        code="never_true",
        doc="""\
A condition is true for no request, and why: a host with capital letters, a port, a scheme, a final
dot or a star, a name in the form of another field, a port beyond 65535, two values that cannot both
be, the length 0 of what is missing.
It is said only where it is certain, whatever is missing in a request;
lists and elements of arrays are not looked at.""",
        example='http.host eq "https://Example.com:8443/" and ssl',
    ),
    Kind(
        code="always_true",
        doc="""\
A condition is true for every request, and why.
`true` as the whole expression is meant and not found.""",
        example='http.host ne "a.example.com" or http.host ne "b.example.com"',
    ),
    Kind(
        code="literal_never_equal",
        doc="""\
A literal that the value is never equal to, in a condition that is not constant:
a fingerprint, serial number or key identifier with colons, of another length or not hexadecimal;
a serial number with half a byte or leading zero bytes;
one host of a set with capital letters or a star; the name of a header with capital letters.""",
        example='cf.tls_client_auth.cert_serial eq "0A:1B:2C"',
    ),
    Kind(
        code="unlikely_literal",
        doc="""\
A literal that no ordinary request has, although nothing rules it out:
a method in small letters, a path with a query, port 0.""",
        example='http.request.method in {"POST" "put"}',
    ),
)
