# SPDX-License-Identifier: Apache-2.0
"""The snapshot file: what is written is what is read, and nothing damaged is ever used."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authz.certs.judgement import judge
from authz.certs.packing import pack_authority
from authz.certs.revocation import revocation_of
from authz.certs.serials import Serials, pack_serials
from authz.certs.trust import AuthorityModel, RevocationMode, compile_trust
from authz.errors import PolicyError
from authz.node import section_files, snapshot_file, snapshot_layout
from authz.node.section_files import DIRECTORY
from authz.node.snapshot_file import (
    KEPT,
    NEW_SECONDS,
    WITHOUT_LOCKS_SECONDS,
    latest_snapshot,
    next_generation,
    read_snapshot,
    read_sources,
    read_trust,
    write_snapshot,
)
from authz.node.snapshot_layout import LARGE, Position
from authz.policy.decision import BlockResponse
from authz.policy.model import (
    Action,
    DefaultAction,
    Misdirected,
    PathMode,
    PolicyModel,
    RuleModel,
    SiteModel,
    SkipParameters,
    UpstreamHeaders,
)
from authz.rules.lists import ListKind, ListModel, pack_list
from authz.whole_files import hold
from tests.factories.pki import AT, authority, presented, root

#: Larger than MessagePack's integers (64 bits) and as large as serial numbers get (159 bits).
SERIALS = (1, 0x0A1B2C, 2**64, 2**159 - 1)

MODEL = PolicyModel(
    sites=(
        SiteModel(
            name="api",
            hosts=("api.example.com", "*"),
            trust=(
                AuthorityModel(
                    name="acme",
                    certificates=(b"\x30\x82", b"\xff\x00"),
                    crls=(b"crl",),
                    revoked_serials=SERIALS,
                    revocation=RevocationMode.SOFT,
                    crl_sources_configured=1,
                    where="policy.yaml:5: sites[0].trust[0]",
                ),
                AuthorityModel(name="plain", certificates=(b"der",)),
                AuthorityModel(
                    name="zero",
                    certificates=(b"der",),
                    revoked_serials=(0,),
                    revoked_base=pack_serials([7, 8]),
                    restored_serials=(7,),
                ),
            ),
            default_action=DefaultAction.BLOCK,
            paths=PathMode.REFUSE,
            misdirected=Misdirected.IGNORE,
            upstream_headers=(UpstreamHeaders.CLIENT_CERT,),
            rules=(
                RuleModel(
                    ref="deny",
                    expression='http.host eq "ä"',
                    action=Action.BLOCK,
                    response=BlockResponse(
                        status_code=403, content_type="text/plain", content="no"
                    ),
                ),
                RuleModel(
                    ref="let",
                    expression="ssl",
                    action=Action.SKIP,
                    enabled=False,
                    skip=SkipParameters(current=True, rules=("deny",)),
                ),
            ),
        ),
        SiteModel(name="open", hosts=("www.example.com",)),
    ),
    lists=(
        ListModel(name="office", kind=ListKind.IP, items=("10.0.0.0/8",)),
        pack_list(ListModel(name="hosts", kind=ListKind.HOSTNAME, items=("a.b", "*.c.d"))),
    ),
)


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, MODEL, 7, 1234.5)
    content = read_snapshot(file)
    assert content.model == MODEL
    assert (content.generation, content.created_at) == (7, 1234.5)


def test_the_name_holds_the_generation_and_the_hash_of_the_header(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, MODEL, 7, 0.0)
    length = int.from_bytes(file.read_bytes()[12:16], "little")
    digest = hashlib.sha256(file.read_bytes()[: 16 + length]).hexdigest()
    assert file.name == f"7-{digest}.snapshot"


def test_a_change_anywhere_that_matters_is_noticed(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, MODEL, 1, 0.0)
    whole = file.read_bytes()
    unused = 0
    for position in range(len(whole)):
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0x40]) + whole[position + 1 :])
        try:
            content = read_snapshot(file)
        except PolicyError:
            continue
        # Only the zero bytes between sections mean nothing.
        unused += 1
        assert whole[position] == 0
        assert content.model == MODEL
    assert unused < 8 * 6


def test_a_file_cut_short_anywhere_is_not_used(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, MODEL, 1, 0.0)
    whole = file.read_bytes()
    # The last section ends in at most seven bytes of padding.
    for length in range(len(whole) - 8):
        file.write_bytes(whole[:length])
        with pytest.raises(PolicyError, match="cannot use the snapshot"):
            read_snapshot(file)


def test_the_content_of_another_generation_under_this_name_is_not_used(tmp_path: Path) -> None:
    first = write_snapshot(tmp_path, MODEL, 1, 0.0)
    second = write_snapshot(tmp_path, MODEL, 2, 0.0)
    first.write_bytes(second.read_bytes())
    with pytest.raises(PolicyError, match="not the one its name promises"):
        read_snapshot(first)


def test_a_model_of_another_program_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_layout, "encode_model", lambda _: (b"\xc0", []))
    file = write_snapshot(tmp_path, MODEL, 1, 0.0)
    with pytest.raises(PolicyError, match="it cannot be decoded"):
        read_snapshot(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file") as caught:
        read_snapshot(tmp_path / "1-x.snapshot")
    assert caught.value.where == str(tmp_path / "1-x.snapshot")


def test_the_last_three_are_kept_and_nothing_else_lies_about(tmp_path: Path) -> None:
    for generation in range(1, 12):
        write_snapshot(tmp_path, MODEL, generation, 0.0)
    kept = sorted(int(path.name.partition("-")[0]) for path in tmp_path.iterdir())
    assert kept == [9, 10, 11]
    assert len(kept) == KEPT


def test_what_a_killed_write_left_goes_with_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "sections").mkdir()
    remains = [tmp_path / ".a1_b2c3d.tmp", tmp_path / "sections" / ".a1_b2c3d.tmp"]
    for path in remains:
        path.write_bytes(b"cut sho")

    file = write_snapshot(tmp_path, MODEL, 1, 0.0)

    assert sorted(tmp_path.rglob("*.tmp")) == []
    assert read_snapshot(file).model == MODEL


def test_other_files_in_the_directory_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for generation in range(1, 6):
        write_snapshot(tmp_path, MODEL, generation, 0.0)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_generations_go_on_after_a_restart(tmp_path: Path) -> None:
    assert next_generation(tmp_path / "missing") == 1
    write_snapshot(tmp_path, MODEL, 41, 0.0)
    (tmp_path / "99.snapshot").write_bytes(b"")
    assert next_generation(tmp_path) == 42


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path / "snapshots", MODEL, 1, 0.0)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_an_operators_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PolicyError, match="cannot write the snapshot") as caught:
        write_snapshot(tmp_path / "file" / "snapshots", MODEL, 1, 0.0)
    assert caught.value.hint


def test_a_failed_write_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(section_files.os, "fsync", no_space)
    for model in (MODEL, large(1)):
        with pytest.raises(PolicyError, match="No space left"):
            write_snapshot(tmp_path, model, 1, 0.0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- large sections ------------------------------------------------------------------------------


def large(number: int, *changes: int) -> PolicyModel:
    """A policy with a large list and many serial numbers, others for every `number`."""
    trust = AuthorityModel(
        name="acme",
        certificates=(b"der",),
        revoked_base=pack_serials(range(number << 100, (number << 100) + 6000)),
        revoked_serials=changes,
    )
    items = tuple(f"item {index}" for index in range(9000))
    return PolicyModel(
        sites=(SiteModel(name="api", hosts=("*",), trust=(trust,)),),
        lists=(pack_list(ListModel(name="agents", kind=ListKind.STRING, items=items)),),
    )


@pytest.fixture
def no_section_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_file, "NEW_SECONDS", 0.0)


def sections_in(directory: Path) -> dict[str, int]:
    """Name and inode of the section files."""
    return {path.name: path.stat().st_ino for path in (directory / DIRECTORY).iterdir()}


def test_large_sections_lie_in_files_of_their_own_and_are_mapped(tmp_path: Path) -> None:
    model = large(1)
    file = write_snapshot(tmp_path, model, 1, 0.0)
    content = read_snapshot(file)
    assert content.model == model
    assert len(sections_in(tmp_path)) == 2
    assert file.stat().st_size < LARGE
    for section in content.sections.values():
        assert isinstance(section.data, mmap.mmap)
        assert hashlib.sha256(section.data).digest() == section.sha256
        path = tmp_path / DIRECTORY / section.sha256.hex()
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / DIRECTORY).stat().st_mode & 0o777 == 0o700


def test_a_revocation_writes_no_section(tmp_path: Path) -> None:
    write_snapshot(tmp_path, large(1), 1, 0.0)
    before = sections_in(tmp_path)
    file = write_snapshot(tmp_path, large(1, 5), 2, 0.0)
    assert sections_in(tmp_path) == before
    assert file.stat().st_size < 2000
    assert read_snapshot(file).model == large(1, 5)


def test_a_section_that_is_at_hand_is_not_read_again(tmp_path: Path) -> None:
    first = read_snapshot(write_snapshot(tmp_path, large(1), 1, 0.0))
    second = write_snapshot(tmp_path, large(2), 2, 0.0)
    (agents,) = [one.packed.members for one in first.model.lists if one.packed]
    (tmp_path / DIRECTORY / agents.sha256.hex()).unlink()
    content = read_snapshot(second, first.sections)
    assert content.model == large(2)
    assert content.sections[agents.sha256] is first.sections[agents.sha256]
    with pytest.raises(PolicyError, match="No such file"):
        read_snapshot(second)


def test_sections_go_with_the_last_snapshot_that_names_them(
    tmp_path: Path, no_section_is_new: None
) -> None:
    for generation in range(1, KEPT + 3):
        write_snapshot(tmp_path, large(generation), generation, 0.0)
        # One for the list, which all share, and one for each snapshot's serial numbers.
        assert len(sections_in(tmp_path)) == 1 + min(generation, KEPT)
    for generation in range(KEPT + 3, 2 * KEPT + 3):
        write_snapshot(tmp_path, MODEL, generation, 0.0)
    assert sections_in(tmp_path) == {}


def test_what_a_reader_has_mapped_outlives_its_file(
    tmp_path: Path, no_section_is_new: None
) -> None:
    content = read_snapshot(write_snapshot(tmp_path, large(1), 1, 0.0))
    for generation in range(2, KEPT + 3):
        write_snapshot(tmp_path, MODEL, generation, 0.0)
    assert sections_in(tmp_path) == {}
    (authority,) = content.model.sites[0].trust
    assert Serials(authority.revoked_base).has((1 << 100) + 5999)


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "empty", "gone"])
def test_a_damaged_section_is_not_used_and_written_anew(tmp_path: Path, damage: str) -> None:
    file = write_snapshot(tmp_path, large(1), 1, 0.0)
    for path in (tmp_path / DIRECTORY).iterdir():
        whole = path.read_bytes()
        changed = {
            "flip": whole[:-1] + bytes([whole[-1] ^ 1]),
            "cut": whole[:-1],
            "grow": whole + b"x",
            "empty": b"",
        }
        path.unlink()
        if damage != "gone":
            path.write_bytes(changed[damage])
        with pytest.raises(PolicyError, match="cannot use the snapshot") as caught:
            read_snapshot(file)
        assert caught.value.where == str(path)
        again = write_snapshot(tmp_path, large(1), 2, 0.0)
        assert read_snapshot(again).model == large(1)
        assert path.read_bytes() == whole


def test_a_damaged_snapshot_that_is_kept_names_no_sections(
    tmp_path: Path, no_section_is_new: None
) -> None:
    first = write_snapshot(tmp_path, large(1), 1, 0.0)
    first.write_bytes(b"damaged")
    write_snapshot(tmp_path, MODEL, 2, 0.0)
    assert sections_in(tmp_path) == {}


def test_sections_stay_beside_a_snapshot_of_another_release(
    tmp_path: Path, no_section_is_new: None
) -> None:
    """During an upgrade two share a directory, and neither reads the other's snapshots."""
    first = write_snapshot(tmp_path, large(1), 1, 0.0)
    there = sections_in(tmp_path)
    data = bytearray(first.read_bytes())
    data[8] += 1
    first.write_bytes(data)

    write_snapshot(tmp_path, MODEL, 2, 0.0)
    assert sections_in(tmp_path) == there

    first.unlink()
    write_snapshot(tmp_path, MODEL, 3, 0.0)
    assert sections_in(tmp_path) == {}


