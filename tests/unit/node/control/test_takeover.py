# SPDX-License-Identifier: Apache-2.0
"""What an earlier snapshot says: whose part is whose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.node.control.takeover import file_part, position_of, revoked_of, store_part
from authz.node.snapshot_file import read_snapshot, write_snapshot
from authz.node.snapshot_layout import Position
from authz.policy.model import PolicyModel
from authz.rules.lists import ListKind, ListModel
from authz.services.model import SCOPE, StoreModel
from tests.factories.pki import AT, authority
from tests.factories.policies import site

if TYPE_CHECKING:
    from pathlib import Path

POSITION = Position(
    store_id="s", revision=7, authorities={"acme": "1" * 32}, mark="m", database="d"
)
BOTH = PolicyModel(
    sites=(
        site(name="file", hosts=("www.example.com",), trust=(authority(revoked_serials=(9,)),)),
        site(
            name="store",
            hosts=("api.example.com",),
            trust=(authority(revoked_serials=(7,)), authority(name="unknown")),
            scope=SCOPE,
        ),
    ),
    lists=(
        ListModel(name="of_file", kind=ListKind.IP, items=("192.0.2.1",)),
        ListModel(name="of_store", kind=ListKind.IP, items=("192.0.2.2",), scope=SCOPE),
    ),
)


def test_the_stores_part_and_the_files_part(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, BOTH, 1, AT, POSITION)

    built = store_part(read_snapshot(file))
    of_file = file_part(str(file))

    assert built is not None
    assert [one.name for one in built.model.sites] == ["store"]
    assert [one.name for one in built.model.lists] == ["of_store"]
    assert position_of(built, "d") == POSITION
    assert of_file is not None
    assert [one.name for one in of_file.sites] == ["file"]
    assert [one.name for one in of_file.lists] == ["of_file"]


def test_a_snapshot_of_a_file_alone_says_nothing_of_a_store(tmp_path: Path) -> None:
    file = write_snapshot(tmp_path, BOTH, 1, AT)

    assert store_part(read_snapshot(file)) is None


def test_a_snapshot_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert file_part(None) is None
    assert file_part(str(tmp_path / "1.snapshot")) is None


def test_only_lists_of_the_stores_own_authorities_are_known() -> None:
    built = StoreModel(
        model=BOTH, store_id="s", revision=7, authorities=POSITION.authorities, mark="m"
    )
    # The whole model on purpose: whose a site is, is told by its scope alone.
    of_store = replace(built, model=PolicyModel(sites=BOTH.sites[1:]))

    known = revoked_of(of_store)

    assert {key: one.added for key, one in known._listed.items()} == {"1" * 32: (7,)}
    assert known.mark == "m"
    assert revoked_of(None)._listed == {}
