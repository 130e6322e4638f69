# SPDX-License-Identifier: Apache-2.0
"""Fingerprints as people have them on their clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError
from authz.services.fingerprint_text import MAX_CHARACTERS, read_fingerprints

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

PLAIN = "253e08c1ab67eb7630c61734d377d75d5dccde2f6e69986c221d66e848b64321"
COLONS = ":".join(PLAIN[at : at + 2] for at in range(0, 64, 2)).upper()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.upper(),
        COLONS,
        COLONS.replace(":", " "),
        f"sha256 Fingerprint={COLONS}",
        f"SHA256 Fingerprint={COLONS}\n",
        f"SHA2-256(stdin)= {PLAIN}",
        f"SHA256(client.der)= {PLAIN}",
        f"{PLAIN}  client.der",
        f"{PLAIN} *-",
        f"  {COLONS};",
        f"{PLAIN},{COLONS}\n\n{PLAIN}",
        f"{PLAIN} {PLAIN}",
    ],
)
def test_what_openssl_and_others_print(text: str) -> None:
    assert read_fingerprints(text) == (PLAIN,)


def test_several_in_their_order() -> None:
    other = PLAIN[::-1]

    assert read_fingerprints(f"{other}\nsha256 Fingerprint={COLONS}\r\n{other}") == (other, PLAIN)
    assert read_fingerprints(" \n") == ()


def test_a_certificate_is_its_fingerprint(world: World) -> None:
    world.ca()
    issued = world.issue()
    expected = issued.certificate.fingerprint_sha256
    pem = issued.bundle.decode() if isinstance(issued.bundle, bytes) else issued.bundle
    first = pem[: pem.index("-----END CERTIFICATE-----") + 25]
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"

    assert read_fingerprints(f"Bag Attributes\n{first}".partition("\n")[2]) == (expected,)
    assert read_fingerprints(f"{PLAIN}\n{first}\n{COLONS}") == (PLAIN, expected)
    with pytest.raises(InvalidInputError, match="a certificate cannot be read"):
        read_fingerprints(key)
    with pytest.raises(InvalidInputError, match="a certificate cannot be read"):
        read_fingerprints("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SHA1 Fingerprint=" + COLONS[:59], "a fingerprint of SHA-1, not of SHA-256"),
        (PLAIN[:32], "a fingerprint of MD5"),
        (PLAIN * 2, "a fingerprint of SHA-512"),
        (PLAIN[:-1], "is no fingerprint"),
        (f"{PLAIN}a", "is no fingerprint"),
        (f"{COLONS}:AA", "is no fingerprint"),
        ("alice", '"alice" is no fingerprint'),
        (f"{PLAIN}\nalice\x1b[2J", r'"alice\\x1b\[2J" is no fingerprint'),
        ("a" * (MAX_CHARACTERS + 1), "characters, "),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_fingerprints(text)
