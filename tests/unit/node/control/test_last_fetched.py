# SPDX-License-Identifier: Apache-2.0
"""What was fetched counts while the store is away, or what it says cannot be enforced."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from authz.certs.authority import OcspStatus
from authz.certs.crl import read_crl
from authz.demo.pki import Issued, make_root
from authz.node.control.last_fetched import with_fetched
from authz.policy.client import identify
from authz.services.authorities import set_revocation, set_sources
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.services.model import StoreModel, StoreModels
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import FetchedFiles, Header, Stored, UnchangedFiles
from authz.sources.fetched_trust import FetchedTrust
from tests.factories.pki import AT, DAY, presented

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.populated import World
    from tests.unit.node.control.conftest import Bench

URL = "http://pki.example/ext.crl"
HOST = "ext.example.com"


class External:
    """An uploaded authority, what is fetched for it, and a store that has it."""

    def __init__(self, bench: Bench, world: World, mode: str = "strict") -> None:
        self.at = bench.now
        self.bench = bench
        self.root = make_root("Ext Root", at=self.at - DAY)
        self.alice = self.root.client("alice", serial=77, at=self.at - DAY)
        self.files = FetchedFiles(bench.fetched)
        upload_authority(world.store, self.root.pem, name="Ext", actor="t", at=self.at)
        set_sources(world.store, "Ext", crl_urls=[URL], ocsp="off", actor="t", at=self.at)
        set_revocation(world.store, "Ext", mode, actor="t", at=self.at)
        add_host(world.store, HOST, authority="Ext", protect=(), actor="t", at=self.at)

    def fetch(self, number: int, *revoked: int, days: float = 1) -> None:
        """A CRL is there now."""
        crl = self.root.crl(
            revoked,
            number=number,
            this_update=self.at - 60 + number,
            next_update=self.at + days * DAY,
        )
        self.files.store(Stored(header=Header(url=URL, fetched_at=self.at), body=crl.der))

    def state(self, client: Issued | None = None, *, at: float | None = None) -> str:
        """What the last snapshot says of a certificate at the host."""
        site = self.bench.compiled().hosts.find(HOST.encode())
        assert site is not None
        found = identify(presented(client or self.alice), site.trust, at or self.at)
        return "revoked" if found.revoked else "verified" if found.verified else "unverified"


def _move_away(bench: Bench, world: World) -> Path:
    world.store.close()
    away = bench.directory / "away"
    away.mkdir()
    for file in bench.directory.glob("authz.db*"):
        file.rename(away / file.name)
    return away


def _spoil(bench: Bench) -> None:
    with sqlite3.connect(bench.database) as connection:
        connection.execute("UPDATE zones SET default_action = 'maybe'")
        connection.execute("UPDATE state SET revision = revision + 1")
    connection.close()


@pytest.mark.parametrize("how", ["away", "spoilt"])
def test_a_crl_counts_while_the_store_is_not_followed(bench: Bench, world: World, how: str) -> None:
    external = External(bench, world)
    external.fetch(1)
    bench.start()
    bench.attempt()
    assert external.state() == "verified"
    if how == "away":
        _move_away(bench, world)
    else:
        _spoil(bench)
    # The second one says what is wrong in other words: the file is missed, then the store.
    bench.attempt()
    bench.attempt()
    assert external.state() == "verified"

    external.fetch(2, 77)
    (new,) = bench.attempt()
    assert new.last_good
    assert external.state() == "revoked"
    # The same again is no news.
    assert bench.attempt() == []

    # So it is for a process that begins then, with what it finds and with what comes.
    external.fetch(3, 77, 78)
    bench.start()
    said = bench.attempt()
    assert [type(one).__name__ for one in said] == ["StoreState", "NewSnapshot", "NewSnapshot"]
    assert external.state() == "revoked"
    assert external.state(external.root.client("b", serial=78, at=external.at)) == "revoked"
    # One that is older than what counts takes nothing back, whoever put it there.
    external.fetch(2)
    bench.attempt()
    assert external.state() == "revoked"


def test_strict_goes_on_with_a_fresh_crl(bench: Bench, world: World) -> None:
    external = External(bench, world)
    external.fetch(1)
    bench.start()
    bench.attempt()
    _move_away(bench, world)
    bench.attempt()
    later = external.at + 2 * DAY
    assert external.state(at=later) == "unverified"

    bench.now = later
    external.fetch(2, days=3)
    bench.attempt()

    assert external.state(at=later) == "verified"


def test_a_file_that_is_gone_or_has_less_makes_nobody_good(bench: Bench, world: World) -> None:
    external = External(bench, world, "soft")
    external.fetch(1, 77)
    bench.start()
    bench.attempt()
    _move_away(bench, world)
    bench.attempt()
    bench.attempt()

    external.files.crl_file(URL).unlink()
    assert bench.attempt() == []
    assert external.state() == "revoked"
    # Another authority's CRL in the place of this one's, and one that cannot be read.
    stranger = make_root("Stranger", at=external.at).crl(number=9).der
    for body in (stranger, b"no CRL"):
        external.files.store(Stored(header=Header(url=URL, fetched_at=0.0), body=body))
        bench.attempt()
        assert external.state() == "revoked"


def test_what_cannot_be_read_leaves_what_is_revoked_in_the_store(
    bench: Bench, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    bench.attempt()
    _spoil(bench)
    world.revoke_serial(7)
    monkeypatch.setattr("authz.node.control.meanwhile.with_fetched", None)

    bench.attempt()

    assert bench.revoked() == {7}


# --- the model -----------------------------------------------------------------------------------

_USERS = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=True,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=False,
    only_contains_attribute_certs=False,
)
_ROOT = make_root("Ext Root", at=AT)
_IDENTITY = AuthorityId(site="", authority="Ext")


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> UnchangedFiles:
    return UnchangedFiles(tmp_path / "fetched")


@pytest.fixture(name="built")
def _built(world: World, files: UnchangedFiles) -> StoreModel:
    upload_authority(world.store, _ROOT.pem, name="Ext", actor="t", at=AT)
    set_sources(world.store, "Ext", crl_urls=[URL], ocsp="certificate", actor="t", at=AT)
    add_host(world.store, HOST, authority="Ext", protect=(), actor="t", at=AT)
    with world.store.read() as session:
        return StoreModels(None, files).build(session)


def _put(files: FetchedFiles, *crls: bytes) -> None:
    files.store(Stored(header=Header(url=URL, fetched_at=AT), body=b"".join(crls)))


def _crls(built: StoreModel) -> tuple[bytes, ...]:
    (authority,) = [one for site in built.model.sites for one in site.trust if one.name == "Ext"]
    return authority.crls


def _sources(built: StoreModel) -> int:
    (authority,) = [one for site in built.model.sites for one in site.trust if one.name == "Ext"]
    return authority.crl_sources_configured - len(authority.crls)


def test_a_newer_crl_takes_the_place_of_its_kind_and_of_nothing_else(
    built: StoreModel, files: UnchangedFiles
) -> None:
    trust = FetchedTrust(files)
    assert (_crls(built), _sources(built)) == ((), 1)
    assert with_fetched(built, trust, AT) is None
    first, second = _ROOT.crl([1], number=1), _ROOT.crl([2], number=2)
    delta = _ROOT.crl([3], number=3, base_number=1)
    _put(files, first.pem)
    one = with_fetched(built, trust, AT)
    assert one is not None
    assert (_crls(one), _sources(one)) == ((first.der,), 0)
    assert (one.revision, one.mark) == (built.revision, built.mark)

    # A delta alone, where the complete one was.
    _put(files, delta.pem)
    two = with_fetched(one, trust, AT)
    assert two is not None
    assert (set(_crls(two)), _sources(two)) == ({first.der, delta.der}, 0)

    _put(files, second.pem)
    three = with_fetched(two, trust, AT)
    assert three is not None
    assert set(_crls(three)) == {second.der, delta.der}
    # One that is older is kept besides, and does not count.
    _put(files, first.pem)
    four = with_fetched(three, trust, AT)
    assert four is not None
    assert second.der in _crls(four)


def test_one_for_all_certificates_takes_the_place_of_a_part(
    built: StoreModel, files: UnchangedFiles
) -> None:
    """As for whoever fetches: under `strict`, a part that has run out keeps everybody out."""
    trust = FetchedTrust(files)
    part, full = _ROOT.crl([1], number=3, scope=_USERS), _ROOT.crl([1], number=1, this_update=AT)
    _put(files, part.pem)
    one = with_fetched(built, trust, AT)
    assert one is not None
    _put(files, full.pem)

    two = with_fetched(one, trust, AT)

    assert two is not None
    assert _crls(two) == (full.der,)


def test_a_delta_that_is_there_still_is_kept(built: StoreModel, files: UnchangedFiles) -> None:
    """Beside a later one that goes with the complete CRL of tomorrow."""
    trust = FetchedTrust(files)
    week, first = _ROOT.crl(number=5), _ROOT.crl([7], number=6, base_number=5)
    _put(files, week.pem, first.pem)
    one = with_fetched(built, trust, AT)
    assert one is not None
    second = _ROOT.crl(number=8, base_number=7, this_update=AT)
    _put(files, week.pem, first.pem, second.pem)

    two = with_fetched(one, trust, AT)

    assert two is not None
    assert set(_crls(two)) == {week.der, first.der, second.der}


def test_a_crl_that_was_read_is_not_read_again(
    built: StoreModel, files: UnchangedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one takes as long as all the rest."""
    monkeypatch.setattr("authz.sources.policy_trust.PACKED_FROM", 0)
    read: list[bytes] = []

    def counted(der: bytes, *args: Any, **options: Any) -> Any:
        read.append(der)
        return read_crl(der, *args, **options)

    monkeypatch.setattr("authz.sources.fetched_trust.read_crl", counted)
    monkeypatch.setattr("authz.node.control.last_fetched.read_crl", counted)
    trust = FetchedTrust(files)
    last = built
    ders = []
    for number in (1, 2, 3):
        crl = _ROOT.crl([number], number=number)
        ders.append(crl.der)
        _put(files, crl.pem)
        found = with_fetched(last, trust, AT)
        assert found is not None
        last = found

    assert _crls(last) == (ders[-1],)
    assert read == ders


