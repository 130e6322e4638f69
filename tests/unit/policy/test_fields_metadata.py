# SPDX-License-Identifier: Apache-2.0
"""Metadata of other filters, and the claims of tokens among it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from authz.certs.trust import compile_trust
from authz.extauthz.decode import DecodeOptions, decode
from authz.policy.client import identify
from authz.policy.fields import SCHEME, FieldValues, field_values
from authz.policy.fields_metadata import JWT_NAMESPACE
from authz.rules import compile_expression, parse
from tests.factories.checks import check_request
from tests.factories.pki import AT
from tests.factories.policies import facts

_CLAIMS = "http.request.jwt.claims."


def _of(request: Any) -> FieldValues:
    client = identify(request.presented, compile_trust(()), AT)
    return field_values(request, client, "api", b"/", AT)


def _values(**tokens: object) -> FieldValues:
    return _of(facts(metadata={JWT_NAMESPACE: tokens}))


def test_claims_by_the_name_of_the_token() -> None:
    values = _values(
        main={"iss": "https://issuer.example", "aud": ["a", "b"], "iat": 1772366400.0},
        other={"iss": "https://other.example", "sub": "alice", "jti": "7", "nbf": 5},
    )

    assert values[_CLAIMS + "iss"] == {
        b"main": (b"https://issuer.example",),
        b"other": (b"https://other.example",),
    }
    assert values[_CLAIMS + "aud"] == {b"main": (b"a", b"b")}
    assert values[_CLAIMS + "aud.names"] == (b"main", b"main")
    assert values[_CLAIMS + "aud.values"] == (b"a", b"b")
    assert values[_CLAIMS + "sub"] == {b"other": (b"alice",)}
    assert values[_CLAIMS + "jti.values"] == (b"7",)
    assert values[_CLAIMS + "iat.sec"] == {b"main": (1772366400,)}
    assert values[_CLAIMS + "iat.sec.names"] == (b"main",)
    assert values[_CLAIMS + "nbf.sec.values"] == (5,)


@pytest.mark.parametrize(
    "value", [None, True, "soon", math.nan, math.inf, 1e300, -1e300, [5], {"a": 1}]
)
def test_a_time_that_is_none_is_no_claim(value: object) -> None:
    assert _values(main={"iat": value})[_CLAIMS + "iat.sec"] == {}


def test_a_time_with_a_fraction_is_the_second_it_is_in() -> None:
    assert _values(main={"iat": 1772366400.75})[_CLAIMS + "iat.sec.values"] == (1772366400,)


@pytest.mark.parametrize("value", [None, 5.0, {"a": "b"}, [], [5.0]])
def test_a_text_that_is_none_is_no_claim(value: object) -> None:
    values = _values(main={"sub": value, "iss": "x"})

    assert values[_CLAIMS + "sub"] == {}
    assert values[_CLAIMS + "sub.values"] == ()


@pytest.mark.parametrize("tokens", ["text", None, ["a"], 5.0])
def test_metadata_of_another_shape_has_no_claims(tokens: object) -> None:
    values = _of(facts(metadata={JWT_NAMESPACE: tokens}))

    assert values[_CLAIMS + "iss"] == {}
    assert values["authz.metadata"] == {}
    assert _values(main=tokens)[_CLAIMS + "iss"] == {}


def test_without_metadata_everything_is_empty() -> None:
    values = _of(facts())

    names = [name for name in SCHEME.fields if name.startswith(_CLAIMS)]
    assert len(names) == 18
    assert not any(values[name] for name in [*names, "authz.metadata"])


def test_metadata_by_namespace_and_key() -> None:
    values = _of(
        facts(
            metadata={
                "com.example": {
                    "text": "ä",
                    "number": 5.0,
                    "fraction": 0.5,
                    "flag": True,
                    "nothing": None,
                    "several": ["a", "b", 3.0],
                    "object": {"b": 1.0, "a": [None, math.inf]},
                },
                "other": {"text": "x"},
            }
        )
    )

    assert values["authz.metadata"] == {
        b"com.example:text": ("ä".encode(),),
        b"com.example:number": (b"5",),
        b"com.example:fraction": (b"0.5",),
        b"com.example:flag": (b"true",),
        b"com.example:nothing": (),
        b"com.example:several": (b"a", b"b", b"3"),
        b"com.example:object": (b'{"a": [null, null], "b": 1}',),
        b"other:text": (b"x",),
    }


def test_metadata_as_envoy_sends_it() -> None:
    request = check_request()
    namespace = request.attributes.metadata_context.filter_metadata[JWT_NAMESPACE]
    namespace.update({"main": {"sub": "alice", "iat": 1772366400, "roles": {"admin": True}}})
    values = _of(decode(request.SerializeToString(), DecodeOptions()))

    rule = compile_expression(
        parse(
            f'any({_CLAIMS}sub["main"][*] eq "alice") and {_CLAIMS}iat.sec["main"][0] > 1772000000'
            f' and lookup_json_string(authz.metadata["{JWT_NAMESPACE}:main"][0], "sub") eq "alice"',
            SCHEME,
            {},
        )
    )

    assert rule.matches(values)
