# SPDX-License-Identifier: Apache-2.0
"""As many certificates as anybody likes to make: what is remembered of them is bounded.

Whoever is refused is so with every one of them, and whoever is let in is not forgotten wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authz.extauthz.memo import MAX_BYTES, MAX_ENTRIES
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack import frames
from tests.attack.flooding import ACME, Flooded, counted
from tests.attack.frames import Connection, batches
from tests.factories.bombs import pem
from tests.factories.checks import check_request
from tests.factories.pki import fixed_key, resign, url_encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.attack.flooding import Flood

# What is remembered is the same behind either transport.
_BOTH: Final = ["native", pytest.param("grpcio", marks=pytest.mark.acceptance)]
pytestmark = [
    pytest.mark.attack,
    pytest.mark.parametrize("flooded", _BOTH, indirect=True, scope="module"),
]

HOST: Final = "partner.example.com"
#: What stands in for the serial number: as long, and nowhere else in a certificate.
SERIAL: Final = bytes.fromhex("5a6b7c8d9eafb0c1")
#: Checks under way at once: they fit into the first window of a connection (RFC 9113 6.9.2).
TOGETHER: Final = 24
ALLOWED, UNAUTHENTICATED, PERMISSION_DENIED = 0, 16, 7


def test_forged_certificates(flooded: Flooded) -> None:
    """In the name of the authority, each with a number of its own: more than may be remembered."""
    forged = ACME.client("forged", serial=int.from_bytes(SERIAL), signed_by=fixed_key("attacker"))
    whole = forged.certificate.public_bytes(Encoding.DER)
    assert whole.count(SERIAL) == 1
    made = (whole.replace(SERIAL, _serial(number)) for number in range(counted(12_000)))
    with flooded.flood("forged certificates", growth=128) as flood:
        _present(flood, flooded, made, allowed=False)
    _expect_bounded(flooded)


def test_many_good_certificates(flooded: Flooded) -> None:
    """Somebody has them issued by the thousand."""
    good = ACME.client("good", serial=int.from_bytes(SERIAL)).certificate
    key = fixed_key("flooded")
    made = (resign(good, key, (SERIAL, _serial(number))) for number in range(counted(5_000)))
    with flooded.flood("good certificates", growth=128) as flood:
        _present(flood, flooded, made, allowed=True)
    _expect_bounded(flooded)


def test_certificates_of_64_kilobytes(flooded: Flooded) -> None:
    large = ACME.client(
        "large",
        serial=int.from_bytes(SERIAL),
        signed_by=fixed_key("attacker"),
        extensions=[
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(40_000)), False)
        ],
    )
    whole = large.certificate.public_bytes(Encoding.DER)
    made = (whole.replace(SERIAL, _serial(number)) for number in range(max(500, counted(5_000))))
    with flooded.flood("certificates of 54 KB as text", growth=128) as flood:
        _present(flood, flooded, made, allowed=False, together=1)
    _expect_bounded(flooded)
    # Some 370 of them fill it: the others were forgotten.
    assert flooded.node.metric("authz_judgement_memo_bytes") > MAX_BYTES / 2


def _serial(number: int) -> bytes:
    # As many bytes, and positive.
    return (0x4000000000000000 + number).to_bytes(8)


def _present(
    flood: Flood,
    flooded: Flooded,
    certificates: Iterable[bytes],
    *,
    allowed: bool,
    together: int = TOGETHER,
) -> None:
    """Ask with each of them, on one connection, and look at every answer."""
    head = frames.block()
    right = (ALLOWED,) if allowed else (UNAUTHENTICATED, PERMISSION_DENIED)
    ids = iter(range(1, 2**31, 2))
    with Connection(flooded.address) as one:
        asked = 0
        for batch in batches(_checks(certificates), together):
            one.send(
                b"".join(
                    frames.headers(stream := next(ids), head)
                    + frames.data(stream, frames.message(check), last=True)
                    for check in batch
                )
            )
            asked += len(batch)
            one.until_ended(asked)
        flood.times = asked
        flood.unanswered = asked - len(one.messages)
        flood.wrong = sum(
            CheckResponse.FromString(message[5:]).status.code not in right
            for message in one.messages.values()
        )


def _checks(certificates: Iterable[bytes]) -> Iterator[bytes]:
    for der in certificates:
        certificate = url_encoded(pem(der, "certificate"))
        yield check_request(host=HOST, sni=HOST, certificate=certificate).SerializeToString()


def _expect_bounded(flooded: Flooded) -> None:
    node = flooded.node
    assert 0 < node.metric("authz_judgement_memo_entries") <= MAX_ENTRIES
    assert 0 < node.metric("authz_judgement_memo_bytes") <= MAX_BYTES
