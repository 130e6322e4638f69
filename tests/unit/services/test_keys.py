# SPDX-License-Identifier: Apache-2.0
"""Private keys in the store: encrypted, bound to their identifier, encrypted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.ca import authority as ca
from authz.ca.bundle import pem_bundle
from authz.ca.key_kinds import KeyKind
from authz.ca.keys import KeyEncryption, generate_key
from authz.ca.names import Subject
from authz.errors import IssuerInactiveError, KeyUnavailableError
from authz.services import authority_creation, authority_lifecycle
from authz.services.authority_creation import (
    create_authority,
    import_authority,
    upload_authority,
)
from authz.services.authority_lifecycle import rotate_authority
from authz.services.keys import (
    add_keys,
    checked_secret,
    encryption_of,
    has_keys,
    key_of,
    kind_of,
    new_key,
    opened,
    rekey,
)
from authz.sources.key_secret import KeySecret
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Key
    from tests.unit.services.conftest import World

OTHER = KeyEncryption.from_key_file(b"o" * 32)


def test_a_key_opens_under_its_own_name_only(world: World) -> None:
    signer = generate_key()
    key = new_key(signer, world.encryption, AT)

    assert opened(key, world.encryption).spki == signer.spki
    assert signer.to_pem() not in key.record
    for moved, encryption in ((replace(key, id="0" * 32), world.encryption), (key, OTHER)):
        with pytest.raises(KeyUnavailableError):
            opened(moved, encryption)


def test_the_kind_of_a_successor(world: World) -> None:
    key = new_key(generate_key(KeyKind.ECDSA_P384), world.encryption, AT)

    assert kind_of(key) is KeyKind.ECDSA_P384
    assert kind_of(replace(key, kind="P-521")) is KeyKind.ECDSA_P256


def test_the_secret_of_a_passphrase_and_of_a_file() -> None:
    assert "Passphrase" in repr(encryption_of(KeySecret(passphrase="a long passphrase")))
    assert "KeyFile" in repr(encryption_of(KeySecret(key_file=b"k" * 32)))
    with pytest.raises(KeyUnavailableError, match="less than 32 bytes"):
        encryption_of(KeySecret(key_file=b"short"))


def test_every_key_is_encrypted_anew(world: World) -> None:
    assert not has_keys(world.store)
    world.ca(intermediate=True)
    assert has_keys(world.store)

    assert rekey(world.store, world.encryption, OTHER, actor="tester", at=AT) == 2
    row = world.last()
    assert (row.action, row.after) == ("keys.rekey", {"keys": 2})
    with pytest.raises(KeyUnavailableError):
        world.issue()
    assert world.issue(encryption=OTHER).is_new


def test_all_or_none(world: World) -> None:
    world.ca()
    second = world.ca("Second").issuing
    assert second is not None
    with world.store.write() as session:
        key = key_of(session, second)
        signer = opened(key, world.encryption)
        record = OTHER.encrypt(signer, bound_to=key.id.encode())
        session.authorities.replace_key(replace(key, record=record))

    with pytest.raises(KeyUnavailableError, match=r"key [0-9a-f]{32}: "):
        rekey(world.store, world.encryption, OTHER, actor="t", at=AT)
    assert world.issue(authority="Acme").is_new


def test_a_key_that_is_not_here(world: World) -> None:
    known = upload_authority(world.store, root().pem, name="own", actor="t", at=AT)

    with (
        world.store.read() as session,
        pytest.raises(IssuerInactiveError, match="the private key of the authority is not here"),
    ):
        key_of(session, known.certificates[0])


def test_a_wrong_secret_keeps_nothing(world: World) -> None:
    world.ca()
    made = ca.create_root(Subject.of("Made elsewhere"), at=AT)
    wrong = {"encryption": OTHER, "actor": "t", "at": AT}
    before = world.audited()

    for attempt in (
        lambda: create_authority(world.store, "Second", **wrong),
        lambda: rotate_authority(world.store, "Acme", **wrong),
        lambda: import_authority(
            world.store, pem_bundle(made.certificate, ()).encode(), made.signer.to_pem(), **wrong
        ),
    ):
        with pytest.raises(KeyUnavailableError, match="encrypted by another secret"):
            attempt()
    assert world.audited() == before
    with world.store.read() as session:
        assert len(session.authorities.keys()) == 1


@pytest.mark.parametrize("how", ["create", "rotate"])
def test_a_secret_that_changes_between_encryption_and_commit(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()
    old = {"encryption": world.encryption, "actor": "t", "at": AT}

    def checked(store: Store, encryption: KeyEncryption) -> Key | None:
        proof = checked_secret(store, encryption)
        rekey(store, world.encryption, OTHER, actor="another", at=AT)
        return proof

    for module in (authority_creation, authority_lifecycle):
        monkeypatch.setattr(module, "checked_secret", checked)
    attempt = create_authority if how == "create" else rotate_authority
    name = "Second" if how == "create" else "Acme"
    with pytest.raises(KeyUnavailableError, match="encrypted by another secret"):
        attempt(world.store, name, **old)
    assert world.last().action == "keys.rekey"
    assert world.issue(encryption=OTHER).is_new


def test_two_first_keys_of_two_secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(store: Store, encryption: KeyEncryption) -> Key | None:
        proof = checked_secret(store, encryption)
        monkeypatch.undo()
        world.ca("First")
        return proof

    monkeypatch.setattr(authority_creation, "checked_secret", checked)
    with pytest.raises(KeyUnavailableError, match="encrypted by another secret"):
        world.ca("Second", encryption=OTHER)


def test_a_secret_that_is_the_same_is_not_used_in_the_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()
    proof = checked_secret(world.store, world.encryption)
    assert proof is not None

    monkeypatch.setattr(KeyEncryption, "decrypt", None)
    with world.store.write() as session:
        add_keys(session, [replace(proof, id="1" * 32)], world.encryption, proof)
        assert len(session.authorities.keys()) == 2


def test_one_damaged_key_does_not_stop_a_new_authority(world: World) -> None:
    first = world.ca().issuing
    world.ca("Second")
    assert first is not None
    with world.store.write() as session:
        key = key_of(session, first)
        session.authorities.replace_key(replace(key, record=key.record[:-1] + b"?"))

    assert world.ca("Third").issuing
