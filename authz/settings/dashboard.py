# SPDX-License-Identifier: Apache-2.0
"""The settings of the dashboard: how long sessions last, and who may sign in by a provider.

They are part of `admin` (see `model`). That a provider answers is not looked at here.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from authz.settings.problems import Section, fault
from authz.settings.values import FilePath

#: What an address is made of here: it is written into redirects and compared with others.
_URL = re.compile(r"[!-~]{1,500}")
#: A scope of OAuth 2 (RFC 6749 §3.3).
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")


def is_loopback(host: str) -> bool:
    """Whether a host, as a URL has it, is this machine by its very name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _url(value: str, what: str, example: str) -> SplitResult:
    """The parts of an address whose traffic nobody on the way can read."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = parts.scheme == "http" and is_loopback(host)
    extra = parts.query or parts.fragment or "@" in parts.netloc
    if not host or not (parts.scheme == "https" or plain) or extra or not _URL.fullmatch(value):
        raise fault(
            f"is no https address of {what}",
            hint=f'write "{example}" (http is only for this machine itself)',
        )
    return parts


def _public_url(value: str) -> str:
    if _url(value, "the dashboard", "https://authz.example.com").path.strip("/"):
        raise fault("has a path", hint="the dashboard is at the root of its host: leave it out")
    return value.rstrip("/").lower()


def _issuer(value: str) -> str:
    _url(value, "a provider", "https://id.example.com/realms/staff")
    return value


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise fault(f'"{value}" is no scope', hint="write one scope an item, without blanks")
    return value


def _claim(value: str) -> str:
    if not value.strip() or len(value) > 200:
        raise fault("is no name of a claim", hint='write a name such as "groups"')
    return value


Claim = Annotated[str, AfterValidator(_claim)]


class OidcRoles(Section):
    """Groups of the provider, and what whoever is in one of them may do here."""

    admin: list[str] = Field(default_factory=list, description="They may do everything.")
    editor: list[str] = Field(
        default_factory=list,
        description="They may read everything, and change certificates, rules and lists.",
    )
    reader: list[str] = Field(
        default_factory=list, description="They may read everything and change nothing."
    )

    @model_validator(mode="after")
    def _somebody(self) -> OidcRoles:
        groups = [*self.admin, *self.editor, *self.reader]
        if not groups or not all(one.strip() for one in groups):
            raise fault(
                "nobody could sign in" if not groups else "a group has no name",
                hint="name at least one group of the provider: {admin: [ops]}",
            )
        return self


class OidcSettings(Section):
    """Sign-in by an OpenID Connect provider, besides API tokens.

    Register `URL/sign-in/oidc/callback` as redirect address there, URL being `admin.dashboard.url`.
    """

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        description="The provider, exactly as its discovery document says it."
    )
    label: str = Field(
        default="your organisation",
        min_length=1,
        max_length=60,
        description='What people know it by: "Sign in with …".',
    )
    client_id: str = Field(min_length=1, max_length=255, description="As the provider knows us.")
    client_secret_file: FilePath | None = Field(
        default=None,
        description="A file whose first line is our secret there, mode 0600. Without one we are a "
        "public client, and PKCE alone protects the code.",
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="Authorities of the provider's own certificate (PEM), instead of the system's.",
    )
    scopes: list[Annotated[str, AfterValidator(_scope)]] = Field(
        default=["openid", "email", "profile"], description="What is asked for."
    )
    name_claim: Claim = Field(
        default="email",
        description="The claim that people are known by in the log. An `email` counts unless the "
        "provider says that it is not verified; without the claim it is `sub`.",
    )
    roles_claim: Claim = Field(
        default="groups",
        description="The claim that has the groups; `realm_access.roles` is one in another.",
    )
    roles: OidcRoles = Field(description="Who may do what; whoever is in no group is refused.")

    @model_validator(mode="after")
    def _asks_for_an_id_token(self) -> OidcSettings:
        if "openid" not in self.scopes:
            raise fault("the scope openid is missing", hint="add openid to the scopes")
        return self


class DashboardSettings(Section):
    """The pages beside the API, on the same port."""

    enabled: bool = Field(default=True, description="Whether there are any.")
    url: Annotated[str, AfterValidator(_public_url)] | None = Field(
        default=None,
        description="Where browsers reach it: `https://` and a host, with a port if it has one. "
        "For a proxy in front that does TLS, and for sign-in by a provider.",
    )
    session_idle_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = Field(
        default=30, description="A session ends after so many minutes without a request."
    )
    session_longest_hours: Annotated[int, Field(ge=1, le=24 * 30)] = Field(
        default=12, description="And after so many hours whatever happens."
    )
    oidc: OidcSettings | None = Field(
        default=None, description="Sign-in by a provider, besides API tokens."
    )

    @model_validator(mode="after")
    def _comes_back(self) -> DashboardSettings:
        if self.oidc is not None and self.url is None:
            raise fault(
                "a provider has to know where to send people back to",
                hint="set admin.dashboard.url to where browsers reach the dashboard",
            )
        return self
