# SPDX-License-Identifier: Apache-2.0
"""Decisions as they are noted for the decision log, its schema, and a file to read it from."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker

from authz.observability.decision_words import Noted
from tests.factories.checks import check_request
from tests.factories.decisions import allowed
from tests.factories.layout import ROOT
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from authz.policy.decision import Decision

#: What lines are validated against: the file that is published, not the type it comes from.
SCHEMA_FILE = ROOT / "docs" / "reference" / "decision-log.schema.json"

ID = b"AAAAAAAAAAA000000001"


def noted(decision: Decision | None = None, **changes: Any) -> Noted:
    """A decision as the feed has it: of an ordinary request that was allowed."""
    made = allowed() if decision is None else decision
    client = made.client
    return Noted(
        **{
            "ruling": made.ruling,
            "standing": made.standing,
            "detail": made.detail,
            "fingerprint": b"" if client is None else client.fingerprint,
            "certificate": None if client is None else client.certificate,
            "decision_id": ID,
            "at": AT,
            "seconds": 0.0000123,
            "host": b"api.example.com",
            "path": b"/orders?id=7",
            "data": check_request().SerializeToString(),
            "metadata": (),
            **changes,
        }
    )


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def read_line(line: bytes) -> dict[str, Any]:
    """One line, which is what the schema says, as it is written."""
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found: dict[str, Any] = json.loads(line)
    _validator().validate(found)
    return found


def read_lines(*files: Path) -> list[dict[str, Any]]:
    """The lines of files, each of which is what the schema says."""
    return [read_line(line + b"\n") for line in _texts(files)]


def _texts(files: Iterable[Path]) -> Iterable[bytes]:
    for file in files:
        if file.exists():
            # The last one may be being written.
            yield from file.read_bytes().split(b"\n")[:-1]
