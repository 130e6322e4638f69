# SPDX-License-Identifier: Apache-2.0
"""The request on docs/reference/check-request.md is one that `authz check` decides."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from authz.cli.main import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "check-request.md"


def test_the_documented_request_is_decided(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "R.json").write_text(example)
    (tmp_path / "policy.yaml").write_text(
        'sites: [{name: all, hosts: ["*"], rules: [{ref: r, action: block, expression: '
        '"http.request.uri.path eq \\"/admin\\" and http.user_agent contains \\"curl\\""}]}]\n'
    )

    result = CliRunner().invoke(
        app,
        ["check", "--request", str(tmp_path / "R.json"), "--policy", str(tmp_path / "policy.yaml")],
    )

    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["reason"] == "rule"
    assert json.loads(result.stdout)["rule"] == "r"
