# SPDX-License-Identifier: Apache-2.0
"""What a line says, and above all what it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.failure import VerifyFailure
from authz.observability.checked_request import NOTHING, CheckedRequest
from authz.observability.decision_line import MAX_LINE
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.decision_words import (
    MAX_LOGGED,
    MAX_PATH,
    MAX_TEXT,
    DecisionWords,
)
from authz.policy.decision import Reason
from tests.factories.decision_log import noted, read_line
from tests.factories.decisions import ANONYMOUS, allowed, blocked, client, refused

REQUEST = CheckedRequest(
    method=b"POST",
    host=b"api.example.com",
    path=b"/users/42/reset?token=s3cret&n3meless#fr4gment",
    protocol=b"HTTP/2",
    sni="api.example.com",
    client_ip="203.0.113.9",
    headers=(
        (b"user-agent", b"curl/8.9.1"),
        (b"authorization", b"Bearer s3cret"),
        (b"cookie", b"s3cret"),
        (b"x-request-id", b"4f4d0f0e"),
        (b"x-forwarded-for", b"203.0.113.9"),
        (b"x-tenant", b"acme"),
    ),
)


def line(decision: Any = None, request: CheckedRequest = REQUEST, **options: Any) -> dict[str, Any]:
    """The line of one decision, as somebody reads it."""
    trace_id = options.pop("trace_id", "")
    delivered = options.pop("delivered", True)
    changes = options.pop("noted", {})
    words = DecisionWords(
        DecisionLogOptions(**{"path": "-", "headers": ("user-agent",), **options}), "1"
    )
    _, text = words.line(noted(decision, **changes), request, trace_id, delivered=delivered)
    return read_line(text)


def test_a_denial_says_who_asked_what_of_whom_and_why() -> None:
    found = line(blocked(client=ANONYMOUS, logged=("watch",)), trace_id="a" * 32)

    assert found == {
        "event": "decision",
        "schema": 1,
        "time": found["time"],
        "id": "AAAAAAAAAAA000000001",
        "verdict": "deny",
        "reason": "rule",
        "delivered": True,
        "duration_us": 12.3,
        "worker": "1",
        "site": "api",
        "action": "block",
        "rule": "protect-admin",
        "logged": ["watch"],
        "generation": 7,
        "failure": "absent",
        "method": "POST",
        "host": "api.example.com",
        "path": "/users/42/reset",
        "query": "token=",
        "protocol": "HTTP/2",
        "sni": "api.example.com",
        "client_ip": "203.0.113.9",
        "headers": {"user-agent": "curl/8.9.1"},
        "request_id": "4f4d0f0e",
        "trace_id": "a" * 32,
    }


def test_who_was_let_in_is_known_by_their_fingerprint() -> None:
    alice = client()
    found = line(allowed(client=alice))

    assert (found["verdict"], found["presented"], found["verified"]) == ("allow", True, True)
    assert found["fingerprint"] == alice.fingerprint.decode()
    assert "subject" not in found


def test_the_subject_is_written_if_wanted_and_only_if_somebody_vouches_for_it() -> None:
    assert "CN=alice" in line(allowed(client=client()), subject=True)["subject"]
    stranger = client(failure=VerifyFailure.UNKNOWN_ISSUER)
    found = line(blocked(client=stranger), subject=True)
    assert "subject" not in found
    assert found["failure"] == VerifyFailure.UNKNOWN_ISSUER.value


@pytest.mark.parametrize("reason", [Reason.NO_SNAPSHOT, Reason.UNKNOWN_HOST, Reason.UNDECODABLE])
def test_an_outright_denial_has_its_line(reason: Reason) -> None:
    found = line(refused(reason), NOTHING, noted={"host": b"", "path": b""})

    assert (found["verdict"], found["reason"]) == ("deny", reason.value)
    assert "path" not in found
    # Nobody looked.
    assert "presented" not in found


def test_of_a_request_that_cannot_be_read_again_what_was_read_is_told() -> None:
    found = line(blocked(), NOTHING)

    assert (found["host"], found["path"], found["query"]) == ("api.example.com", "/orders", "id=")


def test_an_answer_that_nobody_waited_for_is_said_to_be_one() -> None:
    assert not line(delivered=False)["delivered"]


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"query": "none"}, "query", None),
        ({"query": "values"}, "query", "token=s3cret&n3meless"),
        ({"path_segments": "words"}, "path", "/users/*/reset"),
        ({"path_segments": "none"}, "path", None),
        ({"client_ip": "network"}, "client_ip", "203.0.113.0/24"),
        ({"client_ip": "none"}, "client_ip", None),
        ({"headers": ()}, "headers", None),
        ({"headers": ("x-tenant", "x-none")}, "headers", {"x-tenant": "acme"}),
        ({"allowed": 0.25}, "sample_rate", 0.25),
    ],
)
def test_what_is_left_out_is_as_the_settings_say(
    options: dict[str, Any], name: str, value: object
) -> None:
    assert line(**options).get(name) == value


def test_without_the_path_there_is_no_sentence_that_quotes_it() -> None:
    quoting = {"detail": 'read as "/users/42" it is blocked'}

    assert "detail" in line(noted=quoting)
    assert "detail" not in line(noted=quoting, path_segments="words")


@given(
    st.sampled_from(["none", "names"]),
    st.sampled_from(["all", "words", "none"]),
    st.sampled_from(["full", "network", "none"]),
)
def test_no_setting_but_those_that_name_them_lets_secrets_in(
    query: str, path_segments: str, client_ip: str
) -> None:
    words = DecisionWords(
        DecisionLogOptions(path="-", query=query, path_segments=path_segments, client_ip=client_ip),
        "0",
    )
    _, written = words.line(noted(), REQUEST, "", delivered=True)

    for secret in (b"s3cret", b"n3meless", b"fr4gment", b"Bearer"):
        assert secret not in written


_TEXT = st.binary(max_size=3000) | st.text(max_size=3000).map(str.encode)


@given(_TEXT, _TEXT, _TEXT, st.lists(st.tuples(st.just(b"user-agent"), _TEXT), max_size=3))
def test_whatever_is_sent_a_line_is_one_line_of_the_schema_and_short_enough(
    host: bytes, path: bytes, other: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    request = CheckedRequest(
        method=other,
        host=host,
        path=b"/" + path,
        protocol=other,
        sni=other.decode("utf-8", "surrogateescape"),
        client_ip="203.0.113.9",
        headers=(*headers, (b"x-request-id", other)),
    )
    words = DecisionWords(
        DecisionLogOptions(path="-", headers=("user-agent",), query="values", subject=True), "0"
    )
    decision = blocked(logged=("l" * 300,) * 40, rule="\u202e" * 300, site="ä" * 300)
    _, written = words.line(noted(decision), request, "", delivered=True)

    assert len(written) <= MAX_LINE
    assert all(character.isprintable() for character in written.decode().rstrip("\n"))
    read_line(written)


def test_what_is_cut_is_said_to_be() -> None:
    found = line(request=REQUEST._replace(path=b"/" + b"x" * 2000, host=b"h" * 300))

    assert (len(found["path"]), len(found["host"])) == (MAX_PATH, MAX_TEXT)
    assert found["cut"] == ["host", "path"]


def test_of_many_rules_the_first_are_named() -> None:
    found = line(allowed(logged=tuple(f"r{number}" for number in range(40))))

    assert len(found["logged"]) == MAX_LOGGED
    assert found["cut"] == ["logged"]


def test_a_line_that_would_be_too_long_has_no_headers() -> None:
    wide = "𐍈".encode() * 1024
    request = REQUEST._replace(path=b"/" + wide, headers=((b"user-agent", b"curl"),))
    found = line(request=request, noted={"path": b"/"}, query="values")

    assert "headers" in found["cut"]
    assert "headers" not in found