def test_sections_stay_while_a_snapshot_that_is_kept_cannot_be_read(
    tmp_path: Path, no_section_is_new: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of descriptors, or of memory: it may name each of them."""
    first = write_snapshot(tmp_path, large(1), 1, 0.0)
    there = sections_in(tmp_path)
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path == first:
            raise OSError(errno.EMFILE, "too many open files")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_bytes)
        write_snapshot(tmp_path, MODEL, 2, 0.0)
    assert sections_in(tmp_path) == there != {}


def test_crls_that_were_read_are_not_written_in_der(tmp_path: Path) -> None:
    packed = pack_authority(authority(crls=[root().crl([5]).der]))
    model = PolicyModel(sites=(SiteModel(name="api", hosts=("*",), trust=(packed,)),))
    content = read_snapshot(write_snapshot(tmp_path, model, 1, 0.0))
    (read,) = content.model.sites[0].trust
    assert read == replace(packed, crls=())
    bundle = compile_trust([read])
    alice = judge(presented(root().client("alice", serial=5)), bundle, AT)
    assert revocation_of(alice, bundle, AT).revoked


# --- two writers in one directory ----------------------------------------------------------------


def make_old(directory: Path, seconds: float) -> None:
    """As if everything had been written so long ago."""
    for path in directory.rglob("*"):
        about = path.stat()
        os.utime(path, (about.st_atime - seconds, about.st_mtime - seconds))


@pytest.mark.parametrize("reused", [False, True])
def test_another_writer_leaves_the_sections_of_a_snapshot_that_is_about_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reused: bool
) -> None:
    if reused:
        old = write_snapshot(tmp_path, large(1), 1, 0.0)
        make_old(tmp_path, NEW_SECONDS + 60)
        old.unlink()
    write = snapshot_file.write_whole

    def after_another(target: Path, parts: Any) -> None:
        monkeypatch.undo()
        write_snapshot(tmp_path, MODEL, 2, 0.0)
        write(target, parts)

    monkeypatch.setattr(snapshot_file, "write_whole", after_another)
    file = write_snapshot(tmp_path, large(1), 3, 0.0)

    assert next_generation(tmp_path) == 4
    assert read_snapshot(file).model == large(1)


def test_sections_that_no_snapshot_came_to_name_go_in_the_end(tmp_path: Path) -> None:
    write_snapshot(tmp_path, large(1), 1, 0.0).unlink()
    make_old(tmp_path, NEW_SECONDS - 60)
    write_snapshot(tmp_path, MODEL, 1, 0.0)
    assert len(sections_in(tmp_path)) == 2
    make_old(tmp_path / DIRECTORY, 120)
    write_snapshot(tmp_path, MODEL, 2, 0.0)
    assert sections_in(tmp_path) == {}


def test_what_somebody_holds_stays_with_its_sections_whatever_others_write(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, large(1), 5, 0.0)
    with hold(file):
        make_old(tmp_path, 2 * WITHOUT_LOCKS_SECONDS)
        for generation in range(6, 6 + KEPT + 1):
            write_snapshot(tmp_path, MODEL, generation, 0.0)
        assert read_snapshot(file).model == large(1)
        assert len(list(tmp_path.glob("*.snapshot"))) == KEPT + 1

    write_snapshot(tmp_path, MODEL, 20, 0.0)
    assert not file.exists()
    assert sections_in(tmp_path) == {}


def test_without_locks_the_files_of_the_last_hour_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    file = write_snapshot(tmp_path, large(1), 1, 0.0)
    make_old(tmp_path, WITHOUT_LOCKS_SECONDS - 60)
    for generation in range(2, KEPT + 3):
        write_snapshot(tmp_path, MODEL, generation, 0.0)
    assert read_snapshot(file).model == large(1)

    make_old(tmp_path, 120)
    write_snapshot(tmp_path, MODEL, 20, 0.0)
    assert not file.exists()
    assert sections_in(tmp_path) == {}


def test_what_there_is_to_fetch_is_read_from_the_file(tmp_path: Path) -> None:
    acme = AuthorityModel(name="acme", certificates=(b"c",), crl_urls=("http://a/",))
    model = PolicyModel(sites=(SiteModel(name="api", hosts=("*",), trust=(acme,)),))
    file = write_snapshot(tmp_path, model, 1, 0.0)

    assert read_sources(file).sites[0].trust == (acme,)
    data = file.read_bytes()
    for broken in (data[:50], data.replace(b"acme", b"acmf"), b"x" * len(data)):
        file.write_bytes(broken)
        with pytest.raises(PolicyError, match="cannot use the snapshot"):
            read_sources(file)
    file.unlink()
    with pytest.raises(PolicyError, match="cannot use the snapshot"):
        read_sources(file)


def test_a_model_of_another_version_says_nothing_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_layout, "encode_model", lambda _: (b"\x80", []))
    file = write_snapshot(tmp_path, PolicyModel(sites=()), 1, 0.0)
    with pytest.raises(PolicyError, match="cannot be decoded"):
        read_sources(file)


# --- of a store -----------------------------------------------------------------------------------

POSITION = Position(store_id="s", revision=7, authorities={"acme": "a"}, mark="3 7 a 0B True 1.0")


def test_the_moment_of_the_store_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_snapshot(write_snapshot(tmp_path, MODEL, 1, AT, POSITION)).position == POSITION
    assert read_snapshot(write_snapshot(tmp_path, MODEL, 2, AT)).position is None


@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "large"])
def test_trust_bundles_are_read_apart_from_the_policy(tmp_path: Path, size: int) -> None:
    trust = bytes(size)
    file = write_snapshot(tmp_path, MODEL, 1, AT, POSITION, trust)

    assert read_trust(file) == trust
    # No worker reads them, and what does not read them does not miss them.
    known = read_snapshot(file)
    assert known.model == MODEL
    assert hashlib.sha256(trust).digest() not in known.sections
    # Later snapshots do not take them away while this one is kept.
    write_snapshot(tmp_path, MODEL, 2, AT)
    assert read_trust(file) == trust


def test_a_snapshot_without_trust_bundles_has_none(tmp_path: Path) -> None:
    assert read_trust(write_snapshot(tmp_path, MODEL, 1, AT)) is None


def test_damaged_trust_bundles_are_not_read(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, MODEL, 1, AT, None, b"a bundle that nobody else has")
    data = file.read_bytes()
    file.write_bytes(data.replace(b"nobody", b"no one"))
    with pytest.raises(PolicyError, match="checksum"):
        read_trust(file)

    file.unlink()
    with pytest.raises(PolicyError):
        read_trust(file)


def test_the_latest_snapshot_of_a_kind_that_can_be_read_is_found(tmp_path: Path) -> None:
    assert latest_snapshot(tmp_path, of_store=True) is None
    assert latest_snapshot(tmp_path / "nowhere", of_store=True) is None
    first = write_snapshot(tmp_path, MODEL, 9, AT, POSITION)
    second = write_snapshot(tmp_path, MODEL, 10, AT, POSITION)
    of_file = write_snapshot(tmp_path, MODEL, 11, AT)

    def latest(*, of_store: bool) -> Path | None:
        found = latest_snapshot(tmp_path, of_store=of_store)
        return None if found is None else found[0]

    assert (latest(of_store=True), latest(of_store=False)) == (second, of_file)
    os.truncate(second, 50)
    assert latest(of_store=True) == first
    first.write_bytes(b"")
    assert latest(of_store=True) is None
