# SPDX-License-Identifier: Apache-2.0
"""To the provider and back: what the browser keeps, and what becomes of it."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from authz.dashboard.options import Options
from authz.services.failures import MOST_FAILURES
from authz.services.oidc_client import Flow
from authz.store.engine import open_store
from tests.factories.dashboard import Bench, Visitor
from tests.factories.oidc_provider import PEOPLE, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from tests.factories.oidc_provider import Provider

CALLBACK = "/sign-in/oidc/callback"
FLOW_COOKIE = "authz-sign-in"


class Person:
    """A browser of somebody whom the provider knows."""

    def __init__(self, bench: Bench, provider: Provider) -> None:
        self.bench = bench
        self.provider = provider
        self.client = bench.client()

    def get(self, path: str, **more: Any) -> httpx.Response:
        answer: httpx.Response = self.bench.run(self.client.get(self.bench.path(path), **more))
        return answer

    def leave(self, wanted: str = "/sessions") -> str:
        """Where the provider is."""
        answer = self.get(f"/sign-in/oidc?{urlencode({'next': wanted})}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def come_back(self, url: str, **changes: str | None) -> httpx.Response:
        return self.get(f"{CALLBACK}?{urlencode(self.provider.answer(url, **changes))}")

    def sign_in(self, wanted: str = "/sessions") -> httpx.Response:
        answer = self.come_back(self.leave(wanted))
        assert answer.status_code == 303, answer.text
        return answer

    def post(self, path: str) -> httpx.Response:
        token = re.findall(r'name="csrf" value="([0-9a-f]{64})"', self.get("/sessions").text)[0]
        answer: httpx.Response = self.bench.run(self.client.post(path, data={"csrf": token}))
        return answer


@contextlib.contextmanager
def people(tmp_path: Path, empty_store: Path, options: Options | None = None) -> Iterator[Person]:
    shutil.copy(empty_store, tmp_path)
    with (
        contextlib.closing(open_store("sqlite", tmp_path, create=False)) as store,
        running() as provider,
    ):
        bench = Bench(store, options, provider.connected())
        try:
            yield Person(bench, provider)
        finally:
            bench.close()


@pytest.fixture
def person(tmp_path: Path, empty_store: Path) -> Iterator[Person]:
    with people(tmp_path, empty_store) as one:
        yield one


def kept(answer: httpx.Response, name: str) -> str:
    (cookie,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith(name)]
    return str(cookie)


def test_the_sign_in_page_offers_both_ways(person: Person) -> None:
    page = person.get("/sign-in?next=/lists%3Fa%3Db%26c").text

    assert 'href="/sign-in/oidc?next=/lists%3Fa%3Db%26c">Sign in with Acme</a>' in page
    assert "Or with an API token" in page


def test_without_a_provider_there_is_nothing_of_it(visitor: Visitor) -> None:
    visitor.client.cookies.clear()

    assert "oidc" not in visitor.get("/sign-in")
    visitor.get("/sign-in/oidc", 404)
    visitor.get(f"{CALLBACK}?code=x&state=y", 404)


def test_somebody_signs_in_and_comes_to_the_page_that_they_wanted(person: Person) -> None:
    answer = person.sign_in("/sessions?page=2")

    assert answer.headers["location"] == "/sessions?page=2"
    assert "; HttpOnly" in kept(answer, "authz-session")
    assert "Max-Age=0" in kept(answer, FLOW_COOKIE)
    page = person.get("/sessions").text
    assert "<summary>alice@example.com</summary>" in page
    assert "Read only" in page
    assert "roll the token" not in page


def test_the_audit_log_tells_people_of_one_name_apart(person: Person) -> None:
    actors = set()
    for subject in ("1", "2"):
        person.client.cookies.clear()
        person.provider.subject = subject
        person.sign_in()
        with person.bench.store.read() as session:
            row = session.audit.latest(most=1)[0]
        assert row.action == "sign in"
        assert re.fullmatch(r"user alice@example\.com \([0-9a-f]{8}\)", row.actor)
        actors.add(row.actor)
    assert len(actors) == 2


def test_groups_that_may_more_may_more(person: Person) -> None:
    person.provider.groups = ["ops"]
    person.sign_in()

    assert "Read only" not in person.get("/sessions").text


def test_whoever_is_in_no_group_hears_why(person: Person) -> None:
    person.provider.groups = ["<b>others</b>"]
    answer = person.come_back(person.leave("/lists"))

    assert answer.status_code == 403
    assert "None of the groups of alice@example.com may use this dashboard" in answer.text
    assert "API token" in answer.text
    assert 'value="/lists"' in answer.text
    assert not [one for one in answer.headers.get_list("set-cookie") if "authz-session" in one]


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_nobody_is_sent_elsewhere(wanted: str, person: Person) -> None:
    assert person.sign_in(wanted).headers["location"] == "/"


def test_a_place_that_is_changed_in_the_cookie_is_looked_at_again(person: Person) -> None:
    import base64

    url = person.leave("/lists")
    secret, _, _ = str(person.client.cookies[FLOW_COOKIE]).partition(".")
    evil = base64.urlsafe_b64encode(b"//evil.example").decode()
    person.client.cookies.clear()
    person.client.cookies.set(FLOW_COOKIE, f"{secret}.{evil}")

    assert person.come_back(url).headers["location"] == "/"


def test_what_the_browser_keeps_meanwhile_is_for_nobody_else(person: Person) -> None:
    answer = person.get("/sign-in/oidc")
    cookie = kept(answer, FLOW_COOKIE)

    for part in ("; HttpOnly", "; Path=/", "; SameSite=lax", "; Max-Age=900"):
        assert part in cookie
    secret = cookie.removeprefix(f"{FLOW_COOKIE}=").partition(".")[0].strip('"')
    assert len(secret) == 43
    assert secret not in answer.headers["location"]
    assert Flow.of(secret).verifier not in answer.headers["location"]


def test_with_tls_it_never_goes_without(tmp_path: Path, empty_store: Path) -> None:
    with people(tmp_path, empty_store, Options(secure=True)) as person:
        answer = person.get("/sign-in/oidc")
    assert kept(answer, f"__Host-{FLOW_COOKIE}=").count("; Secure") == 1


def refused(answer: httpx.Response, said: str) -> None:
    assert answer.status_code == 401
    assert said in answer.text
    assert not [one for one in answer.headers.get_list("set-cookie") if "authz-session" in one]
    assert "Max-Age=0" in kept(answer, FLOW_COOKIE)


@pytest.mark.parametrize("cookie", ["", "x", ".", "x.Lw==", "é" * 43, "a" * 42 + "."])
def test_a_browser_that_began_nothing_signs_nobody_in(cookie: str, person: Person) -> None:
    """Nor may it with what anybody can make: the state of no secret."""
    other = Person(person.bench, person.provider)
    url = other.leave()
    state = Flow.of(cookie.partition(".")[0]).state
    headers = {"Cookie": f"{FLOW_COOKIE}={cookie}".encode()} if cookie else {}
    answer = person.provider.answer(url, state=state)

    refused(person.get(f"{CALLBACK}?{urlencode(answer)}", headers=headers), "began no sign-in")
    assert not person.provider.redeemed


def test_an_answer_that_another_browser_asked_for_signs_nobody_in(person: Person) -> None:
    """Login CSRF: somebody is brought to a link with the code of another person's."""
    attacker = Person(person.bench, person.provider)
    answer = person.provider.answer(attacker.leave())
    person.leave()

    refused(person.get(f"{CALLBACK}?{urlencode(answer)}"), "not the answer")
    assert not person.provider.redeemed


