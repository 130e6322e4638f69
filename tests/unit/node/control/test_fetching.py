# SPDX-License-Identifier: Apache-2.0
"""What is in force is fetched: rounds with a fetcher without a network, and a clock that is set."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel, OcspStatus
from authz.node.control import fetching as module
from authz.node.control.fetching import LONGEST_SLEEP, LOOK_SECONDS, PRUNE_SECONDS, Fetching
from authz.node.snapshot_file import write_snapshot
from authz.observability.activity import Report
from authz.observability.seen_certificates import SeenCertificate
from authz.policy.model import PolicyModel, SiteModel
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import FetchedFiles
from authz.sources.fetching_share import Alone
from tests.factories.fetching import StubFetcher
from tests.factories.ocsp import answer
from tests.factories.pki import AT, DAY, authority, root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

URL = "http://crl.example/ca.crl"
NAMED = "http://crl.example/named.crl"
API = AuthorityId(site="api", authority="acme")
POINT = x509.DistributionPoint(
    full_name=[x509.UniformResourceIdentifier(NAMED)],
    relative_name=None,
    reasons=None,
    crl_issuer=None,
)
ALICE = root().client("alice", extensions=[(x509.CRLDistributionPoints([POINT]), False)])
OCSP = "http://ocsp.example/"
SEEN = SeenCertificate(
    certificate=ALICE.der,
    issuer=root().der,
    anchor=bytes.fromhex(root().fingerprint),
    authority="acme",
)


class _World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = AT
        self.fetcher = StubFetcher()
        self.made = 0
        self.changes = 0
        self.generation = 0
        self.files = FetchedFiles(directory / "fetched")
        self.fetching = self.begin()

    def begin(self) -> Fetching:
        def make() -> StubFetcher:
            self.made += 1
            return self.fetcher

        self.fetching = Fetching(
            self.directory / "fetched", make, changed=self._changed, clock=lambda: self.now
        )
        return self.fetching

    def _changed(self) -> None:
        self.changes += 1

    def in_force(self, *trust: AuthorityModel) -> Path:
        self.generation += 1
        model = PolicyModel(sites=(SiteModel(name="api", hosts=("*",), trust=trust),))
        file = write_snapshot(self.directory / "snapshots", model, self.generation, AT)
        self.fetching.in_force(file)
        return file

    def sample(self, name: str, *labels: str) -> float | None:
        return dict(self.fetching.samples()[name]).get(labels)

    @property
    def asked(self) -> list[str]:
        return [url for url, _ in self.fetcher.asked]


@pytest.fixture
def world(tmp_path: Path) -> _World:
    return _World(tmp_path)


def acme(*urls: str, ocsp: str = "") -> AuthorityModel:
    return replace(authority(), crl_urls=urls, ocsp=ocsp)


def test_before_anything_is_in_force_there_is_nothing_to_do(world: _World) -> None:
    assert world.fetching.step() == AT + LONGEST_SLEEP
    assert world.fetching.samples()["authz_fetch_certificates"] == []


def test_what_fetches_nothing_makes_no_client(world: _World) -> None:
    world.in_force(acme())
    assert world.fetching.step() == AT + LONGEST_SLEEP
    assert world.made == 0
    assert not (world.directory / "fetched").exists()


def test_a_crl_is_fetched_told_and_fetched_again_in_time(world: _World) -> None:
    crl = root().crl([1], this_update=AT, next_update=AT + 2 * DAY).der
    world.fetcher.answers[URL] = crl
    world.in_force(acme(URL))

    next_at = world.fetching.step()

    assert world.files.stored(URL) is not None
    assert world.changes == 1
    assert AT < next_at < AT + 2 * DAY
    assert world.sample("authz_fetch_success_timestamp_seconds", "api", "acme", "crl") == AT
    assert world.sample("authz_fetch_failures_total", "api", "acme", "crl") == 0
    until = world.sample("authz_fetch_next_update_timestamp_seconds", "api", "acme", "crl")
    assert until == AT + 2 * DAY

    # The same once more is no news.
    world.now = next_at
    world.fetching.step()
    assert world.asked == [URL, URL]
    assert world.changes == 1


def test_a_certificate_that_was_seen_is_asked_about_and_by_the_next_process(world: _World) -> None:
    world.in_force(acme(ocsp=OCSP))
    world.fetching.step()
    assert world.asked == []

    world.fetcher.answers[OCSP] = answer(ALICE, root())
    world.fetching.take(Report(unanswered=(SEEN,)))
    world.fetching.step()

    assert world.asked == [OCSP]
    (status,) = world.files.statuses(API)
    assert not status.revoked
    assert world.changes == 1
    assert world.sample("authz_fetch_certificates") == 1

    world.begin()
    world.in_force(acme(ocsp=OCSP))
    world.now = AT + DAY + 1
    world.fetcher.answers[OCSP] = answer(
        ALICE, root(), status="revoked", this_update=AT + DAY, next_update=AT + 2 * DAY
    )
    world.fetching.step()
    (status,) = world.files.statuses(API)
    assert status.revoked


def test_the_urls_that_certificates_name_are_written_down_and_fetched(world: _World) -> None:
    world.fetcher.answers[NAMED] = root().crl().der
    world.in_force(acme(CRLS_OF_CERTIFICATES))
    world.fetching.take(Report(unanswered=(SEEN,)))
    world.fetching.step()

    assert world.files.urls(API) == (NAMED,)
    assert world.asked == [NAMED]
    assert world.changes == 1
    world.fetching.step()
    assert world.changes == 1

    # A new process finds what is there.
    world.begin()
    world.in_force(acme(CRLS_OF_CERTIFICATES))
    world.fetching.step()
    assert world.changes == 1


def test_names_that_cannot_be_kept_are_told(
    world: _World, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    world.in_force(acme(CRLS_OF_CERTIFICATES))
    world.fetching.take(Report(unanswered=(SEEN,)))
    with monkeypatch.context() as patched:
        patched.setattr(FetchedFiles, "store_urls", full)
        world.fetching.step()
    events = [line["event"] for line in log_lines]
    assert events[0] == "the URLs that certificates name cannot be kept"
    world.fetching.step()
    assert world.files.urls(API) == (NAMED,)


def test_a_failure_is_counted_each_time_and_logged_once(
    world: _World, log_lines: list[dict[str, Any]]
) -> None:
    world.in_force(acme(URL))
    for _ in range(3):
        world.now = world.fetching.step()
    (line,) = log_lines
    assert line["event"] == "cannot be fetched; the last good one stays"
    assert (line["site"], line["authority"], line["kind"]) == ("api", "acme", "crl")
    assert (line["url"], line["hint"]) == (URL, "is it there?")
    assert world.sample("authz_fetch_failures_total", "api", "acme", "crl") == 3
    assert world.sample("authz_fetch_success_timestamp_seconds", "api", "acme", "crl") == 0
    assert world.sample("authz_fetch_next_update_timestamp_seconds", "api", "acme", "crl") is None

    # Another reason is another line, and so is the end of it.
    world.fetcher.answers[URL] = b"<html>"
    world.now = world.fetching.step()
    world.fetcher.answers[URL] = root().crl(this_update=world.now, next_update=world.now + DAY).der
    world.now = world.fetching.step()
    assert [one["event"] for one in log_lines[1:]] == [line["event"], "fetched again"]

    # Failures since then count on.
    del world.fetcher.answers[URL]
    world.fetching.step()
    assert world.sample("authz_fetch_failures_total", "api", "acme", "crl") == 5

    # What is not fetched any more is not told of any more.
    world.in_force(acme())
    world.fetching.step()
    assert world.sample("authz_fetch_failures_total", "api", "acme", "crl") is None


def test_a_crl_that_does_not_come_again_stays_and_is_a_failure(
    world: _World, log_lines: list[dict[str, Any]]
) -> None:
    kept = root().crl([1], number=2, this_update=AT, next_update=AT + 9 * DAY)
    world.fetcher.answers[URL] = kept.der
    world.in_force(acme(URL))
    world.now = world.fetching.step()
    played = root().crl(number=1, base_number=1, this_update=AT, next_update=AT + 9 * DAY)
    world.fetcher.answers[URL] = played.der
    world.now = world.fetching.step()

    stored = world.files.stored(URL)
    assert stored is not None
    assert kept.pem in stored.body
    assert world.sample("authz_fetch_failures_total", "api", "acme", "crl") == 1
    (line,) = log_lines
    assert line["event"] == "cannot be fetched; the last good one stays"
    assert "did not come, nor one that replaces it: ours stays" in line["reason"]
    assert line["hint"]


def test_several_urls_of_an_authority_make_one_sample(world: _World) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + DAY).der
    world.fetcher.answers[NAMED] = root().crl(this_update=AT, next_update=AT + 2 * DAY).der
    world.in_force(acme(URL, NAMED, "http://crl.example/none"))
    world.fetching.step()
    label = ("api", "acme", "crl")
    assert world.sample("authz_fetch_success_timestamp_seconds", *label) == 0
    assert world.sample("authz_fetch_failures_total", *label) == 1
    assert world.sample("authz_fetch_next_update_timestamp_seconds", *label) == AT + DAY


def test_a_snapshot_that_is_gone_leaves_what_was_named(
    world: _World, log_lines: list[dict[str, Any]]
) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + DAY).der
    world.in_force(acme(URL))
    world.fetching.step()
    world.in_force(acme()).unlink()
    world.now += DAY
    world.fetching.step()
    assert world.asked == [URL, URL]
    assert log_lines[0]["event"] == "what there is to fetch cannot be read"


def _dated(world: _World) -> None:
    """Let the files be as old as they are by the clock of the test."""
    for path in (world.directory / "fetched").iterdir():
        os.utime(path, (world.now, world.now))


def test_files_that_nothing_names_for_a_while_are_removed(world: _World) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + 90 * DAY).der
    world.in_force(acme(URL, ocsp=OCSP))
    world.files.store_statuses(API, [])
    world.fetching.step()
    _dated(world)
    world.now += 2 * PRUNE_SECONDS
    world.fetching.step()
    assert world.files.crl_file(URL).exists()

    # Named since the last time: a change that is taken back costs nothing.
    _dated(world)
    world.fetching.step()
    world.in_force(acme())
    world.now += PRUNE_SECONDS
    world.fetching.step()
    assert world.files.crl_file(URL).exists()
    world.now += PRUNE_SECONDS + DAY
    world.fetching.step()
    assert not world.files.crl_file(URL).exists()
    assert world.files.ocsp_file(API).exists()


def test_files_that_nothing_names_are_removed_whoever_restarts(world: _World) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + 90 * DAY).der
    world.in_force(acme(URL))
    world.fetching.step()
    gone = AuthorityId(site="api", authority="gone")
    world.files.store_statuses(gone, [])
    _dated(world)
    for _ in range(5):
        # Each lives for a week, and the last good is in force from its beginning.
        world.begin()
        world.in_force(acme(URL))
        for _ in range(7):
            world.now += DAY
            world.fetching.step()

    assert world.files.crl_file(URL).exists()
    assert not world.files.ocsp_file(gone).exists()


def test_who_was_away_for_long_has_time_to_say_what_is_named(world: _World) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + 90 * DAY).der
    world.in_force(acme(URL))
    world.fetching.step()
    _dated(world)
    world.now += 2 * PRUNE_SECONDS

    world.begin()
    world.in_force(acme())
    world.fetching.step()
    world.now += LOOK_SECONDS / 2
    world.in_force(acme(URL))
    world.fetching.step()
    world.in_force(acme())
    world.now += LOOK_SECONDS / 2
    world.fetching.step()

    assert world.files.crl_file(URL).exists()
    assert world.files.crl_file(URL).stat().st_mtime == world.now


def test_what_was_revoked_elsewhere_is_looked_at_anew_in_every_step(world: _World) -> None:
    world.in_force(acme(ocsp=OCSP))
    world.fetching.step()
    looked = world.fetching._files.statuses
    assert looked(API) == ()
    status = OcspStatus(issuer=b"i", serial=b"1", revoked=True, this_update=AT, until=AT)
    world.files.store_statuses(AuthorityId(site="api", authority="old name"), [status])
    world.fetching.step()
    assert looked(API) == (status,)


def test_a_file_that_somebody_removed_is_fetched_again(world: _World) -> None:
    world.fetcher.answers[URL] = root().crl(this_update=AT, next_update=AT + DAY).der
    world.in_force(acme(URL, ocsp=OCSP))
    world.fetching.step()
    world.files.crl_file(URL).unlink()
    world.fetching.step()
    assert world.files.crl_file(URL).exists()
    assert world.asked == [URL, URL]


def test_what_is_told_is_bounded(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNANSWERED", 1)
    monkeypatch.setattr(module, "MAX_SEEN", 1)
    world.in_force(acme(ocsp=OCSP))
    bob = root().client("bob")
    other = SeenCertificate(
        certificate=bob.der, issuer=SEEN.issuer, anchor=SEEN.anchor, authority="acme"
    )
    # Nobody is asked about, so nobody's sight matters.
    world.fetching.take(Report(seen={ALICE.fingerprint: AT}))
    assert world.fetching._seen == {}
    world.fetching.take(Report(unanswered=(SEEN, other)))
    world.fetching.take(Report(unanswered=(other,)))
    world.fetching.step()
    assert world.sample("authz_fetch_certificates") == 1
    for fingerprint in (ALICE.fingerprint, bob.fingerprint):
        world.fetching.take(Report(seen={fingerprint: AT}))
    assert world.fetching._seen == {ALICE.fingerprint: AT}
    world.fetching.step()
    assert world.fetching._seen == {}


@pytest.fixture
def running(world: _World) -> Iterator[Callable[[], threading.Thread]]:
    threads: list[threading.Thread] = []

    def start() -> threading.Thread:
        thread = threading.Thread(target=world.fetching.run, daemon=True)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    world.fetching.stop()
    for thread in threads:
        thread.join(30)


def test_the_thread_is_woken_and_ends(
    world: _World, running: Callable[[], threading.Thread]
) -> None:
    asked = threading.Event()

    def answered(_: object) -> bytes:
        asked.set()
        return root().crl().der

    world.fetcher.answers[URL] = answered
    thread = running()
    world.in_force(acme(URL))
    assert asked.wait(30)
    world.fetching.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_round_ends_when_there_is_something_new(world: _World) -> None:
    other = "http://crl.example/other.crl"

    def answered(_: object) -> bytes:
        world.fetching.take(Report(unanswered=(SEEN,)))
        return root().crl(this_update=AT, next_update=AT + DAY).der

    world.fetcher.answers[URL] = answered
    world.in_force(acme(URL, other))
    assert world.fetching.step() == AT
    assert world.asked == [URL]


class _Sharing(Alone):
    """What fetching asks of sharing, and what other nodes are told."""

    def __init__(self) -> None:
        self.told: list[SeenCertificate] = []
        self.others: list[SeenCertificate] = []
        self.still_seen: list[SeenCertificate] = []
        self.sent_again = 0
        self.rounds = 0
        self.due = False
        self.certificates = self

    def send_again(self) -> None:
        self.sent_again += 1

    def round_ended(self) -> None:
        self.rounds += 1

    def want(self, some: list[SeenCertificate]) -> None:
        self.told += some

    def wanted(self) -> list[SeenCertificate]:
        wanted, self.others = self.others, []
        return wanted

    def is_still_due(self) -> bool:
        return self.due

    def still(self, some: list[SeenCertificate]) -> None:
        self.still_seen += some


def test_of_several_nodes_certificates_are_told_and_those_of_others_asked_about(
    world: _World,
) -> None:
    sharing = _Sharing()
    world.fetching = Fetching(
        world.directory / "fetched",
        lambda: world.fetcher,
        sharing=sharing,  # type: ignore[arg-type]  # what it asks of it
        clock=lambda: world.now,
    )
    world.fetcher.answers[OCSP] = answer(ALICE, root())
    world.in_force(acme(ocsp=OCSP))
    sharing.others = [SEEN]
    world.fetching.step()
    assert (world.asked, sharing.told) == ([OCSP], [])

    world.fetching.take(Report(unanswered=(SEEN,), seen={ALICE.fingerprint: AT}))
    world.fetching.step()
    assert sharing.told == [SEEN]
    assert sharing.still_seen == []

    sharing.due = True
    world.fetching.step()
    assert sharing.still_seen == [SEEN]
    world.fetching.step()
    assert sharing.still_seen == [SEEN]
    assert (sharing.sent_again, sharing.rounds) == (4, 4)
    world.fetching.wake()
    assert world.fetching._woken.is_set()
