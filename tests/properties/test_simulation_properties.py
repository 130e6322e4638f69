# SPDX-License-Identifier: Apache-2.0
"""Pasted texts never do harm, and a simulation decides as the service that answers Envoy does."""

from __future__ import annotations

import random
import shlex
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.presented import CertificateLimits, CertificateSource
from authz.errors import InvalidInputError
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.snapshot import compile_snapshot
from authz.services.explanation import CheckReading
from authz.services.hosts import add_host
from authz.services.live_policy import LivePolicy
from authz.services.model import StoreModels
from authz.services.rulesets import replace_rules
from authz.services.shell_words import split
from authz.services.simulated_listener import through_listener
from authz.services.simulated_request import SimulatedRequest, check_request
from authz.services.simulation import simulate
from authz.services.simulation_access_log import read_access_log
from authz.services.simulation_check_request import read_check_request
from authz.services.simulation_curl import read_curl
from authz.services.simulation_curl_options import OPTIONS
from authz.services.simulation_paste import read_pasted
from authz.store.engine import open_store
from tests.factories.pki import self_signed
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.policy.decision import Decision
    from authz.services.pasted import Pasted

# --- pasted texts ---------------------------------------------------------------------------------

_PIECES: Final = st.sampled_from(
    [
        *(
            "curl ",
            "curl 'https://h/a?b' ",
            "https://[::1]:8/",
            "//",
            "?",
            "#",
            "'",
            '"',
            "$'",
            "\\",
        ),
        *("\\x41", "\\u00e9", "\n", " ", "`", "$(", "&", "|", ";", "@", "=", ":", "-", "--next "),
        *(
            '[2026-03-01T12:00:00Z] "GET / HTTP/2" 200 - ',
            '"a" "b" "c" "h" "u"',
            "{",
            "}",
            "[",
            "]",
        ),
        *('{"host": "h", "path": "/"}', '{"attributes": {"source": {}}}', '"client": "1.2.3.4:5",'),
        *(f"{one} " for one in sorted(OPTIONS)),
    ]
)
_TEXTS: Final = st.one_of(
    st.lists(st.one_of(_PIECES, st.text(max_size=6)), max_size=12).map("".join), st.text()
)
_READERS: Final[tuple[Callable[[str], Pasted], ...]] = (
    read_curl,
    read_access_log,
    read_check_request,
    read_pasted,
)


@pytest.mark.parametrize("read", _READERS)
@given(text=_TEXTS)
def test_a_text_is_a_request_or_says_why_not(read: Callable[[str], Pasted], text: str) -> None:
    found, error = _tried(lambda: read(text))

    if error is not None:
        assert error.message
        assert error.hint
    else:
        assert all(isinstance(note, str) and note for note in found.notes)


@given(text=_TEXTS)
def test_a_curl_command_that_is_read_can_be_asked_about_or_says_why_not(text: str) -> None:
    def ask() -> None:
        found = read_curl("curl " + text)
        heard = through_listener(_request_of(found), forwards_bodies=True)
        check_request(heard.request, DecodeOptions())

    _, error = _tried(ask)

    assert error is None or error.hint


@given(words=st.lists(st.text(st.characters(exclude_characters="\0"), max_size=20), max_size=8))
def test_words_that_were_quoted_are_the_same_words(words: list[str]) -> None:
    line = shlex.join(["curl", *words])

    assert list(split(line).words) == ["curl", *words]


@pytest.mark.parametrize(
    "text",
    [
        "curl $'" + "a\\n" * 150_000 + "'",
        "curl '" + "a" * 500_000,
        'curl "' + "\\a" * 250_000 + '"',
        "curl " + "-H a:b " * 900 + "https://h",
        "curl https://h/" + "a/../" * 100_000,
        "curl https://h/" + "é" * 200_000,
        "{" * 4_000_000,
        '{"attributes": ' + "[" * 1_000_000,
        "[" + '"a" ' * 60_000,
        '[x] "a" ' + '"' * 200_000,
        "[" * 250_000,
    ],
)
def test_large_texts_take_no_longer_than_they_may(text: str) -> None:
    began = time.process_time()
    _, error = _tried(lambda: read_pasted(text))

    assert error is None or len(error.message) < 1000
    assert time.process_time() - began < 2.0


