# SPDX-License-Identifier: Apache-2.0
"""Private keys: made, loaded, encrypted at rest, and used. The only module that holds any.

A key never appears in a representation, an error or a pickle, and goes out in two ways only:
encrypted (`KeyEncryption`), or as the file of the person it was made for (`to_pem`, `to_pkcs12`).

`Signer` is the seam for keys that cannot be had at all, in a token or an HSM behind PKCS#11: all
that signs here asks for a public key and signatures. Only `LocalSigner`, in memory, is built.
RFC 5208, RFC 8017 §8.2, FIPS 186-5.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from authz.ca import envelope
from authz.ca.key_kinds import DEFAULT_KEY_KIND, Digest, KeyKind, check_public_key, unsupported_key
from authz.errors import InvalidRequestError, KeyUnavailableError, WeakKeyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from authz.certs.keys import KeyDescription

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_CURVES: Final = {KeyKind.ECDSA_P256: ec.SECP256R1(), KeyKind.ECDSA_P384: ec.SECP384R1()}
_THROWAWAY_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    Digest.SHA256: hashes.SHA256(),
    Digest.SHA384: hashes.SHA384(),
    Digest.SHA512: hashes.SHA512(),
}
#: Larger files hold no key.
MAX_KEY_BYTES: Final = 64 * 1024


class Signer(Protocol):
    """A private key that can be asked to sign, wherever it is."""

    @property
    def spki(self) -> bytes:
        """The public key: SubjectPublicKeyInfo in DER."""

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """A signature over `data`: PKCS #1 v1.5 with RSA, Ecdsa-Sig-Value in DER with ECDSA.

        Raises:
            KeyUnavailableError: the key cannot be reached.
        """


def verifies(signature: bytes, data: bytes, digest: Digest, spki: bytes) -> bool:
    """Whether this signature is by the key of this SubjectPublicKeyInfo (a supported one)."""
    key = serialization.load_der_public_key(spki)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), _HASHES[digest])
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            key.verify(signature, data, ec.ECDSA(_HASHES[digest]))
    except InvalidSignature:
        return False
    return True


class LocalSigner:
    """A private key in the memory of this process."""

    __slots__ = ("_key", "key", "spki")

    #: What kind of key it is, for people.
    key: KeyDescription
    #: The public key: SubjectPublicKeyInfo in DER.
    spki: bytes

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.spki = _spki(key.public_key())
        self.key = check_public_key(self.spki)

    def sign(self, data: bytes, digest: Digest) -> bytes:
        """A signature over `data`: PKCS #1 v1.5 with RSA, Ecdsa-Sig-Value in DER with ECDSA."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), _HASHES[digest])
        return self._key.sign(data, ec.ECDSA(_HASHES[digest]))

    def to_pem(self, passphrase: str | None = None) -> bytes:
        """The private key as PKCS #8 PEM, encrypted when there is a passphrase.

        For whom a key was made, once; what is kept here goes through `KeyEncryption`.

        Raises:
            InvalidRequestError: the passphrase is empty.
        """
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            protection = serialization.BestAvailableEncryption(_password(passphrase))
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
        )

    def to_pkcs12(
        self, certificate: bytes, chain: tuple[bytes, ...], *, name: str, password: str
    ) -> bytes:
        """Key, certificate and chain (DER) as PKCS #12 (RFC 7292): see bundle.py.

        Raises:
            InvalidRequestError: the password is empty.
        """
        # RFC 8018 §6.2 with AES-256 and HMAC-SHA-256, and a MAC of SHA-256 (RFC 7292 §4): what
        # OpenSSL 3 writes itself. RC2 and 3DES, the format's old ones, are not offered.
        protection = (
            serialization.PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(PKCS12_ROUNDS)
            .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
            .hmac_hash(hashes.SHA256())
            .build(_password(password))
        )
        return pkcs12.serialize_key_and_certificates(
            name.encode(errors="replace"),
            self._key,
            x509.load_der_x509_certificate(certificate),
            [x509.load_der_x509_certificate(one) for one in chain],
            protection,
        )

    def _to_der(self) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def __repr__(self) -> str:
        return f"<LocalSigner {self.key.name} {hashlib.sha256(self.spki).hexdigest()[:16]}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key does not leave its process")


#: Iterations of PBKDF2 in a PKCS #12 file.
PKCS12_ROUNDS: Final = 100_000


def generate_key(kind: KeyKind = DEFAULT_KEY_KIND) -> LocalSigner:
    """A fresh key pair."""
    if kind in _CURVES:
        return LocalSigner(ec.generate_private_key(_CURVES[kind]))
    bits = int(kind.removeprefix("rsa-"))
    return LocalSigner(rsa.generate_private_key(public_exponent=65537, key_size=bits))


