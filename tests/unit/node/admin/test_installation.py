# SPDX-License-Identifier: Apache-2.0
"""What pages may know of the node that serves them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from authz.dashboard.installation import Addresses
from authz.node.admin.installation import installation_of, running_addresses
from authz.node.plan import plan_of
from authz.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from authz.node.admin.config import AdminConfig


def _config(**changes: Any) -> AdminConfig:
    settings = Settings.model_validate(changes)
    admin = plan_of(settings).admin
    assert admin is not None
    return admin


def test_settings_are_those_of_the_node(tmp_path: Path) -> None:
    values = {
        "data_dir": str(tmp_path),
        "certificate_source": "xfcc",
        "xfcc": {"trusted_hops": 2},
        "grpc": {"listen": "127.0.0.1:1234", "workers": 2},
    }

    found = installation_of(_config(**values))

    assert found.settings == Settings.model_validate(values)


def test_the_password_of_the_database_is_not_among_them(tmp_path: Path) -> None:
    address = "postgresql://user:secret@db.example/authz"

    found = installation_of(_config(database=address, data_dir=str(tmp_path)))

    assert found.settings.database == "postgresql://user:***@db.example/authz"
    assert "secret" not in repr(found)


def test_addresses_are_those_that_were_written_down(tmp_path: Path) -> None:
    assert running_addresses(tmp_path) is None
    (tmp_path / "addresses.json").write_text("[]")
    assert running_addresses(tmp_path) is None
    (tmp_path / "addresses.json").write_text(json.dumps({"grpc": []}))
    assert running_addresses(tmp_path) is None

    written = {"grpc": ["127.0.0.1:1"], "sds": "127.0.0.1:2", "metrics": None, "admin": 5}
    (tmp_path / "addresses.json").write_text(json.dumps(written))

    assert running_addresses(tmp_path) == Addresses(grpc=("127.0.0.1:1",), sds="127.0.0.1:2")
    config = _config(data_dir=str(tmp_path))
    assert installation_of(config).addresses() == running_addresses(tmp_path)
