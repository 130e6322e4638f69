# SPDX-License-Identifier: Apache-2.0
"""Sign-in by an OpenID Connect provider: the authorization code flow with PKCE.

    flow = Flow.of(secret)                              the browser alone has the secret
    provider.authorization_url(flow, at=…)              where the browser goes
    provider.person(answer, flow, at=…)                 who came back

What the provider says of itself and its keys are fetched when they are needed and kept for a while;
its token endpoint is asked once for each sign-in. Only a few are under way at a time: a provider
that hangs holds no more than these. OpenID Connect Core 1.0, RP-Initiated Logout 1.0; RFC 6749,
RFC 7636 (PKCE), RFC 9207 (who answers), RFC 9700 (what goes wrong). Nothing here is ever asked by
what decides about checks.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote_plus

from authz.errors import FetchError, ProviderError, UnauthenticatedError
from authz.observability.log import get_logger
from authz.services.kept import Kept
from authz.services.oidc_discovery import DISCOVERY, Endpoints
from authz.services.oidc_people import claim, person_of, rules_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from authz.services.id_tokens import Keys
    from authz.services.oidc_client import Flow, OidcClient
    from authz.services.sign_ins import Person
    from authz.sources.fetch_json import JsonFetcher

#: Sign-ins that ask the provider at a time, and how long one more waits, in seconds.
MOST_AT_A_TIME: Final = 4
WAIT_SECONDS: Final = 2.0

_CODE: Final = re.compile(r"[!-~]{1,4096}")
_ERROR: Final = re.compile(r"[a-z_]{1,40}")
_HINT: Final = "sign in with an API token, or try again later"

_T = TypeVar("_T")


class OidcProvider:
    """A provider, for many threads.

    Args:
        fetcher: how it is asked.
    """

    def __init__(self, client: OidcClient, fetcher: JsonFetcher) -> None:
        self.client = client
        self._fetcher = fetcher
        self._places = threading.BoundedSemaphore(MOST_AT_A_TIME)
        self._endpoints = Kept(self._discover)
        self._keys = Kept(self._fetch_keys)

    @property
    def label(self) -> str:
        """What people know it by."""
        return self.client.label

    def authorization_url(self, flow: Flow, *, at: float) -> str:
        """Where a browser goes to sign in.

        Raises:
            ProviderError: the provider cannot be asked where that is.
        """
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        with self._place():
            endpoints = self._endpoints.get(at)
        url: str = prepare_grant_uri(
            endpoints.authorization,
            self.client.client_id,
            "code",
            redirect_uri=self.client.redirect_uri,
            scope=" ".join(self.client.scopes),
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return url

    def person(self, answer: Mapping[str, str], flow: Flow, *, at: float) -> Person:
        """Who signed in.

        Args:
            answer: the parameters that the browser came back with.
            flow: the one that this browser began.

        Raises:
            UnauthenticatedError: nobody: the answer is to another question, another provider's, a
                refusal, or not good.
            ForbiddenError: somebody who may not do anything here.
            ProviderError: the provider cannot be asked.
            SettingsError: our secret cannot be read.
        """
        # 1. Is it the answer to what this browser asked? Before anything else of it is believed.
        flow.check(answer.get("state", ""))
        with self._place():
            endpoints = self._endpoints.get(at)
            # 2. Is it this provider's?
            self._check_issuer(answer, endpoints)
            # 3. Did it let somebody in?
            code = _code(answer)
            # 4. Whom? Its own word, over a connection of our own.
            given = self._redeemed(endpoints, code, flow)
            claims = self._claims(given, flow, at)
            claims = self._with_more(endpoints, given, claims)
        # 5. What may they?
        return person_of(self.client.issuer, claims, self.client.people)

    def still_lets_in(self, subject: str) -> bool:
        """Whether a session of this subject was begun under the settings as they are."""
        return subject[32:] == rules_digest(self.client.issuer, self.client.people)

    def sign_out_url(self) -> str | None:
        """Where somebody signs out there as well; None where that is not known, or nowhere."""
        from authlib.common.urls import add_params_to_uri

        endpoints = self._endpoints.known
        if endpoints is None or not endpoints.end_session:
            return None
        params = [
            ("client_id", self.client.client_id),
            ("post_logout_redirect_uri", self.client.home),
        ]
        url: str = add_params_to_uri(endpoints.end_session, params)
        return url

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=WAIT_SECONDS):
            raise ProviderError(
                f"too many people sign in with {self.label} at the same time", hint=_HINT
            )
        try:
            yield
        finally:
            self._places.release()

    def _asked(self, what: str, ask: Callable[[], _T]) -> _T:
        """What the provider answers."""
        try:
            return ask()
        except FetchError as error:
            raise self._failed(what, str(error)) from None
        except ProviderError as error:
            raise self._failed(what, error.message) from None

    def _failed(self, what: str, reason: str) -> ProviderError:
        """What people hear of what went wrong; whoever runs this finds the rest in the log."""
        get_logger().warning(
            "the provider of sign-ins", issuer=self.client.issuer, what=what, reason=reason[:500]
        )
        return ProviderError(f"{self.label} cannot be asked who you are", hint=_HINT)

    def _discover(self) -> Endpoints:
        issuer, is_public = self.client.issuer, self.client.secret is None
        url = issuer.rstrip("/") + DISCOVERY
        return self._asked(
            "discovery",
            lambda: Endpoints.read(self._fetcher.json(url), issuer, is_public=is_public),
        )

    def _fetch_keys(self) -> Keys:
        from authz.services.id_tokens import Keys

        endpoints = self._endpoints.known
        assert endpoints is not None, "they are known before there is a token"
        return self._asked("keys", lambda: Keys(self._fetcher.json(endpoints.jwks)))

    def _check_issuer(self, answer: Mapping[str, str], endpoints: Endpoints) -> None:
        """RFC 9207: an answer that another provider gave is not redeemed at this one."""
        said = answer.get("iss")
        if said != self.client.issuer if said is not None else endpoints.says_who_answers:
            raise UnauthenticatedError("the answer is another provider's", hint="sign in once more")

    def _redeemed(self, endpoints: Endpoints, code: str, flow: Flow) -> dict[str, Any]:
        """What the provider gives for a code."""
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        client = self.client
        secret = "" if client.secret is None else client.secret()
        name, word = client.client_id, secret
        if endpoints.auth_method == "client_secret_basic":
            # RFC 6749 §2.3.1: both are encoded as in a form first.
            name, word = quote_plus(name), quote_plus(word)
        form = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=client.redirect_uri,
            code_verifier=flow.verifier,
        )
        _, headers, form = ClientAuth(name, word, endpoints.auth_method).prepare(
            "POST", endpoints.token, {}, form
        )
        status, given = self._asked(
            "token", lambda: self._fetcher.posted(endpoints.token, form, headers)
        )
        if status == 200 and isinstance(given, dict):
            return given
        error = str(given.get("error", "")) if isinstance(given, dict) else ""
        error = error if _ERROR.fullmatch(error) else "no reason"
        if status == 400 and error == "invalid_grant":
            raise UnauthenticatedError(
                f"{self.label} does not know this sign-in (any more)", hint="sign in once more"
            )
        raise self._failed("token", f"status {status}, {error}")

    def _claims(self, given: Mapping[str, Any], flow: Flow, at: float) -> dict[str, Any]:
        """The claims of the ID token."""
        from authz.services.id_tokens import UnknownKeyError, verified

        token, access = given.get("id_token"), given.get("access_token")
        if not isinstance(token, str):
            raise self._failed("token", "there is no ID token")
        for anew in (False, True):
            # Keys change: one that is not there may be by now.
            keys = self._keys.get(at, anew=anew)
            try:
                return verified(
                    token,
                    keys,
                    client_id=self.client.client_id,
                    issuer=self.client.issuer,
                    nonce=flow.nonce,
                    access_token=access if isinstance(access, str) else "",
                    at=at,
                )
            except UnknownKeyError:
                continue
        raise UnauthenticatedError(
            f"the answer is not signed by a key of {self.label}", hint="sign in once more"
        )

    def _with_more(
        self, endpoints: Endpoints, given: Mapping[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """With what the provider only says when it is asked (OpenID Connect Core §5.3)."""
        rules, access = self.client.people, given.get("access_token")
        wanted = (rules.name_claim, rules.roles_claim)
        is_enough = all(claim(claims, one) is not None for one in wanted)
        if is_enough or not endpoints.userinfo or not isinstance(access, str):
            return claims
        if not _CODE.fullmatch(access):
            raise self._failed("token", "the access token is none")
        bearer = {"Authorization": f"Bearer {access}"}
        more = self._asked("userinfo", lambda: self._fetcher.json(endpoints.userinfo, bearer))
        # §5.3.2: it may be of somebody else.
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise self._failed("userinfo", "it is of somebody else")
        return {**more, **claims}


def _code(answer: Mapping[str, str]) -> str:
    """The code of an answer that let somebody in."""
    error = answer.get("error")
    if error is not None:
        reason = error if _ERROR.fullmatch(error) else "no reason"
        raise UnauthenticatedError(
            f"you were not signed in: {reason.replace('_', ' ')}", hint="sign in once more"
        )
    code = answer.get("code", "")
    if not _CODE.fullmatch(code):
        raise UnauthenticatedError("the answer has no code", hint="sign in once more")
    return code