def test_a_crl_that_is_dated_ahead_drops_none(built: StoreModel, files: UnchangedFiles) -> None:
    trust = FetchedTrust(files)
    now, ahead = _ROOT.crl([1], number=1), _ROOT.crl(number=2, this_update=AT + 60)
    _put(files, now.pem)
    one = with_fetched(built, trust, AT)
    assert one is not None
    _put(files, ahead.pem)

    two = with_fetched(one, trust, AT)

    assert two is not None
    assert set(_crls(two)) == {now.der, ahead.der}


def test_of_answers_the_newest_counts_and_none_is_given_up(
    built: StoreModel, files: UnchangedFiles
) -> None:
    trust = FetchedTrust(files)

    def status(serial: bytes, at: float, *, revoked: bool) -> OcspStatus:
        return OcspStatus(
            issuer=b"i" * 32, serial=serial, revoked=revoked, this_update=at, until=at + 60
        )

    a, b = status(b"a", 5.0, revoked=True), status(b"b", 5.0, revoked=False)
    files.store_statuses(_IDENTITY, [a, b])
    one = with_fetched(built, trust, AT)
    assert one is not None
    assert with_fetched(one, trust, AT) is None

    # Good at the same moment, one that is older, and one that is not there any more.
    files.store_statuses(_IDENTITY, [replace(a, revoked=False)])
    assert with_fetched(one, trust, AT) is None
    newer = status(b"b", 6.0, revoked=True)
    files.store_statuses(_IDENTITY, [status(b"a", 4.0, revoked=False), newer])
    two = with_fetched(one, trust, AT)
    assert two is not None
    (authority,) = [one for site in two.model.sites for one in site.trust if one.name == "Ext"]
    assert authority.ocsp_statuses == (a, newer)
