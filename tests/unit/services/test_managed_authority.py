# SPDX-License-Identifier: Apache-2.0
"""The embedded CA that the first call makes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import (
    InvalidCsrError,
    InvalidInputError,
    InvalidRequestError,
    IssuerInactiveError,
    KeyUnavailableError,
    NotFoundError,
)
from authz.services.authorities import list_authorities
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import set_status
from authz.services.issuance_requests import RequestKey
from authz.services.managed_authority import (
    ensure_managed_authority,
    issue_in_zone,
    managed_authority,
)
from authz.services.zones import create_zone, get_zone
from tests.factories.issuing import csr
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.ca.keys import KeyEncryption
    from authz.errors import AuthzError
    from authz.services.issuance import Issued
    from authz.store.records import Authority
    from tests.unit.services.conftest import World

REQUEST = csr("alice").decode()


def _ensure(world: World, zone: str = "", **changes: Any) -> Authority:
    given = {"encryption": lambda: world.encryption, "actor": "tester", "at": AT, **changes}
    return ensure_managed_authority(world.store, zone or _default(world), **given)


def _issue(world: World, text: str = REQUEST, **changes: Any) -> Issued:
    given = {
        "encryption": lambda: world.encryption,
        "max_rsa_bits": 4096,
        "actor": "tester",
        "at": AT,
        **changes,
    }
    return issue_in_zone(world.store, text, _default(world), **given)


def _default(world: World) -> str:
    return get_zone(world.store, "default").id


def _names(world: World) -> list[str]:
    return [one.authority.name for one in list_authorities(world.store)]


def _no_secret() -> KeyEncryption:
    raise KeyUnavailableError("there is no secret", hint="configure one")


def test_the_first_call_makes_it_and_the_second_finds_it(world: World) -> None:
    made = _ensure(world)

    assert made.name == "Managed CA for default"
    assert made.zone_id == _default(world)
    assert world.last().action == "authority.create"
    assert _ensure(world, encryption=_no_secret) == made
    assert managed_authority(world.store, _default(world)) == made
    assert _names(world) == ["Managed CA for default"]


def test_two_calls_at_once_make_one(world: World) -> None:
    both = threading.Barrier(2, timeout=30)
    made: list[Authority] = []

    def encryption() -> KeyEncryption:
        both.wait()
        return world.encryption

    threads = [
        threading.Thread(target=lambda: made.append(_ensure(world, encryption=encryption)))
        for _ in range(2)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert made[0] == made[1]
    assert _names(world) == ["Managed CA for default"]


def test_the_oldest_that_issues_is_meant(world: World) -> None:
    first = world.ca("first", at=AT)
    second = world.ca("second", at=AT + 1)
    world.ca("third", at=AT + 2)

    assert _ensure(world) == first.authority

    set_status(world.store, "first", "retired", actor="tester", at=AT)
    assert _ensure(world) == second.authority


def test_a_retired_one_is_no_reason_to_make_another(world: World) -> None:
    world.ca("Acme")
    set_status(world.store, "Acme", "retired", actor="tester", at=AT)

    with pytest.raises(IssuerInactiveError, match="is retired"):
        _issue(world)

    assert _names(world) == ["Acme"]


def test_a_name_that_is_taken_or_too_long(world: World) -> None:
    upload_authority(world.store, root().pem, name="Managed CA for default", actor="tester", at=AT)
    long = create_zone(world.store, f"{'a' * 60}.example", actor="tester", at=AT).zone

    assert _ensure(world).name == "Managed CA for default 2"
    assert _ensure(world, long.id).name == f"Managed CA for {long.id}"


def test_without_a_secret_nothing_is_made(world: World) -> None:
    with pytest.raises(KeyUnavailableError):
        _issue(world, encryption=_no_secret)

    assert _names(world) == []
    assert world.audited() == []


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (InvalidCsrError, {"text": "no request"}),
        (InvalidInputError, {"label": "a\nb"}),
        (InvalidInputError, {"label": "x" * 256}),
        (InvalidInputError, {"request_key": RequestKey(text="")}),
        (InvalidRequestError, {"days": 9999}),
    ],
)
def test_a_request_that_is_refused_makes_no_authority(
    world: World, kind: type[AuthzError], more: dict[str, Any]
) -> None:
    with pytest.raises(kind):
        _issue(world, **more)

    assert _names(world) == []


def test_a_zone_that_is_not_there(world: World) -> None:
    with pytest.raises(NotFoundError):
        _ensure(world, "0" * 32)


def test_the_authority_that_is_named_issues(world: World) -> None:
    world.ca("first")
    second = world.ca("second", at=AT + 1)

    issued = _issue(world, authority_id=second.authority.id, days=30)

    assert issued.authority.authority == second.authority
    assert issued.certificate.validity_days == 30
    for unknown in ("second", second.authority.id[:8], "0" * 32):
        with pytest.raises(NotFoundError):
            _issue(world, authority_id=unknown)


def test_the_authority_of_another_zone_is_not_told_of(world: World) -> None:
    create_zone(world.store, "example.com", actor="tester", at=AT)
    other = world.ca("secret name", zone="example.com")

    with pytest.raises(NotFoundError) as caught:
        _issue(world, authority_id=other.authority.id)

    assert "secret name" not in caught.value.render()
