# SPDX-License-Identifier: Apache-2.0
"""What we are at an OpenID Connect provider, and one attempt to sign in there."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.services.oidc_people import PeopleRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One attempt to sign in: what goes to the provider and must come back."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def of(cls, secret: str) -> Flow:
        """The one of a secret that one browser alone has."""
        state, nonce, verifier = (
            hmac.new(secret.encode("utf-8", "replace"), what, hashlib.sha256).hexdigest()
            for what in (b"state", b"nonce", b"verifier")
        )
        return cls(state=state, nonce=nonce, verifier=verifier)

    def check(self, state: str) -> None:
        """Make sure that an answer with this state is the one to this attempt.

        Raises:
            UnauthenticatedError: it is not.
        """
        if not hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode()):
            raise UnauthenticatedError(
                "this is not the answer to what your browser asked last", hint="sign in once more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClient:
    """What we are at a provider.

    Args:
        label: what people know the provider by.
        secret: our secret there; None for a public client. Raises SettingsError.
        redirect_uri: where it sends browsers back to.
        home: where it sends them to when they signed out there.
    """

    issuer: str
    label: str
    client_id: str
    secret: Callable[[], str] | None = field(default=None, repr=False)
    redirect_uri: str
    home: str
    scopes: tuple[str, ...] = ("openid",)
    people: PeopleRules
