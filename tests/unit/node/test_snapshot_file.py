# SPDX-License-Identifier: Apache-2.0
"""The snapshot file: what is written is what is read, and nothing damaged is ever used."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from authz.certs.trust import AuthorityModel, RevocationMode
from authz.errors import PolicyError
from authz.node import snapshot_file
from authz.node.snapshot_file import KEPT, next_generation, read_snapshot, write_snapshot
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
from authz.rules.lists import ListKind, ListModel

if TYPE_CHECKING:
    from pathlib import Path

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
                AuthorityModel(name="zero", certificates=(b"der",), revoked_serials=(0,)),
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
    lists=(ListModel(name="office", kind=ListKind.IP, items=("10.0.0.0/8",)),),
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
    assert unused < 8 * 4


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


def test_another_version_of_the_layout_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_file, "VERSION", 2)
    file = write_snapshot(tmp_path, MODEL, 1, 0.0)
    monkeypatch.undo()
    with pytest.raises(PolicyError, match="version 2"):
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

    monkeypatch.setattr(snapshot_file.os, "fsync", no_space)
    with pytest.raises(PolicyError, match="No space left"):
        write_snapshot(tmp_path, MODEL, 1, 0.0)
    assert list(tmp_path.iterdir()) == []
