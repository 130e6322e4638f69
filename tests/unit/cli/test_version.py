# SPDX-License-Identifier: Apache-2.0
"""What `authz version` says is what this program works with."""

from __future__ import annotations

import json

import pytest

from authz import __version__
from authz.cli.main import main
from authz.node.snapshot_layout import VERSION
from authz.settings.file_version import FILE_VERSION
from authz.store.schema import SCHEMA


def test_the_numbers_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["version", "--json"])

    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == __version__
    assert (said["store_schema"], said["snapshot_format"]) == (SCHEMA, VERSION)
    assert said["settings_version"] == said["policy_version"] == FILE_VERSION