@cache
def throwaway_key(kind: str) -> LocalSigner:
    """A key that signs what is only looked at (issuance.py), of the kind of a `KeyDescription`.

    One a process and kind: making an RSA key takes long. RSA keys of any size sign alike, and get
    one of 2048 bits. Nobody trusts these keys.
    """
    curve = _THROWAWAY_CURVES.get(kind)
    if curve is not None:
        return LocalSigner(ec.generate_private_key(curve))
    return generate_key(KeyKind.RSA_2048)


def load_key(data: bytes, passphrase: str | None = None) -> LocalSigner:
    """The private key of a PEM file that came from elsewhere.

    Raises:
        KeyUnavailableError: there is none, or the passphrase is missing or wrong.
        WeakKeyError: it is too weak, or of a kind that is not supported.
    """
    if len(data) > MAX_KEY_BYTES or b"PRIVATE KEY-----" not in data:
        raise KeyUnavailableError(
            "there is no private key in the file",
            hint="expected PEM: -----BEGIN PRIVATE KEY----- or ENCRYPTED PRIVATE KEY",
        )
    secret = _bytes(passphrase) if passphrase else None
    try:
        key = serialization.load_pem_private_key(data, secret)
    except TypeError:
        wanted = "is encrypted" if secret is None else "is not encrypted"
        hint = (
            "give its passphrase (--passphrase-file F)"
            if secret is None
            else "leave the passphrase out"
        )
        raise KeyUnavailableError(f"the private key {wanted}", hint=hint) from None
    except UnsupportedAlgorithm:
        raise WeakKeyError(
            "the private key is of a kind that is not supported",
            hint="RSA from 2048 bits and the curves P-256, P-384 and P-521 are",
        ) from None
    # The library's own words may quote what it read: they stay here.
    except ValueError:
        raise KeyUnavailableError(
            "the private key cannot be read",
            hint="the passphrase is wrong, or the file is damaged: openssl pkey -in FILE -check",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise unsupported_key(_spki(key.public_key()))
    return LocalSigner(key)


class KeyEncryption:
    """Encrypts private keys at rest, all with one secret that is kept elsewhere.

    To change the secret: `decrypt` with the old one, `encrypt` with the new one.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: envelope.Secret) -> None:
        self._secret = secret

    @classmethod
    def from_passphrase(cls, text: str, *, log2_n: int = envelope.SCRYPT_LOG2_N) -> KeyEncryption:
        """With a passphrase; `log2_n` is the cost of each use (17: 128 MiB, some 0.3 s).

        Raises:
            KeyUnavailableError: it is shorter than 8 characters.
        """
        if len(text) < envelope.MIN_PASSPHRASE_CHARACTERS:
            raise KeyUnavailableError(
                f"the passphrase has less than {envelope.MIN_PASSPHRASE_CHARACTERS} characters",
                hint="whoever copies the database can try many: take several words",
            )
        return cls(envelope.Passphrase(_bytes(text), log2_n))

    @classmethod
    def from_key_file(cls, data: bytes) -> KeyEncryption:
        """With the content of a file of random bytes.

        Raises:
            KeyUnavailableError: it has less than 32 bytes.
        """
        if len(data) < envelope.MIN_KEY_FILE_BYTES:
            raise KeyUnavailableError(
                f"the key file has less than {envelope.MIN_KEY_FILE_BYTES} bytes",
                hint="make one: openssl rand -out ca.key 32",
            )
        return cls(envelope.KeyFile(data))

    def encrypt(self, signer: LocalSigner, *, bound_to: bytes) -> bytes:
        """A record that only opens with the same secret and the same `bound_to`.

        `bound_to` says whose key it is (the authority's id): records cannot be exchanged.
        """
        return envelope.seal(self._secret, signer._to_der(), bound_to=bound_to)

    def decrypt(self, record: bytes, *, bound_to: bytes) -> LocalSigner:
        """The key of a record.

        Raises:
            KeyUnavailableError: the secret is another one, or the record damaged or moved.
        """
        content = envelope.open_sealed(self._secret, record, bound_to=bound_to)
        key = serialization.load_der_private_key(content, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return LocalSigner(key)

    def __repr__(self) -> str:
        return f"<KeyEncryption by {type(self._secret).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not leave its process")


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _password(text: str) -> bytes:
    if not text:
        raise InvalidRequestError("the password is empty", hint="choose one")
    return _bytes(text)


def _bytes(text: str) -> bytes:
    # A secret from the command line or JSON may be no UTF-8: it is one all the same.
    return text.encode(errors="surrogatepass")
