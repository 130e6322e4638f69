# SPDX-License-Identifier: Apache-2.0
"""The certificates of a zone as people look through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError, NotFoundError
from authz.services import certificate_table
from authz.services.certificate_table import (
    CertificateOrder,
    CertificateState,
    find_certificates,
    state_of,
)
from authz.services.revocation import revoke_certificate
from tests.factories.pki import AT
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.services.certificate_table import CertificateTable
    from tests.unit.services.conftest import World

#: How long those of `filled` last, in days; `c` is revoked.
DAYS = {"a": 400, "b": 10, "c": 5, "d": 1}


@pytest.fixture
def filled(world: World) -> World:
    world.ca()
    for name, days in DAYS.items():
        world.issue(name, label=f"gate gate{name}", days=days)
    (revoked,) = _found(world, search="gatec").certificates
    revoke_certificate(world.store, revoked.id, actor="tester", at=AT)
    return world


def _found(world: World, at: float = AT, **asked: Any) -> CertificateTable:
    return find_certificates(world.store, "default", at=at, **asked)


def _names(world: World, at: float = AT, **asked: Any) -> str:
    return "".join(one.common_name for one in _found(world, at, **asked).certificates)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (CertificateOrder.NEWEST, "dcba"),
        (CertificateOrder.OLDEST, "abcd"),
        (CertificateOrder.EXPIRES_FIRST, "dcba"),
        (CertificateOrder.EXPIRES_LAST, "abcd"),
    ],
)
@pytest.mark.parametrize("search", ["", "gate"])
def test_every_order(filled: World, order: CertificateOrder, names: str, search: str) -> None:
    assert _names(filled, order=order, search=search) == names


@pytest.mark.parametrize(
    ("state", "names"),
    [
        (CertificateState.ALL, "dcba"),
        (CertificateState.ACTIVE, "dba"),
        (CertificateState.REVOKED, "c"),
        (CertificateState.EXPIRING, "b"),
        (CertificateState.EXPIRED, "d"),
    ],
)
@pytest.mark.parametrize("search", ["", "gate"])
def test_every_state(filled: World, state: CertificateState, names: str, search: str) -> None:
    table = _found(filled, AT + 2 * DAY, state=state, search=search)

    assert "".join(one.common_name for one in table.certificates) == names
    assert (table.total, table.total_is_least, table.has_more) == (len(names), False, False)


def test_the_state_of_each_is_that_by_which_it_is_found(filled: World) -> None:
    for at in (AT, AT + 2 * DAY):
        table = _found(filled, at)
        for state in (
            CertificateState.REVOKED,
            CertificateState.EXPIRING,
            CertificateState.EXPIRED,
        ):
            expected = {one.id for one in table.certificates if state_of(one, at) is state}
            assert {one.id for one in _found(filled, at, state=state).certificates} == expected
    assert state_of(_found(filled, search="gatea").certificates[0], AT) is CertificateState.ACTIVE


def test_the_last_second_is_valid(filled: World) -> None:
    (last,) = _found(filled, search="gated").certificates

    for at, state in (
        (last.expires_at + 0.9, CertificateState.EXPIRING),
        (last.expires_at + 1, CertificateState.EXPIRED),
    ):
        assert state_of(last, at) is state
        found = _found(filled, at, state=state).certificates
        assert last.id in {one.id for one in found}


@pytest.mark.parametrize("order", CertificateOrder)
@pytest.mark.parametrize("search", ["", "gate"])
def test_pages_have_every_certificate_once(
    filled: World, order: CertificateOrder, search: str
) -> None:
    asked = {"order": order, "search": search, "per_page": 3}
    first, second, third = (_found(filled, page=page, **asked) for page in (1, 2, 3))

    shown = [one.id for page in (first, second) for one in page.certificates]
    assert [len(one.certificates) for one in (first, second, third)] == [3, 1, 0]
    assert [one.has_more for one in (first, second, third)] == [True, False, False]
    assert len(set(shown)) == 4
    assert first.authorities[first.certificates[0].authority_id] == "Acme"


def test_what_is_too_much_to_be_put_in_order_is_the_latest_first(
    filled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_table, "MOST_COUNTED", 3)
    monkeypatch.setattr(certificate_table, "MOST_SORTED", 3)

    table = _found(filled, search="gate", order=CertificateOrder.OLDEST)
    without_words = _found(filled, order=CertificateOrder.OLDEST)

    assert "".join(one.common_name for one in table.certificates) == "dcba"
    assert table.order is CertificateOrder.NEWEST
    assert (table.total, table.total_is_least) == (3, True)
    assert without_words.order is CertificateOrder.OLDEST
    assert (without_words.total, without_words.total_is_least) == (4, False)


@pytest.mark.parametrize("order", CertificateOrder)
def test_too_much_that_expired_is_put_in_order_by_that(
    filled: World, monkeypatch: pytest.MonkeyPatch, order: CertificateOrder
) -> None:
    monkeypatch.setattr(certificate_table, "MOST_SORTED", 3)

    table = _found(filled, AT + 20 * DAY, state=CertificateState.EXPIRED, order=order)

    last = order is CertificateOrder.EXPIRES_LAST
    assert "".join(one.common_name for one in table.certificates) == ("bcd" if last else "dcb")
    assert table.order is (order if order.by_expiry else CertificateOrder.EXPIRES_FIRST)


@pytest.mark.parametrize(
    "asked",
    [{"page": 0}, {"page": 10**10}, {"per_page": 0}, {"per_page": 201}, {"search": "x" * 256}],
)
def test_what_cannot_be_asked_for(filled: World, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        _found(filled, **asked)


def test_a_zone_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        find_certificates(world.store, "0" * 32, at=AT)


def test_words_that_cannot_be_found(filled: World) -> None:
    assert _found(filled, search="--- !!", order=CertificateOrder.OLDEST).certificates == ()
