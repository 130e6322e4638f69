# SPDX-License-Identifier: Apache-2.0
"""The mTLS rule as a form makes it."""

from __future__ import annotations

import pytest

from authz.errors import InvalidInputError
from authz.policy.fields import scheme_for
from authz.rules import Role, format_expression, lint, parse
from authz.services.mtls_rules import (
    DESCRIPTION,
    MtlsRule,
    Shape,
    mtls_expression,
    mtls_rule,
    read_form,
)

PIN = "253e08c1ab67eb7630c61734d377d75d5dccde2f6e69986c221d66e848b64321"
OTHER = PIN[::-1]
SAFE = "not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked"
GOOD = "cf.tls_client_auth.cert_verified and not cf.tls_client_auth.cert_revoked"


def _expression(*paths: str, hosts: tuple[str, ...] = (), **more: object) -> str:
    return mtls_expression(read_form(paths, hosts, **more))  # type: ignore[arg-type]  # as named


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        # Cloudflare's page, "Check for revoked certificates".
        (_expression("/admin"), f'(({SAFE}) and http.request.uri.path in {{"/admin"}})'),
        (
            _expression("/admin", shape="plain"),
            '(not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"})',
        ),
        (
            _expression("/admin", "/api/*", hosts=("API.example.com", "b.example")),
            (
                f'(({SAFE}) and (http.request.uri.path in {{"/admin"}} or '
                'starts_with(http.request.uri.path, "/api/")) and '
                'http.host in {"api.example.com" "b.example"})'
            ),
        ),
        (
            _expression("/a", hosts=("*.example.com",)),
            (
                f'(({SAFE}) and http.request.uri.path in {{"/a"}} and '
                'ends_with(http.host, ".example.com"))'
            ),
        ),
        (
            _expression("/a", hosts=("*.example.com", "x.example")),
            (
                f'(({SAFE}) and http.request.uri.path in {{"/a"}} and '
                '(http.host in {"x.example"} or ends_with(http.host, ".example.com")))'
            ),
        ),
        (
            _expression(hosts=("a.example",)),
            f'(({SAFE}) and http.host in {{"a.example"}})',
        ),
        (_expression("/*", "/a"), f"({SAFE})"),
        (_expression("/*", shape="plain"), "(not cf.tls_client_auth.cert_verified)"),
        (
            _expression("/a", shape="pinned", fingerprints=(PIN,)),
            (
                f'(not ({GOOD} and cf.tls_client_auth.cert_fingerprint_sha256 eq "{PIN}") and '
                'http.request.uri.path in {"/a"})'
            ),
        ),
        (
            _expression("/a", shape="pinned", fingerprints=(PIN, OTHER, PIN)),
            (
                f"(not ({GOOD} and cf.tls_client_auth.cert_fingerprint_sha256 in "
                f'{{"{PIN}" "{OTHER}"}}) and http.request.uri.path in {{"/a"}})'
            ),
        ),
        (
            _expression("/a", shape="issuer", issuers=("ab12",)),
            (
                f'(not ({GOOD} and cf.tls_client_auth.cert_issuer_ski eq "ab12") and '
                'http.request.uri.path in {"/a"})'
            ),
        ),
    ],
)
def test_the_expression(made: str, expected: str) -> None:
    assert made == expected
    parse(made, scheme_for(None), {})


@pytest.mark.parametrize("shape", [one for one in Shape if one is not Shape.PLAIN])
def test_nothing_looks_wrong_in_it(shape: Shape) -> None:
    made = _expression(
        "/admin", hosts=("a.example",), shape=shape, fingerprints=(PIN,), issuers=("ab" * 20,)
    )
    expression = parse(made, scheme_for(None), {})

    assert lint(expression, role=Role.BLOCK, authorities=()) == ()
    assert f"({format_expression(expression)})" == made


def test_the_plain_form_is_found_to_let_revoked_certificates_in() -> None:
    expression = parse(_expression("/admin", shape="plain"), scheme_for(None), {})

    (found,) = lint(expression, role=Role.BLOCK, authorities=())

    assert found.code == "revoked_not_checked"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"paths": ["admin"]}, "is no path"),
        ({"paths": []}, "no path is named"),
        ({"paths": ["/a//b"]}, "servers read it as another one"),
        ({"paths": ["/a"], "hostnames": ["https://a.example"]}, "is no hostname"),
        ({"paths": ["/a"], "shape": "open"}, "is no way to choose"),
        ({"paths": ["/a"], "shape": "pinned"}, "no certificate is chosen: nobody could come in"),
        ({"paths": ["/a"], "shape": "issuer"}, "no issuer is chosen"),
    ],
)
def test_what_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_form(**given)  # type: ignore[arg-type]  # as the tests name them


def test_the_rule_has_a_name_that_says_what_it_protects() -> None:
    rule = mtls_rule(MtlsRule(paths=("/admin/users*",)), taken={"mtls-admin-users"})

    assert rule == {
        "ref": "mtls-admin-users-2",
        "description": DESCRIPTION,
        "expression": f'(({SAFE}) and starts_with(http.request.uri.path, "/admin/users"))',
        "action": "block",
        "enabled": True,
    }
    assert mtls_rule(MtlsRule(paths=(), hostnames=("a.b.example",)))["ref"] == "mtls-a-b-example"
    assert mtls_rule(MtlsRule(paths=("/é",)))["ref"] == "mtls-everything"
    assert mtls_rule(MtlsRule(paths=("/a",)), description="Mine")["description"] == "Mine"
