# SPDX-License-Identifier: Apache-2.0
"""ID tokens by themselves; those of whole sign-ins are in test_oidc_provider."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.errors import ProviderError, UnauthenticatedError
from authz.services.id_tokens import LEEWAY_SECONDS, MOST_KEYS, Keys, UnknownKeyError, verified
from tests.factories.oidc_provider import SigningKey, b64
from tests.factories.pki import AT

ISSUER = "https://id.example.com"
KEY = SigningKey()
ELLIPTIC = SigningKey("ES256", "ec")
EDWARDS = SigningKey("Ed25519", "ed")
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "1",
    "aud": "authz",
    "exp": AT + 100,
    "iat": AT,
    "nonce": "n",
}


def check(token: str, keys: list[Any] | None = None, access: str = "") -> dict[str, Any]:
    given = [KEY.jwk, ELLIPTIC.jwk, EDWARDS.jwk] if keys is None else keys
    return verified(
        token,
        Keys({"keys": given}),
        client_id="authz",
        issuer=ISSUER,
        nonce="n",
        access_token=access,
        at=AT,
    )


@pytest.mark.parametrize("key", [KEY, ELLIPTIC, EDWARDS], ids=lambda one: one.algorithm)
def test_a_good_token_says_who_it_is(key: SigningKey) -> None:
    assert check(key.token(CLAIMS)) == CLAIMS
    assert check(key.token(CLAIMS), [key.jwk]) == CLAIMS


def test_parameters_of_a_header_that_nobody_knows_mean_nothing() -> None:
    assert check(KEY.token(CLAIMS, x5t="a", whatever={"a": 1}))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["whatever"], "whatever": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": "exp"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": "ES256K"},
        {"alg": ["RS256"]},
        {"zip": "DEF", "enc": "A128GCM", "alg": "RSA-OAEP"},
        {"whatever": "x" * 5000},
    ],
)
def test_parameters_that_change_everything(header: dict[str, Any]) -> None:
    with pytest.raises((UnauthenticatedError, UnknownKeyError)):
        check(KEY.token(CLAIMS, **header))


def test_times_are_inclusive_as_the_clocks_may_be_apart() -> None:
    late = {**CLAIMS, "exp": AT - LEEWAY_SECONDS + 1}
    assert check(KEY.token(late))
    with pytest.raises(UnauthenticatedError, match="not good"):
        check(KEY.token({**late, "exp": AT - LEEWAY_SECONDS}))
    with pytest.raises(UnauthenticatedError):
        check(KEY.token({**CLAIMS, "iat": AT + LEEWAY_SECONDS + 1}))


def test_the_hash_of_the_access_token() -> None:
    half = hashlib.sha256(b"access").digest()[:16]
    good = {**CLAIMS, "at_hash": b64(half)}

    assert check(KEY.token(good), access="access")
    with pytest.raises(UnauthenticatedError):
        check(KEY.token(good), access="another")
    # There is no hash in the name of this algorithm.
    assert check(EDWARDS.token(good), access="another")


def test_without_a_name_a_key_has_to_be_the_only_one_of_its_kind() -> None:
    nameless = SigningKey("ES256", None)
    token = nameless.token(CLAIMS)

    assert check(token, [KEY.jwk, nameless.jwk])
    for keys in ([nameless.jwk, ELLIPTIC.jwk], [KEY.jwk], []):
        with pytest.raises(UnknownKeyError):
            check(token, keys)


def test_two_keys_of_one_name_are_none() -> None:
    with pytest.raises(UnknownKeyError):
        check(ELLIPTIC.token(CLAIMS), [ELLIPTIC.jwk, SigningKey("ES256", "ec").jwk])


def _without(jwk: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize(
    "jwk",
    [
        {**KEY.jwk, "use": "enc"},
        {**KEY.jwk, "alg": "PS256"},
        {**KEY.jwk, "n": "AQAB"},
        {**KEY.jwk, "n": 5},
        {**KEY.jwk, "n": "!" * 400},
        {**KEY.jwk, "e": None},
        {**KEY.jwk, "kty": "EC"},
        {**KEY.jwk, "kty": "oct", "k": "c2VjcmV0"},
        {**KEY.jwk, "kty": "AKP"},
        _without(KEY.jwk, "n"),
        _without(KEY.jwk, "kty"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        {},
        [],
        "key",
        None,
    ],
)
def test_keys_that_cannot_be_used_are_left_out(jwk: Any) -> None:
    token = KEY.token(CLAIMS)

    with pytest.raises(UnknownKeyError):
        check(token, [jwk])
    assert check(ELLIPTIC.token(CLAIMS), [jwk, ELLIPTIC.jwk])


def test_a_short_key_is_none() -> None:
    short = SigningKey("RS256", "short", bits=1024)

    with pytest.raises(UnknownKeyError):
        check(short.token(CLAIMS), [short.jwk])


def test_what_is_private_of_a_key_is_not_looked_at() -> None:
    assert check(KEY.token(CLAIMS), [{**KEY.jwk, "d": "AQAB", "p": "x", "key_ops": ["sign"]}])


@pytest.mark.parametrize("value", [None, [], {}, {"keys": None}, {"keys": {}}, "keys"])
def test_what_is_no_set_of_keys(value: Any) -> None:
    with pytest.raises(ProviderError, match="no set of keys"):
        Keys(value)


def test_only_so_many_keys_are_looked_at() -> None:
    assert len(Keys({"keys": [ELLIPTIC.jwk] * (MOST_KEYS + 1)})) == MOST_KEYS


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_NAMES = st.sampled_from([*CLAIMS, "azp", "nbf", "auth_time", "amr", "at_hash", "jti", "acr"])
_PARAMETERS = st.sampled_from(["alg", "kid", "crit", "b64", "jwk", "x5c", "typ", "cty", "zip"])


@given(st.dictionaries(_NAMES, _JSON, min_size=1, max_size=4))
def test_claims_of_any_kind_are_refused_or_ours(odd: dict[str, Any]) -> None:
    try:
        claims = check(ELLIPTIC.token({**CLAIMS, **odd}), access="access")
    except UnauthenticatedError:
        return
    assert (claims["iss"], claims["nonce"]) == (ISSUER, "n")
    assert isinstance(claims["sub"], str)
    assert "authz" in claims["aud"]


@given(st.dictionaries(_PARAMETERS, _JSON, min_size=1, max_size=3))
def test_headers_of_any_kind_are_refused_or_ours(odd: dict[str, Any]) -> None:
    header = {"alg": "ES256", "kid": "ec", **odd}
    try:
        check(ELLIPTIC.signed(header, CLAIMS))
    except (UnauthenticatedError, UnknownKeyError):
        return
    assert (header["alg"], header["kid"] or "ec") == ("ES256", "ec")


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda b: base64.b64encode(b).decode()))
def test_texts_of_any_kind_are_refused(text: str) -> None:
    with pytest.raises((UnauthenticatedError, UnknownKeyError)):
        check(text)
