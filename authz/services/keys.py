# SPDX-License-Identifier: Apache-2.0
"""Private keys in the store: encrypted on their way in, decrypted where something is signed.

Each is bound to its identifier: an encrypted key that is put in another one's place does not open.
The secret itself comes from outside (sources.key_secret); it is never in the store. All keys are
encrypted by one: what keeps a new key opens one of those that are there (`checked_secret`, and
`add_keys` in the transaction), so that a mistyped passphrase is an error before anything is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.ca.key_kinds import DEFAULT_KEY_KIND, KeyKind
from authz.ca.keys import KeyEncryption, LocalSigner
from authz.errors import IssuerInactiveError, KeyUnavailableError
from authz.services.context import audit, new_id
from authz.store.records import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.sources.key_secret import KeySecret
    from authz.store.engine import Store
    from authz.store.records import AuthorityCertificate
    from authz.store.session import Session

_KINDS: Final = {
    "P-256": KeyKind.ECDSA_P256,
    "P-384": KeyKind.ECDSA_P384,
    "RSA 2048": KeyKind.RSA_2048,
    "RSA 3072": KeyKind.RSA_3072,
    "RSA 4096": KeyKind.RSA_4096,
}


def encryption_of(secret: KeySecret) -> KeyEncryption:
    """What encrypts keys by this secret.

    Raises:
        KeyUnavailableError: the secret is too short.
    """
    if secret.passphrase is not None:
        return KeyEncryption.from_passphrase(secret.passphrase)
    return KeyEncryption.from_key_file(secret.key_file)


def new_key(signer: LocalSigner, encryption: KeyEncryption, at: float) -> Key:
    """A private key as the store keeps it."""
    key_id = new_id()
    record = encryption.encrypt(signer, bound_to=key_id.encode())
    return Key(id=key_id, kind=signer.key.name, record=record, created_at=at)


def opened(key: Key, encryption: KeyEncryption) -> LocalSigner:
    """A private key, to sign with and to forget.

    Raises:
        KeyUnavailableError: it was encrypted by another secret, or is damaged.
    """
    return encryption.decrypt(key.record, bound_to=key.id.encode())


def checked_secret(store: Store, encryption: KeyEncryption) -> Key | None:
    """Make sure that a secret is the one that the keys of a store are encrypted by.

    Returns:
        The key that it opened, for `add_keys`; None while there is none.

    Raises:
        KeyUnavailableError: the keys are encrypted by another one.
    """
    with store.read() as session:
        keys = session.authorities.keys()
    return _one_that_opens(keys, encryption)


def add_keys(
    session: Session, keys: Iterable[Key], encryption: KeyEncryption, proof: Key | None
) -> None:
    """Keep new keys, if their secret is still that of all others.

    Args:
        proof: what `checked_secret` returned: a key that is as it was then is not opened again,
            which takes a passphrase 0.3 s while others wait.

    Raises:
        KeyUnavailableError: the keys are encrypted by another secret by now (`rekey`, or the
            first key of all, came in between).
    """
    there = session.authorities.keys()
    if proof is None or proof not in there:
        _one_that_opens(there, encryption)
    for key in keys:
        session.authorities.add_key(key)


def _one_that_opens(keys: list[Key], encryption: KeyEncryption) -> Key | None:
    for key in keys:
        try:
            opened(key, encryption)
        except KeyUnavailableError:
            # One record may be damaged: that must not stop a new authority.
            continue
        return key
    if keys:
        raise KeyUnavailableError(
            "the private keys in the store are encrypted by another secret than the one configured",
            hint="configure the passphrase or key file that they were encrypted with, "
            "see keys in the settings; authz ca rekey changes it for all of them",
        )
    return None


def key_of(session: Session, certificate: AuthorityCertificate) -> Key:
    """The encrypted key of an authority's certificate.

    Raises:
        IssuerInactiveError: it is not here.
    """
    key = None if certificate.key_id is None else session.authorities.key(certificate.key_id)
    if key is None:
        raise IssuerInactiveError(
            "the private key of the authority is not here",
            hint="import the authority with its key: authz ca import",
        )
    return key


def kind_of(key: Key) -> KeyKind:
    """The kind that a successor of this key has."""
    return _KINDS.get(key.kind, DEFAULT_KEY_KIND)


def has_keys(store: Store) -> bool:
    """Whether there are private keys: then a new secret would not open them."""
    with store.read() as session:
        return bool(session.authorities.keys())


def rekey(store: Store, old: KeyEncryption, new: KeyEncryption, *, actor: str, at: float) -> int:
    """Encrypt every private key by another secret, all or none; how many there are.

    Raises:
        KeyUnavailableError: one is not encrypted by `old`.
    """
    with store.write() as session:
        keys = session.authorities.keys()
        for key in keys:
            try:
                signer = opened(key, old)
            except KeyUnavailableError as error:
                error.message = f"key {key.id}: {error.message}"
                raise
            record = new.encrypt(signer, bound_to=key.id.encode())
            session.authorities.replace_key(replace(key, record=record))
        audit(
            session,
            "keys.rekey",
            actor=actor,
            at=at,
            of=("keys", "all"),
            after={"keys": len(keys)},
        )
    return len(keys)
