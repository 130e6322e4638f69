# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's page "Configure mTLS": its three expressions under every truth assignment.

The expressions are written as the page has them; what each must say is written out here from the
page's prose, not computed from the expression.
"""

from __future__ import annotations

from itertools import product

import pytest

from authz.policy.fields import SCHEME
from authz.rules import compile_expression, default_value, evaluate, format_expression, parse

FINGERPRINT = "253E08C1AB67EB7630C61734D377D75D5DCCDE2F6E69986C221D66E848B64321"
VERIFIED = "cf.tls_client_auth.cert_verified"
REVOKED = "cf.tls_client_auth.cert_revoked"
SHA256 = "cf.tls_client_auth.cert_fingerprint_sha256"
PATH = "http.request.uri.path"

#: "Any requests without a valid certificate will be blocked", on the paths that were entered.
WITHOUT_VALID = f'not {VERIFIED} and {PATH} in {{"/admin"}}'
#: "Only requests presenting a valid client certificate with a specific fingerprint are allowed."
PINNED = f'not ({VERIFIED} and {SHA256} eq "{FINGERPRINT}")'
#: The default rule combined with the check for revoked certificates.
REVOKED_TOO = f'((not {VERIFIED} or {REVOKED}) and {PATH} in {{"/admin"}})'


def _blocks(expression: str, **values: object) -> bool:
    parsed = parse(expression, SCHEME, {})
    given = {field.name: default_value(field.type) for field in SCHEME.fields.values()}
    given |= values  # type: ignore[arg-type]
    fast = compile_expression(parsed).matches(given)
    again = compile_expression(parse(format_expression(parsed), SCHEME, {})).matches(given)

    assert fast is evaluate(parsed, given)
    assert fast is again
    return fast


@pytest.mark.parametrize(("verified", "revoked"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("path", [b"/admin", b"/", b"/admin/", b"/ADMIN", b""])
def test_requests_without_a_valid_certificate_are_blocked(
    verified: bool, revoked: bool, path: bytes
) -> None:
    blocked = _blocks(WITHOUT_VALID, **{VERIFIED: verified, REVOKED: revoked, PATH: path})

    assert blocked is (path == b"/admin" and not verified)


@pytest.mark.parametrize("verified", [False, True])
@pytest.mark.parametrize(
    ("fingerprint", "pinned"),
    [
        # Our field is lower case, the page's literal (and openssl's output) upper case.
        (FINGERPRINT.lower().encode(), True),
        (FINGERPRINT.encode(), True),
        (b"0" * 64, False),
        (FINGERPRINT.lower().encode()[:-1], False),
        (b"", False),
    ],
)
def test_only_the_pinned_certificate_is_let_in(
    verified: bool, fingerprint: bytes, pinned: bool
) -> None:
    blocked = _blocks(PINNED, **{VERIFIED: verified, SHA256: fingerprint})

    assert blocked is not (verified and pinned)


@pytest.mark.parametrize(("verified", "revoked"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("path", [b"/admin", b"/", b"/admin?x", b"/admin2"])
def test_revoked_certificates_are_blocked_as_well(
    verified: bool, revoked: bool, path: bytes
) -> None:
    blocked = _blocks(REVOKED_TOO, **{VERIFIED: verified, REVOKED: revoked, PATH: path})

    if path != b"/admin":
        assert not blocked
    elif not verified or revoked:
        assert blocked
    else:
        assert not blocked