def _tried(do: Callable[[], Any]) -> tuple[Any, InvalidInputError | None]:
    """What it gives, or how it refuses; anything else that it raises fails the test."""
    try:
        return do(), None
    except InvalidInputError as error:
        return None, error


def _request_of(found: Pasted) -> SimulatedRequest:
    return SimulatedRequest(
        host=found.host,
        method=found.method,
        path=found.path,
        scheme=found.scheme,
        protocol=found.protocol or "HTTP/2",
        headers=found.headers,
        body=found.body,
        sni=found.sni,
        time=0.0,
    )


# --- decisions ------------------------------------------------------------------------------------

_REQUESTS: Final = 1000

_RULES: Final[list[dict[str, Any]]] = [
    {"ref": "watch", "action": "log", "expression": 'http.user_agent contains "curl"'},
    {
        "ref": "friends",
        "action": "skip",
        "action_parameters": {"ruleset": "current"},
        "expression": 'ip.src in {198.51.100.0/24} and http.request.method eq "HEAD"',
    },
    {
        "ref": "leave-out",
        "action": "skip",
        "action_parameters": {"rules": {"current": ["admin"]}},
        "expression": 'any(http.request.headers["x-team"][*] eq "ops")',
    },
    {
        "ref": "admin",
        "action": "block",
        "action_parameters": {
            "response": {"status_code": 451, "content_type": "text/plain", "content": "no"}
        },
        "expression": "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
        ' and http.request.uri.path in {"/admin" "/orders"}',
    },
    {"ref": "body", "action": "block", "expression": 'http.request.body.raw contains "evil"'},
    {"ref": "query", "action": "block", "expression": 'http.request.uri.query contains "drop"'},
    {"ref": "off", "action": "block", "expression": "ssl", "enabled": False},
]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(open_store("sqlite", Path(directory))) as store,
    ):
        made = World(store)
        for name, authority in (("api.example.com", "Acme"), ("*.b.test", "Other")):
            made.ca(authority)
            add_host(store, name, authority=authority, protect=None, actor="t", at=1.0)
        replace_rules(store, "default", _RULES, actor="t", at=1.0)
        yield made


def _request(chance: random.Random, certificates: list[tuple[bytes, ...]]) -> SimulatedRequest:
    """One request out of many that differ in what rules, hosts and certificates ask for."""
    host = chance.choice(
        ["api.example.com", "API.example.com:443", "x.b.test", "other.test", "a,b", "[::1]"]
    )
    return SimulatedRequest(
        host=host,
        method=chance.choice(["GET", "HEAD", "POST", "OPTIONS"]),
        path=chance.choice(
            ["/", "/admin", "/orders?x=drop", "/%61dmin", "/x/..;/admin", "/a//b/../c;x=1/%2e%2e"]
        ),
        scheme=chance.choice(["https", "http"]),
        protocol=chance.choice(["HTTP/1.1", "HTTP/2"]),
        headers=tuple(
            chance.sample(
                [
                    ("user-agent", "curl/8"),
                    ("x-team", "ops"),
                    ("x-forwarded-for", "198.51.100.9"),
                    ("cf-cert-verified", "true"),
                    ("content-type", "text/plain"),
                ],
                chance.randrange(4),
            )
        ),
        body=chance.choice([b"", b"evil", b"good"]),
        source_address=chance.choice(["198.51.100.7", "192.0.2.1", "2001:db8::1"]),
        sni=chance.choice([None, "", "api.example.com", "y.b.test"]),
        certificates=chance.choice(certificates),
        time=time.time(),
    )


