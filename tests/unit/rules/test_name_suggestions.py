# SPDX-License-Identifier: Apache-2.0
"""Unknown names get the name that was meant, in the product's own scheme."""

from __future__ import annotations

import pytest

from authz.errors import ExpressionError
from authz.policy.fields import SCHEME
from authz.rules import parse
from tests.factories.slips import SLIPS, hint_of


@pytest.mark.parametrize(("source", "hint"), SLIPS["names"])
def test_a_slip_gets_its_hint(source: str, hint: str | None) -> None:
    assert hint_of(source) == hint


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ('http.request.uri.pth eq "/"', 'did you mean "http.request.uri.path"?'),
        ('HTTP.HOST eq "a"', 'did you mean "http.host"?'),
        ('host eq "a"', 'did you mean "http.host"?'),
        ('http.request.host eq "a"', 'did you mean "http.host"?'),
        ('http.path eq "/"', 'did you mean "http.request.uri.path"?'),
        ('Path eq "/"', 'did you mean "http.request.uri.path"?'),
        ('country eq "DE"', 'did you mean "ip.src.country"?'),
        ("cert_verified", 'did you mean "cf.tls_client_auth.cert_verified"?'),
        ("cf.tls_client_auth.verified", 'did you mean "cf.tls_client_auth.cert_verified"?'),
        ("remote_addr eq 10.0.0.1", 'did you mean "ip.src"?'),
        ("ip eq 10.0.0.1", 'did you mean "ip.src"?'),
        (
            'http.request.headers.X-Team eq "a"',
            'the value of a key: http.request.headers["x-team"][0]',
        ),
        (
            'http.request.cookies.session eq "a"',
            'the value of a key: http.request.cookies["session"][0]',
        ),
        ('ssl or contains "a"', 'repeat the field, x == "/a" or x == "/b"'),
        ('ssl or == "a"', 'repeat the field, x == "/a" or x == "/b"'),
        ('eq "a"', "the field comes first: field eq value"),
    ],
)
def test_a_name_gets_its_hint(source: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["zzz", "names", "if", "q" * 100, "values"])
def test_a_name_that_could_be_anything_gets_none(name: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(f'{name} eq "a"', SCHEME)

    assert caught.value.hint is None
