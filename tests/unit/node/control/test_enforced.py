# SPDX-License-Identifier: Apache-2.0
"""What the last snapshot of a store refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.node.control.enforced import enforced_in
from authz.node.data_directory import SNAPSHOTS
from authz.node.snapshot_file import write_snapshot
from authz.node.snapshot_layout import Position
from authz.policy.model import PolicyModel
from authz.services.model import SCOPE
from authz.store.moments import Moment
from tests.factories.pki import AT, authority
from tests.factories.policies import site

if TYPE_CHECKING:
    from pathlib import Path

POSITION = Position(
    store_id="s",
    revision=7,
    authorities={"acme": "1" * 32},
    mark="m",
    database="d",
    ancestors={"r": 3},
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
    )
)


def test_the_serial_numbers_are_those_of_the_store_by_its_authorities(tmp_path: Path) -> None:
    write_snapshot(tmp_path / SNAPSHOTS, BOTH, 1, AT, POSITION)
    # Of a policy file alone, and later.
    write_snapshot(tmp_path / SNAPSHOTS, BOTH, 2, AT)

    found = enforced_in(tmp_path)

    assert found is not None
    assert found.moment == Moment(store_id="s", revision=7, ancestors={"r": 3})
    assert {name: list(serials) for name, serials in found.serials.items()} == {"1" * 32: [7]}


def test_without_a_snapshot_nothing_is_known(tmp_path: Path) -> None:
    assert enforced_in(tmp_path) is None
