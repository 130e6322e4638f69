# SPDX-License-Identifier: Apache-2.0
"""What settings of the dashboard are refused, and what the others become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from authz.settings.dashboard import DashboardSettings, is_loopback
from authz.settings.problems import problems_of

OIDC: dict[str, Any] = {
    "issuer": "https://id.example.com/realms/staff",
    "client_id": "authz",
    "roles": {"admin": ["ops"]},
}


def dashboard(**values: Any) -> DashboardSettings:
    return DashboardSettings.model_validate(values, context={"base": Path("/etc/authz")})


def oidc(**changes: Any) -> DashboardSettings:
    return dashboard(url="https://authz.example.com", oidc={**OIDC, **changes})


def message(**values: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        dashboard(**values)
    return problems_of(caught.value, DashboardSettings)[0].message


def refused(**changes: Any) -> str:
    return message(url="https://authz.example.com", oidc={**OIDC, **changes})


def test_without_any_it_is_there_and_asks_for_tokens() -> None:
    made = dashboard()

    assert made.enabled
    assert made.oidc is None
    assert (made.session_idle_minutes, made.session_longest_hours) == (30, 12)


@pytest.mark.parametrize(
    "url",
    [
        "http://authz.example.com",
        "authz.example.com",
        "https://",
        "https://u:p@authz.example.com",
        "https://authz.example.com/?a=b",
        "https://authz.example.com/#a",
        "https://authz.example.com:port",
        "https://[::1",
        "https://authz.example.com/ä",
        "ftp://authz.example.com",
    ],
)
def test_an_address_that_others_could_read_or_that_is_none(url: str) -> None:
    assert message(url=url) == "is no https address of the dashboard"
    assert refused(issuer=url) == "is no https address of a provider"


def test_the_address_is_that_of_a_host() -> None:
    assert dashboard(url="https://Authz.example.com:8443/").url == "https://authz.example.com:8443"
    assert dashboard(url="http://127.0.0.1:8080").url == "http://127.0.0.1:8080"
    assert message(url="https://authz.example.com/authz") == "has a path"


def test_an_issuer_stays_as_it_was_written() -> None:
    made = oidc(issuer="https://ID.example.com/Realms/Staff/").oidc

    assert made is not None
    assert made.issuer == "https://ID.example.com/Realms/Staff/"


def test_files_are_beside_the_settings() -> None:
    made = oidc(client_secret_file="oidc.secret", ca_file="ca.pem").oidc

    assert made is not None
    assert made.client_secret_file == Path("/etc/authz/oidc.secret")
    assert made.ca_file == Path("/etc/authz/ca.pem")


def test_a_provider_needs_the_address_of_the_dashboard() -> None:
    assert "where to send people back to" in message(oidc=OIDC)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"roles": {}}, "nobody could sign in"),
        ({"roles": {"reader": [" "]}}, "a group has no name"),
        ({"scopes": ["email"]}, "the scope openid is missing"),
        ({"scopes": ["openid email"]}, '"openid email" is no scope'),
        ({"name_claim": " "}, "is no name of a claim"),
        ({"roles_claim": "x" * 201}, "is no name of a claim"),
        ({"roles": {"owner": ["ops"]}}, "unknown key"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in refused(**changes)


@pytest.mark.parametrize("times", [{"session_idle_minutes": 0}, {"session_longest_hours": 721}])
def test_sessions_end(times: dict[str, int]) -> None:
    assert "out of range" in message(**times)


def test_what_is_this_machine_by_its_name() -> None:
    assert all(map(is_loopback, ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("localhost.example", "10.0.0.1", "", "127.0.0.1.example")))
