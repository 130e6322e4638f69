# SPDX-License-Identifier: Apache-2.0
"""tests/e2e/generated is what the files in deploy/ of today would give.

Making it needs Istio's and Envoy Gateway's code (tests/deploy compares the results themselves);
whether an input has changed since, and that nothing of the rest was touched by hand, does not.
"""

from __future__ import annotations

import json

import pytest

from tests.factories.translations import (
    FORMS,
    GENERATED,
    ROOT,
    VERSIONS,
    Form,
    command,
    digests,
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_it_was_made_of_these_files(form: Form) -> None:
    """Otherwise: python -m tests.deploy.translate"""
    made_by = json.loads(form.file.read_text(encoding="utf-8"))["made_by"]

    assert made_by == {
        "translator": VERSIONS[form.program],
        "command": command(form),
        "inputs": digests(form),
    }


def test_every_shipped_file_is_an_input() -> None:
    shipped = {
        str(file.relative_to(ROOT))
        for name in ("istio", "envoy-gateway")
        for file in (ROOT / "deploy" / name).iterdir()
    }

    assert shipped <= {name for form in FORMS for name in form.inputs}


def test_every_generated_file_belongs_to_a_form() -> None:
    assert {*GENERATED.rglob("*.json")} == {form.file for form in FORMS}


def test_no_private_key_is_kept() -> None:
    for form in FORMS:
        text = form.file.read_text(encoding="utf-8")
        assert "PRIVATE KEY" not in text
        assert "LS0tLS1CRUdJTi" not in text
