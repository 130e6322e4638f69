# SPDX-License-Identifier: Apache-2.0
"""Which OCSP answers are taken, and whom is asked when."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetch_targets import AuthorityId, OcspTarget
from authz.sources.fetching import FetchRounds, Round
from authz.sources.refresh import SHORTEST
from tests.factories.fetching import MemorySink, StubFetcher
from tests.factories.ocsp import answer
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from authz.sources.fetching_state import Fact

URL = "http://ocsp.example/"
NAMED = "http://named.example/"
ACME = AuthorityId(site="api", authority="acme")
ALICE = root().client("alice", serial=0xA11CE)
BOB = root().client("bob", serial=0xB0B)


def target(certificate: Any = ALICE, **changes: Any) -> OcspTarget:
    options = {"authority": ACME, "certificate": certificate.der, "issuer": root().der, "url": URL}
    return OcspTarget(**{**options, **changes})


class Scene:
    """Rounds with a stub on each side."""

    def __init__(self) -> None:
        self.fetcher = StubFetcher()
        self.sink = MemorySink()
        self.rounds = FetchRounds(self.fetcher, self.sink)
        self.last = Round(next_at=AT, changed=False, facts=())

    def run(self, body: Any = None, *targets: OcspTarget, at: float | None = None) -> Round:
        if body is not None:
            self.fetcher.answers[URL] = body
        moment = self.last.next_at if at is None else at
        self.last = self.rounds.run(targets or [target()], moment)
        return self.last

    def fact(self) -> Fact:
        (fact,) = self.last.facts
        return fact


@pytest.fixture
def scene() -> Scene:
    return Scene()


def status(certificate: Any = ALICE, **changes: Any) -> OcspStatus:
    return OcspStatus(
        **{
            "issuer": hashlib.sha256(Certificate.from_der(root().der).spki).digest(),
            "serial": certificate.serial.to_bytes(3 if certificate is ALICE else 2),
            "revoked": False,
            "this_update": AT - 3600,
            "until": AT + DAY,
            **changes,
        }
    )


def test_an_answer_is_kept(scene: Scene) -> None:
    done = scene.run(answer(ALICE, root()))

    assert scene.sink.answers == {ACME: (status(),)}
    assert done.changed
    fact = scene.fact()
    assert (fact.authority, fact.kind, fact.url) == (ACME, "ocsp", URL)
    assert (fact.last_success, fact.failures, fact.error) == (AT, 0, None)
    assert fact.next_update == AT + DAY
    assert AT + SHORTEST < done.next_at < AT + DAY
    ((url, options),) = scene.fetcher.asked
    assert (url, options["named_by"]) == (URL, NamedBy.OPERATOR)
    assert ocsp.load_der_ocsp_request(options["body"]).serial_number == 0xA11CE


def test_the_same_answer_is_not_kept_again(scene: Scene) -> None:
    scene.run(answer(ALICE, root()))

    assert not scene.run().changed
    assert scene.sink.writes == 1
    assert len(scene.fetcher.asked) == 2


def test_a_newer_answer_takes_its_place(scene: Scene) -> None:
    scene.run(answer(ALICE, root()))

    scene.run(answer(ALICE, root(), status="revoked", this_update=AT))

    assert [one.revoked for one in scene.sink.answers[ACME]] == [True]


def test_an_older_answer_is_not_taken(scene: Scene) -> None:
    scene.run(answer(ALICE, root(), status="revoked"))

    scene.run(answer(ALICE, root(), this_update=AT - 7200))

    assert [one.revoked for one in scene.sink.answers[ACME]] == [True]
    error = scene.fact().error
    assert error is not None
    assert error.message == "the answer is older than the one we have"


def test_of_two_answers_of_one_moment_the_one_that_revokes_counts(scene: Scene) -> None:
    scene.run(answer(ALICE, root(), status="revoked"))

    scene.run(answer(ALICE, root()))

    assert [one.revoked for one in scene.sink.answers[ACME]] == [True]
    error = scene.fact().error
    assert error is not None
    assert "no longer revokes serial 0A11CE" in error.message
    assert error.hint
    # The other way round, and later, it is taken.
    scene.run(answer(ALICE, root(), this_update=AT))
    assert [one.revoked for one in scene.sink.answers[ACME]] == [False]
    scene.run(answer(ALICE, root(), status="revoked", this_update=AT))
    assert [one.revoked for one in scene.sink.answers[ACME]] == [True]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (answer(ALICE, root(), status="unknown"), "the responder does not know serial 0A11CE"),
        (answer(BOB, root()), "the answer is not about serial 0A11CE"),
        (b"<html>", "the bytes are no OCSP response that can be read"),
    ],
)
def test_what_is_no_answer_leaves_the_last_one(scene: Scene, body: bytes, message: str) -> None:
    scene.run(answer(ALICE, root()))

    done = scene.run(body)

    assert scene.sink.answers == {ACME: (status(),)}
    error = scene.fact().error
    assert error is not None
    assert (error.message, error.where) == (message, URL)
    # The responder is there: others go on asking it.
    assert scene.fact().failures == 0
    assert not done.changed


def test_a_responder_that_fails_is_left_alone(scene: Scene) -> None:
    done = scene.run(None, target(), target(BOB))

    assert len(scene.fetcher.asked) == 1
    assert scene.fact().failures == 1
    assert done.next_at >= AT + SHORTEST
    scene.run(None, target(), target(BOB), at=AT + 1)
    assert len(scene.fetcher.asked) == 1
    scene.run(_answer_to, target(), target(BOB))
    assert set(scene.sink.answers[ACME]) <= {status(), status(BOB)}
    assert scene.fact().failures == 0


def _answer_to(asked: dict[str, Any]) -> bytes:
    serial = ocsp.load_der_ocsp_request(asked["body"]).serial_number
    return answer(ALICE if serial == ALICE.serial else BOB, root())


def _naming(*urls: str) -> Any:
    described = [
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url)
        )
        for url in urls
    ]
    extensions = [(x509.AuthorityInformationAccess(described), False)]
    return root().client("alice", serial=0xA11CE, extensions=extensions)


def test_the_responder_that_the_certificate_names(scene: Scene) -> None:
    alice = _naming("ldap://x/", NAMED)
    scene.fetcher.answers[NAMED] = answer(alice, root())

    scene.run(None, target(alice, url=""))

    assert scene.sink.answers == {ACME: (status(),)}
    assert scene.fetcher.asked[0][1]["named_by"] is NamedBy.CERTIFICATE


def test_a_certificate_that_names_none(scene: Scene) -> None:
    scene.run(None, target(url=""))

    assert scene.fetcher.asked == []
    error = scene.fact().error
    assert error is not None
    assert error.message == "the certificate with serial 0A11CE names no responder"
    assert scene.last.next_at >= AT + SHORTEST


def test_a_process_that_starts_anew_goes_on_with_what_was_kept(scene: Scene) -> None:
    scene.sink.answers[ACME] = (status(),)

    done = scene.run(answer(ALICE, root()))

    assert scene.fetcher.asked == []
    assert done.next_at > AT
    scene.run(answer(ALICE, root(), this_update=AT - 7200), at=AT + DAY - 60)
    assert scene.sink.answers[ACME] == (status(),)


def test_answers_that_ended_are_dropped_and_those_that_revoke_are_not(scene: Scene) -> None:
    ended = status(BOB, until=AT - 1)
    revoked = status(BOB, serial=b"\1", revoked=True, until=AT - 1)
    scene.sink.answers[ACME] = (ended, revoked)

    scene.run(answer(ALICE, root()))

    assert set(scene.sink.answers[ACME]) == {revoked, status()}


def test_a_full_disk_is_tried_again(scene: Scene) -> None:
    scene.sink.full = True
    other = target(BOB, authority=AuthorityId(site="api", authority="other"), url=NAMED)
    done = scene.run(answer(ALICE, root()), target(), other)

    assert not done.changed
    error = done.facts[0].error
    assert error is not None
    assert error.message == "OCSP answers cannot be kept: no space left on device"
    assert done.facts[1].error is not error
    assert done.next_at <= AT + SHORTEST
    scene.sink.full = False
    assert scene.run(None, target(), other).changed
    assert scene.sink.answers == {ACME: (status(),)}


def test_who_is_gone_is_forgotten(scene: Scene) -> None:
    scene.run(answer(ALICE, root()))

    assert scene.rounds.run([], AT + 1).facts == ()
    scene.sink.answers.clear()
    scene.run(None, at=AT + 2)
    assert len(scene.fetcher.asked) == 2


def test_a_round_has_an_end(scene: Scene) -> None:
    scene.rounds = FetchRounds(scene.fetcher, scene.sink, most=1)
    targets = [target(), target(BOB)]

    first = scene.run(_answer_to, *targets)
    assert (len(scene.fetcher.asked), first.next_at) == (1, AT)
    scene.run(None, *targets)
    assert len(scene.fetcher.asked) == 2
    assert set(scene.sink.answers[ACME]) == {status(), status(BOB)}


def test_a_certificate_that_cannot_be_read_is_passed_over(scene: Scene) -> None:
    done = scene.run(None, replace(target(), certificate=b"x"))

    assert (done.facts, scene.fetcher.asked) == ((), [])
