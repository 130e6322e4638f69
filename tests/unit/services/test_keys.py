# SPDX-License-Identifier: Apache-2.0
"""Private keys in the store: encrypted, bound to their identifier, encrypted anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.ca.key_kinds import KeyKind
from authz.ca.keys import KeyEncryption, generate_key
from authz.errors import IssuerInactiveError, KeyUnavailableError
from authz.services.authority_creation import upload_authority
from authz.services.keys import encryption_of, has_keys, key_of, kind_of, new_key, opened, rekey
from authz.sources.key_secret import KeySecret
from tests.factories.pki import AT, root

if TYPE_CHECKING:
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
    world.ca("Second", encryption=OTHER)

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
