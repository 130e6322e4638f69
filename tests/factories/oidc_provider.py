# SPDX-License-Identifier: Apache-2.0
"""A small OpenID Connect provider on loopback: it keeps to the rules, unless a test has it not.

    with running() as provider:
        provider.groups = ["ops"]                    who signs in next
        provider.claims["aud"] = "somebody else"     what its tokens say instead
        answer = provider.answer(authorization_url)  what a browser would bring back

Tokens are signed with `cryptography` alone, so that what verifies them is not what made them.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authz.services.oidc_client import OidcClient
from authz.services.oidc_people import PeopleRules
from authz.services.oidc_provider import OidcProvider
from authz.sources.fetch_json import JsonFetcher
from tests.factories.http_server import Request, response, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.http_server import Server

CLIENT_ID = "authz"
CLIENT_SECRET = "s3cret +/:%ü"  # what form encoding changes
HOME = "http://dashboard"
REDIRECT_URI = f"{HOME}/sign-in/oidc/callback"

PEOPLE = PeopleRules(
    name_claim="email",
    roles_claim="groups",
    admins=frozenset({"ops"}),
    editors=frozenset({"dev"}),
    readers=frozenset({"staff"}),
)


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class SigningKey:
    """A key of the provider's: RS256, ES256 or Ed25519."""

    def __init__(self, algorithm: str = "RS256", kid: str | None = "one", bits: int = 2048) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self._private: Any
        if algorithm == "ES256":
            self._private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm == "Ed25519":
            self._private = ed25519.Ed25519PrivateKey.generate()
        else:
            self._private = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as providers publish it."""
        public = self._private.public_key()
        named = {} if self.kid is None else {"kid": self.kid}
        if self.algorithm == "ES256":
            numbers = public.public_numbers()
            point = {
                "x": b64(numbers.x.to_bytes(32, "big")),
                "y": b64(numbers.y.to_bytes(32, "big")),
            }
            return {"kty": "EC", "crv": "P-256", **point, "use": "sig", **named}
        if self.algorithm == "Ed25519":
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), "use": "sig", **named}
        numbers = public.public_numbers()
        return {
            "kty": "RSA",
            "n": _number(numbers.n),
            "e": _number(numbers.e),
            "alg": self.algorithm,
            "use": "sig",
            **named,
        }

    def signature(self, data: bytes) -> bytes:
        """Of a token's first two parts."""
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self._private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.algorithm == "Ed25519":
            return bytes(self._private.sign(data))
        return bytes(self._private.sign(data, padding.PKCS1v15(), hashes.SHA256()))

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """A token with these claims, and these parameters of its header besides ours."""
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **header}
        return self.signed({name: one for name, one in head.items() if one is not None}, claims)

    def signed(self, header: dict[str, Any], claims: Any) -> str:
        """A token of this header and claims, whatever they say."""
        parts = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{parts}.{b64(self.signature(parts.encode()))}"


def unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    """A token that nobody signed (RFC 7518 §3.6)."""
    return f"{b64(json.dumps({'alg': algorithm}).encode())}.{b64(json.dumps(claims).encode())}."


def signed_with_secret(claims: dict[str, Any], secret: bytes, **header: Any) -> str:
    """A token whose algorithm takes what is public for a secret."""
    head = {"alg": "HS256", **header}
    parts = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{parts}.{b64(hmac.new(secret, parts.encode(), hashlib.sha256).digest())}"


