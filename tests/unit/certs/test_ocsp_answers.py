# SPDX-License-Identifier: Apache-2.0
"""Answers by issuer and serial number; how they count is in test_revocation."""

from __future__ import annotations

import hashlib
import math

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.ocsp_answers import OcspAnswers
from tests.factories.pki import AT, DAY, intermediate, root

CA = Certificate.from_der(intermediate().der)
ROOT = Certificate.from_der(root().der)
LARGE = 2**159 + 1


def status(serial: int = LARGE, *, revoked: bool = False, this_update: float = AT) -> OcspStatus:
    return OcspStatus(
        issuer=hashlib.sha256(CA.spki).digest(),
        serial=serial.to_bytes(20),
        revoked=revoked,
        this_update=this_update,
        until=this_update + DAY,
    )


def test_an_answer_is_about_an_issuer_and_a_serial_number() -> None:
    answers = OcspAnswers([status()])

    assert answers.until(CA, LARGE) == AT + DAY
    assert answers.until(CA, 1) == answers.until(ROOT, LARGE) == -math.inf
    assert not answers.revoked_by(CA)
    assert not answers.revoked_by(ROOT)
    assert len(answers) == 1


def test_revoked_does_not_end() -> None:
    answers = OcspAnswers([status(revoked=True)])

    assert answers.until(CA, LARGE) == math.inf
    assert answers.revoked_by(CA) == {LARGE}
    assert not answers.revoked_by(ROOT)


def test_of_one_moment_what_revokes_counts() -> None:
    for said in ([status(revoked=True), status()], [status(), status(revoked=True)]):
        assert OcspAnswers(said).revoked_by(CA) == {LARGE}


def test_the_newest_counts() -> None:
    later = AT + 60
    restored = OcspAnswers([status(this_update=later), status(revoked=True)])
    revoked = OcspAnswers([status(revoked=True, this_update=later), status()])

    assert restored.revoked_by(CA) == frozenset()
    assert restored.until(CA, LARGE) == later + DAY
    assert revoked.revoked_by(CA) == {LARGE}
