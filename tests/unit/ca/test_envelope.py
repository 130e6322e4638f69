# SPDX-License-Identifier: Apache-2.0
"""Records open with their own secret, at their own place, unchanged, and not otherwise."""

from __future__ import annotations

import pytest

from authz.ca.envelope import KeyFile, Passphrase, Secret, open_sealed, seal
from authz.errors import KeyUnavailableError

FILE = KeyFile(bytes(range(32)))
# As cheap as scrypt gets: how slow it is, is not what is tested.
PHRASE = Passphrase(b"correct horse", log2_n=2)
SECRETS = [FILE, PHRASE]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_record_opens_again(secret: Secret) -> None:
    record = seal(secret, b"content", bound_to=b"a")

    assert open_sealed(secret, record, bound_to=b"a") == b"content"
    assert b"content" not in record


@pytest.mark.parametrize("secret", SECRETS)
def test_two_records_of_one_content_have_nothing_in_common(secret: Secret) -> None:
    first, second = (seal(secret, b"content", bound_to=b"a") for _ in range(2))

    start = 6 + len(secret.parameters())
    assert first[:start] == second[:start]
    # Salt, nonce and ciphertext: pieces of twelve octets are never the same.
    pieces = [{one[at : at + 12] for at in range(start, len(one) - 11)} for one in (first, second)]
    assert not pieces[0] & pieces[1]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_record_does_not_open_in_another_place(secret: Secret) -> None:
    record = seal(secret, b"content", bound_to=b"a")

    with pytest.raises(KeyUnavailableError, match="cannot be decrypted"):
        open_sealed(secret, record, bound_to=b"b")


@pytest.mark.parametrize(
    ("secret", "other"),
    [(FILE, KeyFile(bytes(32))), (PHRASE, Passphrase(b"battery staple", log2_n=2))],
)
def test_a_record_does_not_open_with_another_secret(secret: Secret, other: Secret) -> None:
    record = seal(secret, b"content", bound_to=b"a")

    with pytest.raises(KeyUnavailableError, match="cannot be decrypted"):
        open_sealed(other, record, bound_to=b"a")


def test_the_error_says_which_kind_of_secret_it_was() -> None:
    with pytest.raises(KeyUnavailableError, match="with a passphrase, and a key file is"):
        open_sealed(FILE, seal(PHRASE, b"", bound_to=b""), bound_to=b"")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_change_of_any_octet_is_noticed(secret: Secret) -> None:
    record = seal(secret, b"content", bound_to=b"a")
    for index in range(len(record)):
        changed = bytearray(record)
        changed[index] ^= 1
        with pytest.raises(KeyUnavailableError):
            open_sealed(secret, bytes(changed), bound_to=b"a")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_record_that_is_cut_short_is_damaged(secret: Secret) -> None:
    record = seal(secret, b"", bound_to=b"a")
    for size in range(len(record)):
        with pytest.raises(KeyUnavailableError, match="damaged"):
            open_sealed(secret, record[:size], bound_to=b"a")


def test_an_unknown_method_is_damage() -> None:
    record = bytearray(seal(FILE, b"", bound_to=b""))
    record[5] = 9

    with pytest.raises(KeyUnavailableError, match="damaged"):
        open_sealed(FILE, bytes(record), bound_to=b"")


@pytest.mark.parametrize("parameters", [(40, 8, 1), (2, 255, 1), (2, 8, 255), (0, 8, 1)])
def test_a_damaged_record_takes_no_memory(parameters: tuple[int, ...]) -> None:
    record = bytearray(seal(PHRASE, b"", bound_to=b""))
    record[6:9] = bytes(parameters)

    with pytest.raises(KeyUnavailableError, match="damaged"):
        open_sealed(PHRASE, bytes(record), bound_to=b"")


#: Written once: a version of this program that cannot open them has lost everybody's keys.
WRITTEN = {
    "file": bytes.fromhex(
        "415a4b52010280f76548718fe47bce0cab8630a3df539c39876630de23362e0c"
        "ed2ee2ad02d92cb021f3bb18f62b47fe84a98bb6e88fa4ec2e"
    ),
    "phrase": bytes.fromhex(
        "415a4b5201010208014016567bf473f0f33a2204f16a1676773c521fd3e3e1ab"
        "329ac205cf8177aa693326ec830575ce8962ad6bff0fc92771b1ab84"
    ),
}


def test_records_of_this_version_stay_readable() -> None:
    assert open_sealed(FILE, WRITTEN["file"], bound_to=b"a") == b"content"
    assert open_sealed(PHRASE, WRITTEN["phrase"], bound_to=b"a") == b"content"


def test_older_parameters_stay_readable() -> None:
    record = seal(Passphrase(b"correct horse", log2_n=3), b"content", bound_to=b"")

    assert open_sealed(PHRASE, record, bound_to=b"") == b"content"


def test_a_secret_does_not_show_itself() -> None:
    assert "horse" not in repr(PHRASE)
    assert FILE.data.hex() not in repr(FILE)
