# SPDX-License-Identifier: Apache-2.0
"""Whoever sits before the servers that we fetch CRLs from, and whom that lets in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.certs.authority import RevocationMode
from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.sources.fetch_targets import AuthorityId, CrlTarget
from authz.sources.fetched import FetchedFiles
from authz.sources.fetched_trust import FetchedTrust
from authz.sources.fetching import FetchRounds
from tests.factories.fetching import StubFetcher
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.pki import Issued
    from authz.policy.client import Client

ACME = AuthorityId(site="api", authority="acme")
URL, ROOTS = "http://crl.example/issuing.crl", "http://crl.example/root.crl"
ROOT, ISSUING = root(), intermediate()
ALICE = ISSUING.client("alice", serial=77, not_after=AT + 90 * DAY)
BOB = ROOT.client("bob", serial=77, not_after=AT + 90 * DAY)
MONTH = AT + 30 * DAY


def crl(issuer: Issued, *revoked: int, number: int, base_number: int | None = None) -> bytes:
    return issuer.crl(list(revoked), number=number, base_number=base_number, next_update=MONTH).pem


class Scene:
    """An authority that fetches, over a network that others have in their hands."""

    def __init__(self, directory: Path, mode: RevocationMode) -> None:
        self.fetcher = StubFetcher()
        self.files = FetchedFiles(directory)
        self.rounds = FetchRounds(self.fetcher, self.files)
        self.targets = [
            CrlTarget(authority=ACME, certificates=(ROOT.der, ISSUING.der), url=url)
            for url in (URL, ROOTS)
        ]
        self.model = replace(
            authority(ROOT, ISSUING, revocation=mode, crl_sources_configured=0),
            crl_urls=(URL, ROOTS),
        )

    def client(self, issued: Issued, at: float) -> Client:
        model = FetchedTrust(self.files).add(self.model, ACME, None).model
        return identify(presented(issued, ISSUING), compile_trust([model]), at)


@pytest.mark.parametrize("mode", [RevocationMode.STRICT, RevocationMode.SOFT])
@pytest.mark.parametrize(
    ("who", "good", "played"),
    [
        (ALICE, crl(ISSUING, 77, number=9), crl(ROOT, number=3)),
        (ALICE, crl(ISSUING, 77, number=9) + crl(ROOT, number=3), crl(ROOT, number=3)),
        (BOB, crl(ROOT, 77, number=9), crl(ROOT, number=8, base_number=7)),
    ],
    ids=["another CA's", "less of a bundle", "a delta"],
)
def test_what_is_played_at_a_url_lets_in_nobody_who_was_revoked(
    tmp_path: Path, mode: RevocationMode, who: Issued, good: bytes, played: bytes
) -> None:
    scene = Scene(tmp_path, mode)
    scene.fetcher.answers |= {URL: good, ROOTS: crl(ROOT, number=3)}
    done = scene.rounds.run(scene.targets, AT)
    assert scene.client(who, AT).revoked

    scene.fetcher.answers[URL] = played
    for _ in range(4):
        done = scene.rounds.run(scene.targets, done.next_at)

    assert scene.client(who, AT + 20 * DAY).revoked
    failed = [fact for fact in done.facts if fact.failures]
    assert [fact.url for fact in failed] == [URL]
    # However long that goes on.
    done = scene.rounds.run(scene.targets, MONTH + DAY)
    late = scene.client(who, MONTH + DAY)
    assert (late.verified, late.revoked) == (
        (False, False) if mode is RevocationMode.STRICT else (True, True)
    )


@pytest.mark.parametrize("mode", [RevocationMode.STRICT, RevocationMode.SOFT])
def test_whom_a_crl_of_tomorrow_releases_is_out_till_then_and_nobody_else(
    tmp_path: Path, mode: RevocationMode
) -> None:
    scene = Scene(tmp_path, mode)
    other = ISSUING.client("carol", serial=78, not_after=AT + 90 * DAY)
    scene.fetcher.answers |= {URL: crl(ISSUING, 77, number=9), ROOTS: crl(ROOT, number=3)}
    scene.rounds.run(scene.targets, AT)
    # Long enough before it is asked for again.
    tomorrow = AT + 28 * DAY
    ahead = ISSUING.crl([], number=10, this_update=tomorrow, next_update=MONTH + 30 * DAY)

    scene.fetcher.answers[URL] = ahead.pem
    done = scene.rounds.run(scene.targets, AT + 27 * DAY)

    assert not any(fact.failures for fact in done.facts)
    before, after = tomorrow - 1, tomorrow + 1
    assert scene.client(ALICE, before).revoked
    assert scene.client(other, before).verified
    # Without being fetched once more, and then it is alone.
    for _ in range(2):
        released = scene.client(ALICE, after)
        assert (released.verified, released.revoked) == (True, False)
        scene.rounds.run(scene.targets, after)
    stored = scene.files.stored(URL)
    assert stored is not None
    assert stored.body == ahead.pem