def test_an_answer_counts_once(person: Person) -> None:
    url = person.leave()
    flow = str(person.client.cookies[FLOW_COOKIE])
    answer = urlencode(person.provider.answer(url))
    assert person.get(f"{CALLBACK}?{answer}").status_code == 303
    refused(person.get(f"{CALLBACK}?{answer}"), "began no sign-in")

    # Not even for whoever kept what the browser was told to forget.
    person.client.cookies.set(FLOW_COOKIE, flow)
    refused(person.get(f"{CALLBACK}?{answer}"), "does not know this sign-in")


def test_an_answer_that_says_something_twice(person: Person) -> None:
    url = person.leave()
    answer = urlencode(person.provider.answer(url))

    refused(person.get(f"{CALLBACK}?{answer}&code=other"), "something twice")


def test_a_refusal_of_the_provider_is_told(person: Person) -> None:
    answer = person.come_back(person.leave(), code=None, error="access_denied")

    refused(answer, "You were not signed in: access denied")


def test_what_a_link_says_is_not_shown(person: Person) -> None:
    query = urlencode({"error": "x", "error_description": "call 555", "state": "y"})
    answer = person.get(f"{CALLBACK}?{query}")

    assert answer.status_code == 401
    assert "555" not in answer.text


def test_the_session_that_the_browser_had_ends(person: Person) -> None:
    url = person.leave()
    visitor = Visitor(person.bench)
    first = str(visitor.client.cookies["authz-session"])
    person.client.cookies.set("authz-session", first)
    assert person.come_back(url).status_code == 303
    old = person.bench.client()
    old.cookies.set("authz-session", first)

    assert person.bench.run(old.get("/sessions")).status_code == 303