@dataclass
class Provider:
    """A provider, and who signs in there next.

    Attributes:
        claims: of its ID tokens, instead of what is right; None leaves one out.
        document: of its discovery document, the same way.
        token: the ID token itself, instead of one that is made.
        down: answers everything with 503.
        redeemed: the codes that were given a token for.
    """

    server: Server
    host: str = "127.0.0.1"
    keys: list[SigningKey] = field(default_factory=lambda: [_FIRST])
    subject: str = "248289761001"
    email: str = "alice@example.com"
    groups: list[str] | None = field(default_factory=lambda: ["staff"])
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    down: bool = False
    redeemed: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.server.url("", self.host)

    def client(self, **changes: Any) -> OidcClient:
        """What we are there."""
        given: dict[str, Any] = {
            "issuer": self.issuer,
            "label": "Acme",
            "client_id": CLIENT_ID,
            "secret": lambda: CLIENT_SECRET,
            "redirect_uri": REDIRECT_URI,
            "home": f"{HOME}/sign-in",
            "scopes": ("openid", "email"),
            "people": PEOPLE,
        }
        return OidcClient(**{**given, **changes})

    def connected(self, **changes: Any) -> OidcProvider:
        """The provider as the dashboard sees it."""
        fetcher = JsonFetcher(allowed=["127.0.0.1", "localhost"], seconds=5.0)
        return OidcProvider(self.client(**changes), fetcher)

    def answer(self, url: str, **changes: str | None) -> dict[str, str]:
        """What a browser that is sent to `url` brings back when its person signs in."""
        asked = dict(parse_qsl(urlsplit(url).query, strict_parsing=True))
        assert url.startswith(f"{self.issuer}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer, **changes}
        return {name: value for name, value in answer.items() if value is not None}

    def id_claims(self, nonce: str) -> dict[str, Any]:
        """What the next ID token says."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": self.email,
            "email_verified": True,
            "groups": self.groups,
            **self.claims,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def respond(self, request: Request) -> bytes:
        """The answer to a request."""
        path = urlsplit(request.target).path
        if self.down:
            return _json({"error": "down"}, "503 Service Unavailable")
        match path:
            case "/.well-known/openid-configuration":
                return _json(self._document())
            case "/keys":
                return _json({"keys": [one.jwk for one in self.keys]})
            case "/token":
                return self._token(request)
            case "/userinfo":
                return self._userinfo(request)
            case "/authorize":
                return self._page(
                    f"{self.server.url('/continue')}?{urlsplit(request.target).query}"
                )
            case "/continue":
                return self._sent_back(request)
            case "/logout":
                return response(b"<h1>Signed out of Acme</h1>", "Content-Type: text/html")
        return response(b"{}", status="404 Not Found")

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _token(self, request: Request) -> bytes:
        form = {name: one[0] for name, one in parse_qs(request.body.decode()).items()}
        if not self._is_client(request, form):
            return _json({"error": "invalid_client"}, "401 Unauthorized")
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        good = (
            asked is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )
        if not good or asked is None:
            return _json({"error": "invalid_grant"}, "400 Bad Request")
        self.redeemed.append(form["code"])
        made = self.token or self.keys[0].token(self.id_claims(asked["nonce"]))
        return _json({"access_token": "access", "token_type": "Bearer", "id_token": made})

    def _is_client(self, request: Request, form: dict[str, str]) -> bool:
        methods = self._document().get("token_endpoint_auth_methods_supported", [])
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(value).decode().partition(":")
            return (unquote_plus(name), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
        if "none" in methods:
            return form.get("client_id") == CLIENT_ID
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)

    def _userinfo(self, request: Request) -> bytes:
        if request.headers.get("authorization") != "Bearer access" or self.userinfo is None:
            return _json({"error": "invalid_token"}, "401 Unauthorized")
        return _json({"sub": self.subject, **self.userinfo})

    def _page(self, target: str) -> bytes:
        page = f"<h1>Acme</h1><a href='{quote(target, safe=':/?&=%')}'>Continue as {self.email}</a>"
        return response(page.encode(), "Content-Type: text/html; charset=utf-8")

    def _sent_back(self, request: Request) -> bytes:
        query = urlsplit(request.target).query
        asked = dict(parse_qsl(query))
        answer = self.answer(f"{self.issuer}/authorize?{query}")
        place = f"{asked['redirect_uri']}?{urlencode(answer)}"
        return response(b"", f"Location: {place}", status="302 Found")


#: Making an RSA key takes a while; most tests can do with one.
_FIRST = SigningKey()


def _json(value: Any, status: str = "200 OK") -> bytes:
    return response(json.dumps(value).encode(), "Content-Type: application/json", status=status)


@contextlib.contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Provider]:
    """A provider at work; `host` is the name by which it is known, of this machine."""
    made: list[Provider] = []

    def respond(request: Request) -> bytes:
        return made[0].respond(request)

    with serving(respond) as server:
        made.append(Provider(server=server, host=host))
        yield made[0]
