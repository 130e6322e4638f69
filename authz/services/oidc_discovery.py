# SPDX-License-Identifier: Apache-2.0
"""What an OpenID Connect provider says of itself, as far as it is believed.

OpenID Connect Discovery 1.0 §3 and §4.3, RFC 8414, RFC 9207.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from authz.errors import ProviderError
from authz.settings.dashboard import is_loopback

#: Where it says so, below the issuer.
DISCOVERY: Final = "/.well-known/openid-configuration"

_MAX_URL: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where a provider is asked what, and how.

    Args:
        userinfo, end_session: "" where there is none.
        auth_method: how we say who we are at the token endpoint.
        says_who_answers: whether its answers always have `iss`.
    """

    authorization: str
    token: str
    jwks: str
    userinfo: str
    end_session: str
    auth_method: str
    says_who_answers: bool

    @classmethod
    def read(cls, document: Any, issuer: str, *, is_public: bool) -> Endpoints:
        """What a discovery document says.

        Args:
            issuer: whose it must be.
            is_public: whether we have no secret there.

        Raises:
            ProviderError: it is another's, or has not what is needed.
        """
        if not isinstance(document, dict):
            raise ProviderError("the discovery document is no object")
        if document.get("issuer") != issuer:
            said = str(document.get("issuer"))[:200]
            raise ProviderError(f"the discovery document is of {said!a}, not of {issuer}")
        if is_public and "S256" not in _list(document, "code_challenge_methods_supported", "S256"):
            raise ProviderError("the provider has no PKCE, and we have no secret there")
        return cls(
            authorization=_place(document, "authorization_endpoint", issuer),
            token=_place(document, "token_endpoint", issuer),
            jwks=_place(document, "jwks_uri", issuer),
            userinfo=_place(document, "userinfo_endpoint", issuer, needed=False),
            end_session=_place(document, "end_session_endpoint", issuer, needed=False),
            auth_method=_auth_method(document, is_public=is_public),
            says_who_answers=(
                document.get("authorization_response_iss_parameter_supported") is True
            ),
        )


def _place(document: dict[str, Any], name: str, issuer: str, *, needed: bool = True) -> str:
    """An address that nobody on the way can read or answer for."""
    value = document.get(name)
    if value is None and not needed:
        return ""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = parts.scheme == "http" and issuer.startswith("http:") and is_loopback(host)
    is_good = bool(host) and (parts.scheme == "https" or plain) and "@" not in parts.netloc
    if not is_good or parts.fragment or len(str(value)) > _MAX_URL or not str(value).isprintable():
        raise ProviderError(f"{name} of the provider is no https address")
    return str(value)


def _auth_method(document: dict[str, Any], *, is_public: bool) -> str:
    if is_public:
        return "none"
    offered = _list(document, "token_endpoint_auth_methods_supported", "client_secret_basic")
    for method in ("client_secret_basic", "client_secret_post"):
        if method in offered:
            return method
    raise ProviderError("the provider takes no secret by HTTP Basic or in a form")


def _list(document: dict[str, Any], name: str, default: str) -> list[Any]:
    value = document.get(name)
    return value if isinstance(value, list) else [default]
