# SPDX-License-Identifier: Apache-2.0
"""Finding what a person named, names, and what the audit log keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError, NotFoundError
from authz.services.context import (
    authority_of,
    checked_name,
    facts_of,
    find_named,
    new_id,
    zone_of,
)
from authz.store.records import Authority, AuthorityKind, Key

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World


def _authority(name: str, identifier: str) -> Authority:
    return Authority(
        id=identifier,
        account_id="a",
        zone_id=None,
        name=name,
        kind=AuthorityKind.UPLOADED,
        created_at=0,
        modified_at=0,
    )


def test_identifiers_are_32_hexadecimal_digits() -> None:
    assert len(new_id()) == 32
    assert int(new_id(), 16)
    assert new_id() != new_id()


def test_a_zone_is_found_by_name_in_any_case_and_by_identifier(store: Store) -> None:
    with store.read() as session:
        zone = zone_of(session, "Default.")
        assert zone_of(session, zone.id) == zone


def test_a_zone_that_is_not_there(store: Store) -> None:
    with (
        store.read() as session,
        pytest.raises(NotFoundError, match='no zone "defualt"') as caught,
    ):
        zone_of(session, "defualt")

    assert caught.value.hint == 'did you mean "default"?'


def test_an_authority_is_found_by_a_beginning_of_its_identifier(world: World) -> None:
    known = world.ca().authority
    with world.store.read() as session:
        assert authority_of(session, known.id[:6]) == known
        assert authority_of(session, "Acme") == known
        with pytest.raises(NotFoundError):
            authority_of(session, known.id[:5])


def test_a_beginning_of_several_identifiers_is_refused() -> None:
    records = [_authority("a", "abcdef" + "0" * 26), _authority("b", "abcdef" + "1" * 26)]

    with pytest.raises(InvalidInputError, match='2 identifiers begin with "abcdef"'):
        find_named("authority", records, "abcdef")


def test_a_name_that_another_identifier_begins_with_is_a_name() -> None:
    records = [_authority("abcdef", "0" * 32), _authority("b", "abcdef" + "1" * 26)]

    assert find_named("authority", records, "abcdef") is records[0]


def test_a_name_that_is_the_identifier_of_another_is_not_that_one() -> None:
    """What a certificate says of its authority is an identifier."""
    records = [_authority("1" * 32, "0" * 32), _authority("b", "1" * 32)]

    assert find_named("authority", records, "1" * 32) is records[1]


def test_nothing_is_there_yet() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_named("authority", list[Authority](), "x")

    assert caught.value.hint == "there is no authority at all yet"


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "x" * 256])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidInputError, match="the label"):
        checked_name("label", text)


def test_blanks_around_a_name_are_dropped() -> None:
    assert checked_name("label", " a b ") == "a b"


def test_facts_have_no_bytes() -> None:
    assert facts_of(Key(id="k", kind="P-256", record=b"secret", created_at=1.0)) == {
        "id": "k",
        "kind": "P-256",
        "created_at": 1.0,
    }
    assert facts_of(_authority("a", "b"))["sources"] == {"crl_urls": (), "ocsp": "off"}
    assert facts_of(_authority("a", "b"))["kind"] == "uploaded"
