# SPDX-License-Identifier: Apache-2.0
"""Private keys: made, kept, loaded, never shown."""

from __future__ import annotations

import base64
import pickle
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from authz.ca.envelope import SCRYPT_LOG2_N
from authz.ca.key_kinds import Digest, KeyKind, check_public_key
from authz.ca.keys import (
    KeyEncryption,
    LocalSigner,
    generate_key,
    load_key,
    throwaway_key,
    verifies,
)
from authz.certs.pem import write_pem
from authz.demo.keys import KeyKind as AnyKind
from authz.demo.keys import key_pem
from authz.errors import InvalidRequestError, KeyUnavailableError, WeakKeyError
from tests.factories.issuing import openssl
from tests.factories.pki import fixed_key

if TYPE_CHECKING:
    from pathlib import Path

PHRASE = KeyEncryption.from_passphrase("correct horse battery", log2_n=2)
FILE = KeyEncryption.from_key_file(bytes(range(32)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (KeyKind.ECDSA_P256, "P-256"),
        (KeyKind.ECDSA_P384, "P-384"),
        (KeyKind.RSA_2048, "RSA 2048"),
    ],
)
def test_a_key_is_of_the_kind_that_was_asked_for(kind: KeyKind, name: str) -> None:
    assert generate_key(kind).key.name == name


def test_larger_rsa_keys_have_the_size_they_are_named_by(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def generate(*, public_exponent: int, key_size: int) -> object:
        asked.append(key_size)
        assert public_exponent == 65537
        return fixed_key("x", AnyKind.RSA2048)

    monkeypatch.setattr("authz.ca.keys.rsa.generate_private_key", generate)
    generate_key(KeyKind.RSA_3072), generate_key(KeyKind.RSA_4096)

    assert asked == [3072, 4096]


@pytest.mark.parametrize("kind", [AnyKind.P256, AnyKind.P384, AnyKind.P521, AnyKind.RSA2048])
@pytest.mark.parametrize("digest", Digest)
def test_what_is_signed_verifies(kind: AnyKind, digest: Digest) -> None:
    signer = load_key(key_pem(fixed_key("x", kind)))
    signature = signer.sign(b"data", digest)

    assert verifies(signature, b"data", digest, signer.spki)
    assert not verifies(signature, b"date", digest, signer.spki)


@pytest.mark.parametrize("encryption", [PHRASE, FILE])
def test_a_key_comes_back_from_its_record(encryption: KeyEncryption) -> None:
    signer = generate_key()
    record = encryption.encrypt(signer, bound_to=b"authority 1")

    assert encryption.decrypt(record, bound_to=b"authority 1").spki == signer.spki


def test_records_cannot_be_exchanged() -> None:
    record = FILE.encrypt(generate_key(), bound_to=b"authority 1")

    with pytest.raises(KeyUnavailableError):
        FILE.decrypt(record, bound_to=b"authority 2")


def test_a_key_can_be_encrypted_anew_with_another_secret() -> None:
    signer = generate_key()
    record = FILE.encrypt(signer, bound_to=b"1")
    again = PHRASE.encrypt(FILE.decrypt(record, bound_to=b"1"), bound_to=b"1")

    assert PHRASE.decrypt(again, bound_to=b"1").spki == signer.spki


def test_a_passphrase_is_slow_to_guess_unless_a_test_says_otherwise() -> None:
    record = KeyEncryption.from_passphrase("correct horse battery").encrypt(
        generate_key(), bound_to=b""
    )

    assert record[6] == SCRYPT_LOG2_N == 17


def test_secrets_that_are_too_short_are_refused() -> None:
    with pytest.raises(KeyUnavailableError, match="less than 8 characters"):
        KeyEncryption.from_passphrase("1234567")
    with pytest.raises(KeyUnavailableError, match="less than 32 bytes"):
        KeyEncryption.from_key_file(bytes(31))


@pytest.mark.parametrize("kind", [AnyKind.P256, AnyKind.P384, AnyKind.P521, AnyKind.RSA2048])
@pytest.mark.parametrize(
    "form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8]
)
def test_keys_of_others_are_loaded(kind: AnyKind, form: serialization.PrivateFormat) -> None:
    key = fixed_key("x", kind)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        form,
        serialization.NoEncryption(),
    )

    assert load_key(pem).spki == LocalSigner(key).spki  # type: ignore[arg-type]  # one of the kinds above


def test_encrypted_keys_of_others_are_loaded_with_their_passphrase() -> None:
    signer = generate_key()
    pem = signer.to_pem("secret")

    assert b"ENCRYPTED" in pem
    assert load_key(pem, "secret").spki == signer.spki


@pytest.mark.parametrize(
    ("pem", "passphrase", "message"),
    [
        (generate_key().to_pem("secret"), None, "is encrypted"),
        (generate_key().to_pem("secret"), "wrong", "cannot be read"),
        (generate_key().to_pem(), "secret", "is not encrypted"),
        (b"", None, "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None, "cannot be read"),
        (generate_key().to_pem() + b"\n" * 65536, None, "no private key"),
    ],
)
def test_what_cannot_be_loaded_is_said(pem: bytes, passphrase: str | None, message: str) -> None:
    with pytest.raises(KeyUnavailableError, match=message) as error:
        load_key(pem, passphrase)

    assert error.value.hint
    # Nothing of the file is quoted, and the library's own error is not shown along.
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


@pytest.mark.parametrize(
    "kind", [AnyKind.ED25519, AnyKind.ED448, AnyKind.RSA1024, AnyKind.SECP256K1, AnyKind.DSA2048]
)
def test_keys_that_could_not_be_judged_are_refused(kind: AnyKind) -> None:
    with pytest.raises(WeakKeyError):
        load_key(key_pem(fixed_key("x", kind)))


def test_a_key_of_a_kind_that_the_library_does_not_read_is_refused() -> None:
    der = base64.b64decode(b"".join(key_pem(fixed_key("x")).splitlines()[1:-1]))
    # id-ecPublicKey becomes an object identifier that means nothing.
    other = der.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0209"))

    with pytest.raises(WeakKeyError, match="not supported"):
        load_key(write_pem(other, "PRIVATE KEY").encode())


@pytest.mark.parametrize("name", ["P-256", "P-384", "P-521", "RSA 4096"])
def test_throwaway_keys_are_of_the_kind_and_made_once(name: str) -> None:
    key = throwaway_key(name)

    assert key is throwaway_key(name)
    assert check_public_key(key.spki).name == name.replace("4096", "2048")


def test_openssl_reads_what_is_handed_out(tmp_path: Path) -> None:
    signer = generate_key()
    path = tmp_path / "key.pem"
    path.write_bytes(signer.to_pem("secret"))

    assert "valid" in openssl("pkey", "-in", path, "-passin", "pass:secret", "-check", "-noout")


def test_a_passphrase_that_is_no_unicode_is_one_all_the_same() -> None:
    encryption = KeyEncryption.from_passphrase("\udcff" * 8, log2_n=2)
    signer = generate_key()

    assert encryption.decrypt(encryption.encrypt(signer, bound_to=b""), bound_to=b"")
    assert load_key(signer.to_pem("\udcff"), "\udcff").spki == signer.spki


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(InvalidRequestError, match="empty"):
        generate_key().to_pem("")


def test_a_key_does_not_show_itself() -> None:
    signer = generate_key()
    shown = repr(signer) + str(signer) + repr(FILE) + repr(PHRASE)

    assert "P-256" in shown
    assert "horse" not in shown
    for secret in (signer, FILE, PHRASE):
        with pytest.raises(TypeError, match="does not leave its process"):
            pickle.dumps(secret)
