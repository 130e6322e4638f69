# SPDX-License-Identifier: Apache-2.0
"""Walking the entries of a CRL says what the library's objects say."""

from __future__ import annotations

import datetime
import random

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.crl_entries import read_entries, signed_part
from authz.errors import MalformedCertificateError, UnsupportedCertificateError
from tests.factories.pki import der, root

UTC_TIME = der(0x17, b"260301110000Z")
GENERALIZED_TIME = der(0x18, b"20600301110000Z")
REASON = bytes.fromhex("0603551d15")
INVALIDITY = bytes.fromhex("0603551d18")
CERTIFICATE_ISSUER = bytes.fromhex("0603551d1d")
OTHER = bytes.fromhex("06022a03")
CRITICAL = bytes.fromhex("0101ff")
UNCRITICAL = bytes.fromhex("010100")


def reason(value: int) -> bytes:
    return der(0x30, REASON, der(4, bytes((0x0A, 1, value))))


def entry(serial: bytes, *extensions: bytes, time: bytes = UTC_TIME) -> bytes:
    return der(0x30, der(2, serial), time, der(0x30, *extensions) if extensions else b"")


def crl(*entries: bytes, extensions: bytes = b"") -> bytes:
    """The signed part of a CRL in the place of a CRL: nothing else of it is read."""
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    listed = der(0x30, *entries) if entries else b""
    body = (der(2, b"\1"), algorithm, der(0x30), UTC_TIME, UTC_TIME, listed, extensions)
    return der(0x30, der(0x30, *body), algorithm, der(3, b"\0"))


def test_entries_of_every_common_form() -> None:
    found = read_entries(
        crl(
            entry(b"\5"),
            entry(b"\0\x80", time=GENERALIZED_TIME),
            entry(b"\x7f" * 20, reason(6)),
            entry(b"\7", reason(8), time=GENERALIZED_TIME),
            entry(b"\x08", reason(8)),
            entry(b"\x81"),
            extensions=der(0xA0, der(0x30)),
        ),
        "",
    )

    assert found == ([5, 0x80, int.from_bytes(b"\x7f" * 20), -127], [7, 8])


def test_entries_of_every_other_form() -> None:
    moment = der(0x30, INVALIDITY, der(4, GENERALIZED_TIME))
    found = read_entries(
        crl(
            entry(b"\1", reason(1), moment),
            entry(b"\2", moment, reason(8)),
            entry(b"\3", der(0x30, OTHER, der(4, b"x" * 200))),
            entry(b"\4", der(0x30, OTHER, UNCRITICAL, der(4, b""))),
            entry(b"\5", der(0x30, REASON, CRITICAL, der(4, b"\x0a\1\1"))),
            entry(b"\6" * 200),
        ),
        "",
    )

    assert found == ([1, 3, 4, 5, int.from_bytes(b"\6" * 200)], [2])


@pytest.mark.parametrize("listed", [(), (b"",)])
def test_a_crl_without_entries_revokes_nothing(listed: tuple[bytes, ...]) -> None:
    assert read_entries(crl(*listed), "") == ([], [])
    assert read_entries(crl(*listed, extensions=der(0xA0, der(0x30))), "") == ([], [])


def test_the_issuers_name_is_not_taken_for_the_entries() -> None:
    made = root().crl().der

    assert read_entries(made, "") == ([], [])


@pytest.mark.parametrize(
    "bad",
    [
        entry(b"\5", reason(7)),
        entry(b"\5", reason(11)),
        entry(b"\5", reason(1), reason(1)),
        entry(b"\5", der(0x30, REASON, der(4, b"\x0a\2\0\1"))),
        entry(b"\5", der(0x30, REASON, der(4, b"\2\1\1"))),
        entry(b"\5", der(0x30, REASON, CRITICAL, der(4, b"\x0a\1\7"))),
        entry(b"\5", der(0x30, INVALIDITY, der(4, UTC_TIME))),
        entry(b"\5", der(0x30, INVALIDITY, der(4, b""))),
        entry(b"\5", der(0x30, REASON)),
        entry(b"\5", der(0x30)),
        entry(b"\5", b"\x30"),
        der(0x30, der(2, b"\5" * 60)),
        # Cut short, or longer than what there is.
        b"\x30",
        b"\x30\x12\x02",
        b"\x30\x12\x02\1\5",
        b"\x30\x20\x02\1\5",
    ],
)
def test_an_entry_that_cannot_be_read_is_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedCertificateError, match="an entry of the CRL") as caught:
        read_entries(crl(entry(b"\1"), bad), "here")

    assert caught.value.where == "here"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("extension", "oid"),
    [
        (der(0x30, CERTIFICATE_ISSUER, der(4, b"\x30\0")), "2.5.29.29"),
        (der(0x30, OTHER, CRITICAL, der(4, b"")), "1.2.3"),
    ],
)
def test_extensions_that_change_what_an_entry_means_are_refused(extension: bytes, oid: str) -> None:
    with pytest.raises(UnsupportedCertificateError, match=f"has the extension {oid}, ") as caught:
        read_entries(crl(entry(b"\5", extension)), "here")

    assert caught.value.where == "here"


@given(
    revoked=st.lists(st.integers(1, 2**159 - 1), unique=True, max_size=20),
    removed=st.lists(st.integers(1, 2**159 - 1), unique=True, max_size=5),
    why=st.none()
    | st.sampled_from(
        [one for one in x509.ReasonFlags if one is not x509.ReasonFlags.remove_from_crl]
    ).filter(lambda one: one is not x509.ReasonFlags.unspecified),
    dated=st.booleans(),
)
def test_the_library_finds_the_same(
    revoked: list[int], removed: list[int], why: x509.ReasonFlags | None, dated: bool
) -> None:
    date = x509.InvalidityDate(datetime.datetime(2026, 1, 1))
    made = root().crl(
        revoked,
        removed=removed,
        reason=why,
        entry_extensions=[(date, False)] if dated else (),
    )

    assert read_entries(made.der, "") == (revoked, removed)
    assert signed_part(made.der) == made.crl.tbs_certlist_bytes
    assert [one.serial_number for one in made.crl] == revoked + removed


def test_what_the_library_refuses_or_reads_after_damage_is_seen_alike() -> None:
    """Whatever passes the library's parser has the shape that the walk relies on."""
    source = random.Random(3)
    date = x509.InvalidityDate(datetime.datetime(2026, 1, 1))
    good = [
        root().crl([5, 2**64, 128, 255], removed=[6]).der,
        root().crl([5], reason=x509.ReasonFlags.superseded, entry_extensions=[(date, False)]).der,
    ]
    compared = 0
    for _ in range(4000):
        damaged = bytearray(source.choice(good))
        damaged[source.randrange(len(damaged) - 75)] = source.randrange(256)
        try:
            parsed = x509.load_der_x509_crl(bytes(damaged))
            expected = sorted(one.serial_number for one in parsed if list(one.extensions) or 1)
        except (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion):
            continue
        try:
            revoked, removed = read_entries(bytes(damaged), "")
        except UnsupportedCertificateError:
            continue
        assert sorted(revoked + removed) == expected
        compared += 1
    assert compared > 500