def test_answers_to_nothing_keep_nobody_out(person: Person) -> None:
    """Any page can have any browser ask for these, and all may have one address (a proxy's)."""
    other = Person(person.bench, person.provider)
    for number in range(2 * MOST_FAILURES):
        other.leave()
        for query in ("", "?code=x&state=y", "?state=y&state=y"):
            assert other.get(f"{CALLBACK}{query}").status_code == 401, number
            other.client.cookies.clear()
        assert other.come_back(person.leave()).status_code == 401
        # One that answers another sign-in than the last of this browser.
        before = other.leave()
        other.leave()
        assert other.come_back(before).status_code == 401
    assert person.bench.dashboard.app.state.site.failures.metrics.failed == 0

    person.sign_in()


def test_a_link_does_not_take_the_place_of_a_session(person: Person) -> None:
    visitor = Visitor(person.bench)
    answer = visitor.send("GET", "/sign-in/oidc?next=/lists", headers={"Sec-Fetch-Site": "x"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/lists")
    assert "set-cookie" not in answer.headers
    visitor.get("/sessions")


def test_nobody_is_refused_for_what_others_guess(person: Person) -> None:
    """Beyond the limit nothing tells what was wrong; who signs in signs in."""
    guessing = Person(person.bench, person.provider)
    for _ in range(MOST_FAILURES):
        assert guessing.come_back(guessing.leave(), code="guessed").status_code == 401
    late = guessing.come_back(guessing.leave(), code="guessed")

    assert late.status_code == 429
    assert late.headers["retry-after"]
    person.sign_in()
    # A token lets in at any time, too.
    assert Visitor(person.bench).get("/sessions")


def test_a_provider_that_is_down_leaves_tokens(person: Person) -> None:
    person.provider.down = True
    answer = person.get("/sign-in/oidc?next=/lists")

    assert answer.status_code == 503
    assert "Acme cannot be asked who you are" in answer.text
    assert "API token" in answer.text
    assert 'value="/lists"' in answer.text
    assert Visitor(person.bench).get("/sessions")


def test_one_that_goes_down_meanwhile(person: Person) -> None:
    url = person.leave()
    person.provider.down = True
    answer = person.come_back(url)

    assert answer.status_code == 503
    assert "Acme cannot be asked" in answer.text


def test_who_signs_out_may_sign_out_there_as_well(person: Person) -> None:
    person.sign_in()
    answer = person.post("/sign-out")

    assert answer.headers["location"] == "/sign-in?signed-out=provider"
    page = person.get(answer.headers["location"]).text
    link = re.findall(r'<a href="([^"]*)">Sign out of Acme as well</a>', page)[0]
    assert link.startswith(f"{person.provider.issuer}/logout?client_id=authz&amp;")
    assert person.get("/sessions").status_code == 303


def test_who_signs_out_of_a_token_has_nothing_to_sign_out_of_there(person: Person) -> None:
    person.leave()
    visitor = Visitor(person.bench)
    page = visitor.get(visitor.post("/sign-out").headers["location"])

    assert "You are signed out." in page
    assert "as well" not in page


def test_sessions_of_a_provider_that_is_switched_off_end(person: Person, tmp_path: Path) -> None:
    person.sign_in()
    secret = str(person.client.cookies["authz-session"])
    without = Bench(person.bench.store)
    client = without.client()
    client.cookies.set("authz-session", secret)
    try:
        assert without.run(client.get("/sessions")).status_code == 303
        assert "switched off" in without.run(client.get("/sign-in")).text
    finally:
        without.close()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"label": "Other"}, 200),
        ({"issuer": "https://other.example"}, 303),
        ({"people": replace(PEOPLE, readers=frozenset({"staff", "more"}))}, 303),
        ({"people": replace(PEOPLE, admins=frozenset())}, 303),
        ({"people": replace(PEOPLE, roles_claim="roles")}, 303),
    ],
)
def test_sessions_end_when_the_settings_of_who_may_what_change(
    changes: dict[str, Any], status: int, person: Person
) -> None:
    person.sign_in()
    secret = str(person.client.cookies["authz-session"])
    changed = Bench(person.bench.store, None, person.provider.connected(**changes))
    client = changed.client()
    client.cookies.set("authz-session", secret)
    try:
        assert changed.run(client.get("/sessions")).status_code == status
        if status == 303:
            assert "have changed" in changed.run(client.get("/sign-in")).text
    finally:
        changed.close()


def test_a_session_lasts_no_longer_than_the_settings_say(person: Person) -> None:
    person.sign_in()
    times = person.bench.options.times
    for _ in range(int(times.longest // (times.idle - 1))):
        person.bench.now += times.idle - 1
        assert person.get("/sessions").status_code == 200
    person.bench.now += times.idle - 1
    assert person.get("/sessions").status_code == 303
