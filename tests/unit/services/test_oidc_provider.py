# SPDX-License-Identifier: Apache-2.0
"""Sign-in by a provider over real HTTP: what goes right, and what others try."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from authz.errors import ForbiddenError, ProviderError, SettingsError, UnauthenticatedError
from authz.services import oidc_provider
from authz.services.kept import KEEP_SECONDS, PAUSE_SECONDS
from authz.services.oidc_client import Flow
from authz.services.oidc_people import subject_under
from authz.services.permissions import EDITING, EVERYTHING, READING
from authz.services.sign_ins import Person
from tests.factories.oidc_provider import (
    CLIENT_SECRET,
    PEOPLE,
    REDIRECT_URI,
    SigningKey,
    running,
    signed_with_secret,
    unsigned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.services.oidc_provider import OidcProvider
    from tests.factories.oidc_provider import Provider

FLOW = Flow.of("a secret of the browser's")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as one:
        yield one


def now() -> float:
    return time.time()


def sign_in(provider: Provider, ours: OidcProvider | None = None, **changes: Any) -> Person:
    """Sign in as a browser does, and say who it is."""
    ours = ours or provider.connected()
    answer = provider.answer(ours.authorization_url(FLOW, at=now()), **changes)
    return ours.person(answer, FLOW, at=now())


def refusal(provider: Provider, ours: OidcProvider | None = None, **changes: Any) -> str:
    with pytest.raises(UnauthenticatedError) as caught:
        sign_in(provider, ours, **changes)
    assert caught.value.hint
    return caught.value.message


def trouble(provider: Provider, ours: OidcProvider | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        sign_in(provider, ours)
    assert "API token" in str(caught.value.hint)
    return caught.value


def test_the_question_is_bound_to_the_browser_and_has_no_secret(provider: Provider) -> None:
    url = provider.connected().authorization_url(FLOW, at=now())
    asked = dict(parse_qsl(urlsplit(url).query))

    assert asked.pop("state") == FLOW.state
    assert asked.pop("nonce") == FLOW.nonce
    assert asked.pop("code_challenge") != FLOW.verifier
    assert asked == {
        "response_type": "code",
        "client_id": "authz",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid email",
        "code_challenge_method": "S256",
    }
    assert FLOW.verifier not in url
    assert CLIENT_SECRET not in url
    assert FLOW.verifier not in repr(FLOW)


def test_flows_of_two_secrets_have_nothing_in_common() -> None:
    one, other = Flow.of("a" * 43), Flow.of("b" * 43)

    assert len({one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier}) == 6
    assert 43 <= len(one.verifier) <= 128, "RFC 7636 §4.1"


@pytest.mark.parametrize(
    ("groups", "grants"),
    [
        (["ops"], EVERYTHING | READING),
        (["dev"], EDITING | READING),
        (["staff", "other"], READING),
        (["staff", "dev"], EDITING | READING),
    ],
)
def test_groups_say_what_somebody_may(
    groups: list[str], grants: frozenset[Any], provider: Provider
) -> None:
    provider.groups = groups

    assert sign_in(provider) == Person(
        name="alice@example.com",
        subject=subject_under(provider.issuer, provider.subject, PEOPLE),
        grants=grants,
    )


@pytest.mark.parametrize("groups", [[], ["OPS"], ["ops "], None])
def test_whoever_is_in_none_of_them_is_refused(
    groups: list[str] | None, provider: Provider
) -> None:
    provider.groups = groups
    provider.userinfo = {}
    with pytest.raises(ForbiddenError, match=r"groups of alice@example\.com may") as caught:
        sign_in(provider)
    assert "admin.dashboard.oidc.roles" in str(caught.value.hint)


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
def test_other_signatures(algorithm: str, provider: Provider) -> None:
    provider.keys = [SigningKey("RS256", "old"), SigningKey(algorithm, "new")][::-1]

    assert sign_in(provider).name == "alice@example.com"


@pytest.mark.parametrize(
    ("method", "secret"), [("client_secret_post", CLIENT_SECRET), ("none", None)]
)
def test_other_ways_to_say_who_we_are(method: str, secret: str | None, provider: Provider) -> None:
    provider.document["token_endpoint_auth_methods_supported"] = [method]
    given = None if secret is None else lambda: secret

    assert sign_in(provider, provider.connected(secret=given))
    asked = next(one for one in provider.server.requests if one.target == "/token")
    assert "authorization" not in asked.headers


def test_a_secret_that_is_changed_counts_at_once(provider: Provider) -> None:
    secrets = ["wrong", CLIENT_SECRET]
    ours = provider.connected(secret=lambda: secrets.pop(0))

    trouble(provider, ours)
    assert sign_in(provider, ours)


def test_a_secret_that_cannot_be_read_is_the_operators(provider: Provider) -> None:
    def unreadable() -> str:
        raise SettingsError("the file is away")

    with pytest.raises(SettingsError):
        sign_in(provider, provider.connected(secret=unreadable))


# --- What others try ---------------------------------------------------------------------------


@pytest.mark.parametrize("state", [None, "", "0" * 64, "é"])
def test_an_answer_to_another_question_is_not_even_asked_about(
    state: str | None, provider: Provider
) -> None:
    assert "not the answer to what your browser asked" in refusal(provider, state=state)
    assert not [one for one in provider.server.requests if one.target == "/token"]


def test_an_answer_of_another_browser_is_not_taken(provider: Provider) -> None:
    ours = provider.connected()
    answer = provider.answer(ours.authorization_url(Flow.of("attacker"), at=now()))

    with pytest.raises(UnauthenticatedError, match="not the answer"):
        ours.person(answer, FLOW, at=now())


def test_a_code_counts_once(provider: Provider) -> None:
    ours = provider.connected()
    answer = provider.answer(ours.authorization_url(FLOW, at=now()))
    assert ours.person(answer, FLOW, at=now())

    with pytest.raises(UnauthenticatedError, match="does not know this sign-in"):
        ours.person(answer, FLOW, at=now())
    assert len(provider.redeemed) == 1


def test_a_code_of_another_browsers_flow_is_of_no_use(provider: Provider) -> None:
    """PKCE: a code that was stolen is redeemed with the verifier of whoever brings it."""
    ours = provider.connected()
    stolen = provider.answer(ours.authorization_url(Flow.of("victim"), at=now()))["code"]

    assert "does not know this sign-in" in refusal(provider, ours, code=stolen)


@pytest.mark.parametrize(
    ("iss", "supported", "taken"),
    [
        ("https://other.example", True, False),
        ("https://other.example", None, False),
        ("", None, False),
        (None, True, False),
        (None, None, True),
    ],
)
def test_an_answer_of_another_provider_is_not_redeemed_here(
    iss: str | None, supported: bool | None, taken: bool, provider: Provider
) -> None:
    """Mix-up (RFC 9207)."""
    provider.document["authorization_response_iss_parameter_supported"] = supported
    if taken:
        assert sign_in(provider, iss=iss)
    else:
        assert "another provider's" in refusal(provider, iss=iss)
        assert not provider.redeemed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "access_denied"}, "you were not signed in: access denied"),
        ({"error": "<script>alert(1)</script>"}, "you were not signed in: no reason"),
        ({"error": "access_denied", "code": "x"}, "you were not signed in"),
        ({"code": ""}, "the answer has no code"),
        ({"code": None}, "the answer has no code"),
        ({"code": "a b"}, "the answer has no code"),
        ({"code": "x" * 5000}, "the answer has no code"),
        ({"code": "guessed"}, "does not know this sign-in"),
    ],
)
def test_an_answer_without_a_good_code(
    answer: dict[str, str | None], said: str, provider: Provider
) -> None:
    assert said in refusal(provider, **answer)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"aud": "somebody else"},
        {"aud": ["somebody else", "authz"]},
        {"aud": ["somebody else", "authz"], "azp": "somebody else"},
        {"aud": []},
        {"aud": None},
        {"aud": {"authz": 1}},
        {"azp": "somebody else"},
        {"iss": "https://other.example"},
        {"iss": None},
        {"iss": ["x"]},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "9999999999"},
        {"iat": 9_999_999_999},
        {"iat": None},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
        {"at_hash": "wrong"},
        {"at_hash": 5},
    ],
)
def test_a_token_that_is_not_for_us_or_not_now(claims: dict[str, Any], provider: Provider) -> None:
    provider.claims = claims

    assert "the provider's token is not good" in refusal(provider)


def test_two_audiences_are_good_when_we_asked(provider: Provider) -> None:
    provider.claims = {"aud": ["somebody else", "authz"], "azp": "authz"}

    assert sign_in(provider)


def test_clocks_may_be_a_little_apart(provider: Provider) -> None:
    provider.claims = {"exp": int(now()) - 30, "iat": int(now()) + 30}

    assert sign_in(provider)


def claims_of(provider: Provider) -> dict[str, Any]:
    return provider.id_claims(FLOW.nonce)


def test_a_token_that_nobody_signed(provider: Provider) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        provider.token = unsigned(claims_of(provider), algorithm)
        assert refusal(provider)


def test_a_token_signed_with_what_is_public(provider: Provider) -> None:
    """Confusion of algorithms: the public key taken for the secret of an HMAC."""
    jwk = provider.keys[0].jwk
    for secret in (str(jwk).encode(), jwk["n"].encode(), CLIENT_SECRET.encode(), b""):
        for header in ({"kid": "one"}, {}):
            provider.token = signed_with_secret(claims_of(provider), secret, **header)
            assert refusal(provider)


def test_a_token_of_a_key_that_it_brings_along(provider: Provider) -> None:
    other = SigningKey("RS256", "one")
    for header in (
        {"jwk": other.jwk},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"kid": "../../keys"},
        {"kid": "two"},
        {"kid": 5},
    ):
        provider.token = other.token(claims_of(provider), **header)
        assert refusal(provider)
    assert not [one for one in provider.server.requests if "evil" in one.target]


def test_a_token_whose_header_says_another_algorithm_of_its_key(provider: Provider) -> None:
    elliptic = SigningKey("ES256", "one")
    provider.keys = [elliptic]
    provider.token = elliptic.token(claims_of(provider), alg="RS256")

    assert refusal(provider)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.c.d.e", "é.é.é", "." * 70_000])
def test_what_is_no_token(token: str, provider: Provider) -> None:
    provider.token = token or " "

    assert refusal(provider)


def test_a_token_whose_claims_were_changed(provider: Provider) -> None:
    good = provider.keys[0].token(claims_of(provider))
    forged = unsigned({**claims_of(provider), "groups": ["ops"]}).split(".")[1]
    head, _, signature = good.split(".")
    provider.token = f"{head}.{forged}.{signature}"

    assert refusal(provider)


def test_claims_that_are_no_object(provider: Provider) -> None:
    key = provider.keys[0]
    for claims in ([], "x", None, 5):
        provider.token = key.signed({"alg": "RS256", "kid": "one"}, claims)
        assert refusal(provider)


# --- Keys ---------------------------------------------------------------------------------------


def asked(provider: Provider, path: str) -> int:
    return sum(one.target == path for one in provider.server.requests)


def test_keys_that_changed_are_fetched_again_but_not_for_everybody(provider: Provider) -> None:
    ours = provider.connected()
    assert sign_in(provider, ours)
    answer = provider.answer(ours.authorization_url(FLOW, at=now()))
    provider.keys = [SigningKey("RS256", "two")]
    later = now() + PAUSE_SECONDS
    assert ours.person(answer, FLOW, at=later)
    assert asked(provider, "/keys") == 2

    # Keys that are not there cannot have the provider asked for them again and again.
    provider.token = SigningKey("RS256", "three").token(claims_of(provider))
    for _ in range(3):
        answer = provider.answer(ours.authorization_url(FLOW, at=later))
        with pytest.raises(UnauthenticatedError, match="not signed by a key of Acme"):
            ours.person(answer, FLOW, at=later)
    assert asked(provider, "/keys") == 2


def test_keys_and_discovery_are_kept_for_a_while(provider: Provider) -> None:
    ours = provider.connected()
    for _ in range(3):
        sign_in(provider, ours)
    discovery = "/.well-known/openid-configuration"
    assert (asked(provider, discovery), asked(provider, "/keys")) == (1, 1)
    ours.authorization_url(FLOW, at=now() + KEEP_SECONDS)
    assert asked(provider, discovery) == 2


# --- What only the provider's userinfo says -----------------------------------------------------


def test_claims_that_are_not_in_the_token_are_asked_for(provider: Provider) -> None:
    provider.groups = None
    provider.claims = {"email": None}
    provider.userinfo = {"email": "bob@example.com", "groups": ["dev"], "iss": "x"}
    found = sign_in(provider)

    assert (found.name, found.grants) == ("bob@example.com", EDITING | READING)
    assert found.subject == subject_under(provider.issuer, provider.subject, PEOPLE)


def test_they_are_not_asked_for_when_they_are_there(provider: Provider) -> None:
    sign_in(provider)

    assert asked(provider, "/userinfo") == 0


def test_what_the_token_says_counts_more(provider: Provider) -> None:
    provider.claims = {"email": None}
    provider.userinfo = {"email": "bob@example.com", "groups": ["ops"]}

    assert sign_in(provider).grants == READING


def test_userinfo_of_somebody_else_is_not_theirs(provider: Provider) -> None:
    provider.groups = None
    for userinfo in ({"sub": "other", "groups": ["ops"]}, {"sub": None, "groups": ["ops"]}):
        provider.userinfo = userinfo
        trouble(provider)


def test_without_userinfo_what_is_there_has_to_do(provider: Provider) -> None:
    provider.claims = {"email": None}
    provider.document["userinfo_endpoint"] = None

    assert sign_in(provider).name == provider.subject


# --- A provider in trouble -----------------------------------------------------------------------


def test_a_provider_that_is_down_is_said_to_be_and_logged(
    provider: Provider, log_lines: list[dict[str, Any]]
) -> None:
    provider.down = True
    error = trouble(provider)

    assert error.message == "Acme cannot be asked who you are"
    (line,) = log_lines
    assert line["event"] == "the provider of sign-ins"
    assert (line["what"], line["issuer"]) == ("discovery", provider.issuer)
    assert "503" in line["reason"]


def test_a_provider_that_is_another_one_is_not_asked_further(
    provider: Provider, log_lines: list[dict[str, Any]]
) -> None:
    provider.document["issuer"] = "https://other.example"
    trouble(provider)

    assert "is of 'https://other.example'" in log_lines[0]["reason"]
    assert len(provider.server.requests) == 1


def test_one_that_is_down_is_not_asked_again_and_again(provider: Provider) -> None:
    ours = provider.connected()
    provider.down = True
    for _ in range(3):
        trouble(provider, ours)
    assert len(provider.server.requests) == 1
    provider.down = False
    assert ours.authorization_url(FLOW, at=now() + PAUSE_SECONDS)


def test_a_token_endpoint_that_refuses_us_is_logged_without_a_secret(
    provider: Provider, log_lines: list[dict[str, Any]]
) -> None:
    trouble(provider, provider.connected(secret=lambda: "wrong"))

    assert log_lines[-1]["reason"] == "status 401, invalid_client"
    assert "wrong" not in str(log_lines)


@pytest.mark.parametrize("answer", [[], {"id_token": 5}, {"access_token": "x"}])
def test_a_token_endpoint_that_answers_nothing_of_use(
    answer: Any, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = provider.connected()
    monkeypatch.setattr(ours._fetcher, "posted", lambda *_: (200, answer))

    trouble(provider, ours)


def test_an_access_token_that_would_be_another_header_is_not_sent(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.groups = None
    ours = provider.connected()
    token = provider.keys[0].token(claims_of(provider))
    given = {"id_token": token, "access_token": "x\r\nX-Evil: 1"}
    monkeypatch.setattr(ours._fetcher, "posted", lambda *_: (200, given))

    trouble(provider, ours)


def test_only_a_few_ask_at_a_time(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc_provider, "WAIT_SECONDS", 0.01)
    ours = provider.connected()
    ours.authorization_url(FLOW, at=now())
    begun, go = threading.Semaphore(0), threading.Event()

    def slow(*_: Any) -> tuple[int, Any]:
        begun.release()
        go.wait(20)
        return 400, {"error": "invalid_grant"}

    monkeypatch.setattr(ours._fetcher, "posted", slow)
    answer = provider.answer(ours.authorization_url(FLOW, at=now()))
    refused: list[str] = []

    def redeem() -> None:
        try:
            ours.person(answer, FLOW, at=now())
        except UnauthenticatedError as error:
            refused.append(error.message)

    threads = [threading.Thread(target=redeem) for _ in range(oidc_provider.MOST_AT_A_TIME)]
    for one in threads:
        one.start()
    for _ in threads:
        assert begun.acquire(timeout=20)
    with pytest.raises(ProviderError, match="too many people"):
        ours.person(answer, FLOW, at=now())
    go.set()
    for one in threads:
        one.join(20)
    assert len(refused) == len(threads)


# --- Signing out ---------------------------------------------------------------------------------


def test_where_somebody_signs_out_there_as_well(provider: Provider) -> None:
    ours = provider.connected()
    assert ours.sign_out_url() is None, "nobody is asked for that"
    ours.authorization_url(FLOW, at=now())

    url = ours.sign_out_url()
    assert url is not None
    assert url.startswith(f"{provider.issuer}/logout?")
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "client_id": "authz",
        "post_logout_redirect_uri": "http://dashboard/sign-in",
    }


def test_a_provider_without_such_a_place(provider: Provider) -> None:
    provider.document["end_session_endpoint"] = None
    ours = provider.connected()
    ours.authorization_url(FLOW, at=now())

    assert ours.sign_out_url() is None
    assert ours.label == "Acme"
