# SPDX-License-Identifier: Apache-2.0
"""What both databases take, and what neither does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError
from authz.store.certificates import CertificateQuery
from authz.store.records import AuditEntry, Token
from authz.store.records_activity import StoredEvent
from tests.factories.pki import AT
from tests.factories.stored import (
    account,
    default_zone,
    identifier,
    list_item,
    named_list,
    zone,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store
    from authz.store.session import Session

TEXTS = [
    "",
    " ",
    "Zürich",
    "東京\u3000",
    "🚚👩🏽‍🔧",
    "a\u0301\u200b\ufeff",
    "\x01\x1b[31m\x7f\x85\u2028",
    "'; DROP TABLE zones; --",
    "%_\\\"'",
    "\U0010ffff\ufffe\ue000",
    "x" * 255,
    "🚚" * 255,
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_as_it_was(store: Store, text: str) -> None:
    with store.write() as session:
        session.zones.add_account(account(name=text))
    with store.read() as session:
        assert text in [one.name for one in session.zones.accounts()]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "ü", {"b": []}], "": "empty"},
        {"nul": "\0", "big": 2**70, "small": -1e-300, "u": "\u2028"},
        {},
    ],
)
def test_json_comes_back_as_it_was(store: Store, value: dict[str, Any]) -> None:
    entry = AuditEntry(
        id=identifier("e"),
        at=AT,
        actor="a",
        action="b",
        object_type="c",
        object_id="d",
        before=value,
    )
    event = StoredEvent(
        id="e", at=AT, site="s", verdict="deny", rule="", fingerprint_sha256="", event=value
    )
    token = Token(id=identifier("t"), name="t", sha256="0" * 64, scopes=(value,), created_at=AT)
    with store.write() as session:
        session.audit.add(entry)
        session.events.add([event])
        session.tokens.add(token)
    with store.read() as session:
        assert [replace(one, number=0) for one in session.audit.latest(most=9)] == [entry]
        assert [replace(one, number=0) for one in session.events.latest(most=9)] == [event]
        assert session.tokens.all() == [token]


@pytest.mark.parametrize("at", [0.0, -1.0, 1_795_000_000.123456, 1e300, 5e-324])
def test_times_come_back_as_they_were(store: Store, at: float) -> None:
    with store.write() as session:
        session.zones.add_account(account(created_at=at))
    with store.read() as session:
        assert at in [one.created_at for one in session.zones.accounts()]


def test_a_text_of_megabytes(store: Store) -> None:
    text = "ü" * 3_000_000
    with store.write() as session:
        made = named_list(default_zone(session).account_id, description=text)
        session.lists.add(made)
        session.lists.add_items(made.id, [list_item(made.id, "v", comment=text)], AT)
    with store.read() as session:
        assert session.lists.all()[0].description == text
        assert session.lists.items(made.id)[0].comment == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\0b", "NUL"),
        ("\0", "NUL"),
        ("a\ud800b", "surrogate"),
        ("\udcff", "surrogate"),
        ("x" * 256, "256 characters, 255"),
    ],
)
def test_a_text_that_one_of_them_would_not_take_is_refused_by_both(
    store: Store, text: str, words: str
) -> None:
    with pytest.raises(InvalidInputError, match=words), store.write() as session:
        session.zones.add_account(account(id=identifier("a"), name="before"))
        session.zones.add_account(account(id=identifier("b"), name=text))
    with store.read() as session:
        assert [one.name for one in session.zones.accounts()] == ["default"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda session, text: session.zones.named(text),
        lambda session, text: session.certificates.get(text),
        lambda session, text: session.tokens.by_sha256(text),
        lambda session, text: session.lists.items("x", search=text),
    ],
)
def test_a_question_with_such_a_text_is_refused_too(
    store: Store, ask: Callable[[Session, str], object]
) -> None:
    for text in ("a\0", "\ud800"):
        with pytest.raises(InvalidInputError), store.read() as session:
            ask(session, text)
    with store.read() as session:
        assert not ask(session, "x" * 100_000)


@pytest.mark.parametrize("search", ["gate\0", "\ud800", "\0"])
def test_a_search_leaves_out_what_is_no_letter(store: Store, search: str) -> None:
    with store.read() as session:
        query = CertificateQuery(zone_id=default_zone(session).id, search=search)
        assert session.certificates.find(query, most=9) == []
        assert session.certificates.count(query) == 0


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_a_number_beyond_the_databases_is_refused(store: Store, number: int) -> None:
    with pytest.raises(InvalidInputError, match="64 bits"), store.read() as session:
        session.audit.latest(most=1, before=number)


def test_a_number_beyond_its_column_is_refused(store: Store) -> None:
    from tests.factories.stored import authority_certificate, with_authority

    with pytest.raises(InvalidInputError, match="32 bits"), store.write() as session:
        _, of = with_authority(session)
        session.authorities.add_certificate(authority_certificate(of.id, position=2**31))


def test_settings_of_a_zone_come_back(store: Store) -> None:
    with store.write() as session:
        made = zone(
            default_zone(session).account_id,
            default_action="block",
            paths="refuse",
            misdirected="answer_403",
            upstream_headers=("a", "ü"),
        )
        session.zones.add(made)
    with store.read() as session:
        assert session.zones.get(made.id) == made
