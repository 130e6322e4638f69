# SPDX-License-Identifier: Apache-2.0
"""What is wrong with certificates and keys is found, and damage is a finding."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.ca.keys import KeyEncryption
from authz.services.ruleset_management import put_entry_point
from authz.services.rulesets import append_rule
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.store_check import check_store_at
from authz.store.checking import MAX_OF_A_KIND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.services.conftest import World


@pytest.fixture
def filled(world: World) -> World:
    world.ca()
    for name in ("alice", "bob"):
        world.issue(name)
    return world


def _found(world: World, directory: Path, encryption: KeyEncryption | None = None) -> list[str]:
    given = encryption or world.encryption
    return [
        f"{one.where.rsplit(' ', 1)[0]}: {one.message}"
        for one in check_store_at("sqlite", directory, lambda: given)
    ]


def _change(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / "authz.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_nothing_is_wrong(filled: World, tmp_path: Path) -> None:
    assert _found(filled, tmp_path) == []
    assert check_store_at("sqlite", tmp_path, lambda: None) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE client_certificates SET der = substr(der, 1, 200) WHERE label = 'bob'",
            "certificate: it cannot be read: ",
        ),
        (
            "UPDATE client_certificates SET fingerprint_sha256 = id WHERE label = 'bob'",
            "certificate: it is not the one of its SHA-256",
        ),
        (
            "UPDATE authority_certificates SET der = substr(der, 1, 200)",
            "authority certificate: it cannot be read: ",
        ),
        (
            "UPDATE authority_certificates SET der = (SELECT der FROM client_certificates)",
            "authority certificate: it is not the one of its SHA-256",
        ),
        ("UPDATE keys SET record = x'00'", "key: the record of the private key is damaged"),
        (
            "UPDATE keys SET record = CAST(substr(record, 1, length(record) - 1) || x'ff' AS BLOB)",
            "key: the private key cannot be decrypted",
        ),
    ],
)
def test_what_cannot_be_read(filled: World, tmp_path: Path, statement: str, found: str) -> None:
    _change(tmp_path, statement)

    (only,) = _found(filled, tmp_path)
    assert only.startswith(found)


def test_another_secret_does_not_open_the_keys(filled: World, tmp_path: Path) -> None:
    other = KeyEncryption.from_key_file(bytes(32))
    assert _found(filled, tmp_path, other) == ["key: the private key cannot be decrypted"]


def test_without_the_secret_the_form_of_keys_is_looked_at(filled: World, tmp_path: Path) -> None:
    _change(tmp_path, "UPDATE keys SET record = substr(record, 1, 20)")

    (only,) = check_store_at("sqlite", tmp_path, lambda: None)
    assert only.message == "the record of the private key is damaged"


def test_the_secret_is_asked_for_when_there_are_keys(world: World, tmp_path: Path) -> None:
    assert check_store_at("sqlite", tmp_path, lambda: pytest.fail("there is no key")) == []


def test_some_of_a_kind(filled: World, tmp_path: Path) -> None:
    for number in range(MAX_OF_A_KIND):
        filled.issue(f"more {number}")
    _change(tmp_path, "UPDATE client_certificates SET der = x'30'")

    found = _found(filled, tmp_path)
    assert len(found) == MAX_OF_A_KIND + 1
    assert found[-1] == "certificate: and more like this"


def _overwrite(file: Path, start: int, many: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(os.urandom(many))


@pytest.mark.parametrize("where", ["first", "middle", "everywhere"])
def test_damaged_pages_are_findings(filled: World, tmp_path: Path, where: str) -> None:
    filled.store.close()
    file = tmp_path / "authz.db"
    pages = file.stat().st_size // 4096
    first, many = {"first": (0, 1), "middle": (pages // 3, 3), "everywhere": (1, pages - 1)}[where]
    _overwrite(file, first * 4096, many * 4096)

    found = check_store_at("sqlite", tmp_path, lambda: None)

    assert found
    assert {one.where for one in found} == {"database"}


def test_rules_that_cannot_be_enforced(world: World, tmp_path: Path) -> None:
    rule = {"ref": "a", "expression": "ssl", "action": "block"}
    with world.store.read() as session:
        account = Scope(account_id=session.zones.accounts()[0].id)
    put_entry_point(
        world.store, account, CUSTOM_RULES, {"rules": [rule]}, geo=None, actor="t", at=1.0
    )
    append_rule(world.store, "default", {**rule, "ref": "b"}, actor="t", at=1.0)
    assert _found(world, tmp_path) == []

    _change(
        tmp_path,
        """UPDATE ruleset_versions SET rules = replace(rules, '"b"', '"account:a"')""",
    )
    assert _found(world, tmp_path) == [
        'rules of the zone: a rule of the account is called "account:a"'
    ]

    _change(tmp_path, """UPDATE ruleset_versions SET rules = replace(rules, '"block"', '"x"')""")
    assert _found(world, tmp_path) == [
        'rules of the: unknown action "x"',
        'rules of the zone: unknown action "x"',
    ]
