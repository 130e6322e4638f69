# SPDX-License-Identifier: Apache-2.0
"""ID tokens of an OpenID Connect provider: who signed one, for whom, when, and in answer to what.

    keys = Keys(what the provider's jwks_uri has)
    claims = verified(token, keys, client_id=…, issuer=…, nonce=…, at=…)

Signatures are joserfc's, claims Authlib's, with every check that is ours to choose made here: only
signatures by keys that the provider alone has (no `none`, nothing symmetric, whatever a header
says), and keys only from where the provider has them. OpenID Connect Core 1.0 §3.1.3.7, RFC 7515,
RFC 8725. What the claims say of somebody is in `oidc_people`.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from authz.errors import ProviderError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import GuestProtocol, Key

#: Signatures that are believed, and of which kind of key each is.
ALGORITHMS: Final[Mapping[str, type[Key]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
    "Ed25519": OKPKey,
}
#: How far the clocks may be apart, in seconds.
LEEWAY_SECONDS: Final = 60
#: Keys of one provider that are looked at.
MOST_KEYS: Final = 100

_MIN_RSA_BITS: Final = 2048
_MAX_TOKEN: Final = 64 * 1024
_MAX_SUBJECT: Final = 255


class UnknownKeyError(Exception):
    """No key of the provider's is the one that a token names. Never leaves `oidc_provider`."""


class Keys:
    """The public keys of a provider (RFC 7517), those that cannot be used left out.

    Raises:
        ProviderError: it is no set of keys.
    """

    def __init__(self, value: Any) -> None:
        found = value.get("keys") if isinstance(value, dict) else None
        if not isinstance(found, list):
            raise ProviderError("the provider's keys are no set of keys")
        self._keys = [key for one in found[:MOST_KEYS] if (key := _key(one)) is not None]

    def __len__(self) -> int:
        return len(self._keys)

    def of(self, header: dict[str, Any]) -> Key:
        """The key of a token with this header.

        Raises:
            UnknownKeyError: there is none, or without a name it could be several.
        """
        algorithm, kid = str(header.get("alg")), header.get("kid")
        kind = ALGORITHMS.get(algorithm)
        fitting = [
            one
            for one in self._keys
            if type(one) is kind and one.get("alg", algorithm) == algorithm
        ]
        if kid is not None:
            fitting = [one for one in fitting if one.get("kid") == kid]
        if len(fitting) != 1:
            raise UnknownKeyError
        return fitting[0]


def verified(
    token: str,
    keys: Keys,
    *,
    client_id: str,
    issuer: str,
    nonce: str,
    access_token: str = "",
    at: float,
) -> dict[str, Any]:
    """The claims of an ID token that is the answer to our question.

    Args:
        nonce: what we asked with.
        access_token: what came beside it, for `at_hash`.
        at: Unix seconds.

    Raises:
        UnauthenticatedError: it is not; the reason is for the log as well.
        UnknownKeyError: it is signed by a key that is not there, or not yet.
    """
    if len(token) > _MAX_TOKEN or not token.isascii():
        raise _refused("it is no token")
    claims, header = _signed(token, keys)
    # `at_hash` goes by the hash in the algorithm's name; where there is none, it says nothing.
    hashed = access_token if header["alg"].startswith(("RS", "PS", "ES")) else ""
    params = {"nonce": nonce, "client_id": client_id, "access_token": hashed}
    options: Any = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
    }
    try:
        CodeIDToken(claims, header, options, params).validate(int(at), LEEWAY_SECONDS)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused(str(error)) from None
    subject = claims["sub"]
    if not subject or len(subject) > _MAX_SUBJECT:
        raise _refused("its subject is none")
    # Once more, in our own words: what everything rests on.
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims["iss"] != issuer or client_id not in audience:
        raise _refused("it is of another provider, or for somebody else")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise _refused("it is the answer to another question")
    return claims


def _signed(token: str, keys: Keys) -> tuple[dict[str, Any], dict[str, Any]]:
    """Claims and header of a token that is signed by one of these keys."""

    def key_of(guest: GuestProtocol) -> Key:
        return keys.of(dict(guest.headers()))

    # Parameters of a header that nobody knows mean nothing (RFC 7515 §4), but for critical ones.
    registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
    registry.max_header_length = 4096
    try:
        decoded = jwt.decode(token, key_of, registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise _refused(str(error)) from None
    return decoded.claims, dict(decoded.header)


def _key(value: Any) -> Key | None:
    """A key that can verify, None for any other."""
    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return None
    if value.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    if value["kty"] == "RSA" and not _is_long(value.get("n")):
        return None
    public = {name: one for name, one in value.items() if name not in _PRIVATE}
    try:
        return JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError):
        return None


#: Of a private key, which nobody must publish (RFC 7518 §6).
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"})


def _is_long(modulus: Any) -> bool:
    """Whether a modulus (base64url) has enough bits."""
    return isinstance(modulus, str) and len(modulus.rstrip("=")) * 6 >= _MIN_RSA_BITS


def _refused(reason: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        f"the provider's token is not good: {reason[:200]}", hint="sign in once more"
    )
