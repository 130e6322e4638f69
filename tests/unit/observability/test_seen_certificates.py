# SPDX-License-Identifier: Apache-2.0
"""Certificates to ask about: each once a while, bounded, small enough to be sent."""

from __future__ import annotations

from authz.certs.certificate import Certificate
from authz.certs.unanswered import Unanswered
from authz.observability.seen_certificates import (
    AGAIN_SECONDS,
    MAX_BYTES,
    MAX_NOTED,
    MAX_WAITING,
    SeenCertificate,
    SeenCertificates,
)
from tests.factories.pki import AT, root

ROOT = Certificate.from_der(root().der)
ALICE = Certificate.from_der(root().client("alice").der)


def unanswered(certificate: Certificate = ALICE, anchor: Certificate = ROOT) -> Unanswered:
    return Unanswered(certificate=certificate, issuer=ROOT, anchor=anchor, authority="acme")


class _Fake(Certificate):
    """A certificate that nobody reads."""

    def __init__(self, number: int, size: int = 100) -> None:
        super().__init__(number.to_bytes(4) + bytes(size - 4), number)


def test_what_was_noted_is_drained_once() -> None:
    seen = SeenCertificates()
    seen.note([unanswered()], AT)

    assert seen.drain(1) == (
        SeenCertificate(
            certificate=ALICE.der,
            issuer=ROOT.der,
            anchor=bytes.fromhex(root().fingerprint),
            authority="acme",
        ),
    )
    assert seen.drain(1) == ()


def test_it_is_noted_again_after_a_while_or_by_another_clock() -> None:
    seen = SeenCertificates()

    def noted(at: float) -> bool:
        seen.note([unanswered()], at)
        return bool(seen.drain(1))

    assert noted(AT)
    assert not noted(AT + AGAIN_SECONDS - 1)
    assert noted(AT + AGAIN_SECONDS)
    assert noted(AT)


def test_each_anchor_is_another_question() -> None:
    seen = SeenCertificates()
    seen.note([unanswered(), unanswered(anchor=ALICE), unanswered()], AT)
    assert len(seen.drain(MAX_BYTES)) == 2


def test_what_waits_is_bounded_and_what_is_not_noted_is_counted() -> None:
    seen = SeenCertificates()
    seen.note([unanswered(_Fake(n)) for n in range(MAX_WAITING + 3)], AT)
    seen.note([unanswered(_Fake(-1 % 2**32, MAX_BYTES))], AT)

    assert seen.dropped == 4
    assert len(seen.drain(MAX_WAITING * MAX_BYTES)) == MAX_WAITING
    # Those that found no room try again at once.
    seen.note([unanswered(_Fake(MAX_WAITING))], AT)
    assert len(seen.drain(1)) == 1


def test_a_drain_ends_behind_its_size() -> None:
    seen = SeenCertificates()
    seen.note([unanswered(_Fake(n)) for n in range(5)], AT)
    size = 100 + len(ROOT.der)

    assert len(seen.drain(size)) == 1
    assert len(seen.drain(size + 1)) == 2
    assert len(seen.drain(10 * size)) == 2


def test_what_was_noted_is_forgotten_when_it_is_too_much() -> None:
    seen = SeenCertificates()
    for n in range(MAX_NOTED):
        seen.note([unanswered(_Fake(n))], AT)
        seen.drain(1)
    seen.note([unanswered(_Fake(MAX_NOTED))], AT)
    assert len(seen._noted) == 1