class _Told:
    """Remembers what CheckService decided."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """One check."""
        del source, seconds
        self.decisions.append(decision)

    def internal_error(self) -> None:
        """A check that failed."""
        pytest.fail("a check failed")


def _certificates(world: World) -> list[tuple[bytes, ...]]:
    alice = world.issue("alice", "Acme").certificate.der
    gone = world.issue("gone", "Acme")
    world.revoke(gone)
    other = world.issue("carol", "Other").certificate.der
    return [(), (alice,), (gone.certificate.der,), (other,), (self_signed("m").der,), (b"junk",)]


@pytest.mark.parametrize("source", CertificateSource)
def test_a_simulation_decides_as_the_service_does(world: World, source: CertificateSource) -> None:
    """The service keeps one memo and one snapshot for all requests, as a worker does."""
    chance = random.Random(f"simulation {source}")
    how = CheckReading(options=DecodeOptions(certificate_source=source, client_ip_trusted_hops=1))
    certificates = _certificates(world)
    at = time.time()
    told = _Told()
    service = CheckService(
        how.options, CertificateLimits(certificate_bytes=65536, chain_length=8), told, lambda: at
    )
    with world.store.read() as session:
        model = StoreModels().build(session).model
    service.snapshot = compile_snapshot(model, 7, at)
    policy = LivePolicy()
    seen: set[tuple[str, str]] = set()

    for _ in range(_REQUESTS):
        heard = through_listener(
            _request(chance, certificates),
            trusted_hops=1,
            forwards_bodies=chance.random() < 0.5,
        )
        data = check_request(heard.request, how.options)

        answer = CheckResponse.FromString(service.check(data))
        found = simulate(world.store, policy, "default", data, at=at, how=how).check

        real = told.decisions[-1]
        assert _essence(found.decision) == _essence(real)
        assert found.explanation is not None
        assert _essence(found.explanation.decision) == _essence(real)
        assert found.answer.grpc_code == answer.status.code
        if answer.HasField("denied_response"):
            assert found.answer.http_status == answer.denied_response.status.code
            assert found.answer.body == answer.denied_response.body
        else:
            assert found.answer.http_status is None
            assert found.answer.removed == tuple(answer.ok_response.headers_to_remove)
        _check_explanation(found.explanation, real)
        seen.add((real.reason.value, real.rule))

    assert seen >= {
        ("rule", "admin"),
        ("rule", "friends"),
        ("rule", "body"),
        ("rule", "query"),
        ("default_action", ""),
        ("unknown_host", ""),
        ("ambiguous_path", "admin"),
    }
    # With XFCC the server name is that of the hop between two proxies.
    assert (("misdirected", "") in seen) is (source is CertificateSource.ENVOY)


def test_a_draft_decides_as_it_does_when_it_is_deployed(world: World) -> None:
    chance = random.Random("draft")
    how = CheckReading()
    certificates = _certificates(world)
    at = time.time()
    policy = LivePolicy()
    requests = [
        check_request(
            through_listener(_request(chance, certificates), forwards_bodies=True).request,
            how.options,
        )
        for _ in range(100)
    ]

    for _ in range(6):
        draft = chance.sample(_RULES, chance.randrange(1, len(_RULES)))
        if any(one["ref"] == "leave-out" for one in draft):
            draft = [*draft, *(one for one in _RULES if one["ref"] == "admin" and one not in draft)]
        tried = [
            simulate(world.store, policy, "default", data, at=at, how=how, draft=draft)
            for data in requests
        ]
        replace_rules(world.store, "default", draft, actor="t", at=at)
        deployed = [
            simulate(world.store, policy, "default", data, at=at, how=how) for data in requests
        ]

        assert [_essence(one.check.decision) for one in tried] == [
            _essence(one.check.decision) for one in deployed
        ]

    replace_rules(world.store, "default", _RULES, actor="t", at=at)


def _essence(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.verdict,
        decision.reason,
        decision.rule,
        decision.action,
        decision.site,
        decision.logged,
        decision.response,
        decision.standing.presented,
        decision.standing.verified,
        decision.standing.revoked,
        decision.standing.failure,
        decision.detail,
    )


def _check_explanation(explanation: Any, decision: Decision) -> None:
    """What the rules are said to do is what was decided."""
    if decision.reason in ("unknown_host", "misdirected"):
        return
    first = explanation.readings[0]
    if decision.reason in ("rule", "default_action"):
        assert first.verdict is decision.verdict
        assert first.ended_by == decision.rule
    for reading in explanation.readings:
        for rule in reading.rules:
            if rule.matches is not None and rule.traced is not None:
                value = rule.traced.value
                assert value is None or value is rule.matches
