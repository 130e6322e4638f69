# SPDX-License-Identifier: Apache-2.0
"""What a provider says of itself, and what of it is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from authz.errors import ProviderError
from authz.services.oidc_discovery import Endpoints

ISSUER = "https://id.example.com/realms/staff"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example.com/auth?tenant=1",
    "token_endpoint": "https://tokens.example.net/token",
    "jwks_uri": "https://id.example.com/keys",
}


def read(changes: dict[str, Any] | None = None, *, is_public: bool = False) -> Endpoints:
    return Endpoints.read({**DOCUMENT, **(changes or {})}, ISSUER, is_public=is_public)


def test_what_is_needed_is_enough() -> None:
    assert read() == Endpoints(
        authorization="https://id.example.com/auth?tenant=1",
        token="https://tokens.example.net/token",
        jwks="https://id.example.com/keys",
        userinfo="",
        end_session="",
        auth_method="client_secret_basic",
        says_who_answers=False,
    )


def test_what_there_may_be_besides() -> None:
    found = read(
        {
            "userinfo_endpoint": "https://id.example.com/me",
            "end_session_endpoint": "https://id.example.com/out",
            "authorization_response_iss_parameter_supported": True,
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"],
        }
    )
    assert (found.userinfo, found.end_session) == (
        "https://id.example.com/me",
        "https://id.example.com/out",
    )
    assert (found.says_who_answers, found.auth_method) == (True, "client_secret_post")


@pytest.mark.parametrize(
    "issuer", ["https://other.example", f"{ISSUER}/", ISSUER.upper(), None, [ISSUER], ""]
)
def test_the_document_of_another_one(issuer: Any) -> None:
    with pytest.raises(ProviderError, match="the discovery document is of"):
        read({"issuer": issuer})


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_what_is_no_document(document: Any) -> None:
    with pytest.raises(ProviderError, match="no object"):
        Endpoints.read(document, ISSUER, is_public=False)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        5,
        "http://id.example.com/x",
        "http://127.0.0.1/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "//id.example.com/x",
        "https:///x",
        "https://u:p@id.example.com/x",
        "https://id.example.com/x#y",
        "https://[id.example.com/x",
        "https://id.example.com/\r\nX: 1",
        "https://id.example.com/" + "x" * 2000,
    ],
)
def test_an_address_that_others_could_answer_for(name: str, value: Any) -> None:
    with pytest.raises(ProviderError, match=name):
        read({name: value})


@pytest.mark.parametrize("name", ["userinfo_endpoint", "end_session_endpoint"])
def test_what_there_may_be_is_looked_at_as_well(name: str) -> None:
    with pytest.raises(ProviderError, match=name):
        read({name: "http://id.example.com/x"})


def test_on_this_machine_nothing_is_to_be_overheard() -> None:
    here = "http://localhost:9000"
    document = dict.fromkeys(DOCUMENT, f"{here}/x")

    assert Endpoints.read({**document, "issuer": here}, here, is_public=False).token == f"{here}/x"
    away = {**document, "issuer": here, "token_endpoint": "http://10.0.0.1/x"}
    with pytest.raises(ProviderError, match="token_endpoint"):
        Endpoints.read(away, here, is_public=False)


def test_a_code_that_is_not_bound_to_us_in_any_way() -> None:
    assert read(is_public=True).auth_method == "none"
    assert read({"code_challenge_methods_supported": ["S256"]}, is_public=True)
    with pytest.raises(ProviderError, match="no PKCE"):
        read({"code_challenge_methods_supported": ["plain"]}, is_public=True)
    assert read({"code_challenge_methods_supported": ["plain"]})


def test_a_provider_that_takes_no_secret() -> None:
    with pytest.raises(ProviderError, match="takes no secret"):
        read({"token_endpoint_auth_methods_supported": ["private_key_jwt"]})
    assert read({"token_endpoint_auth_methods_supported": "x"}).auth_method == "client_secret_basic"
