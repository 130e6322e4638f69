# SPDX-License-Identifier: Apache-2.0
"""Blocks of data and of other languages: JSON, PromQL, Terraform, Python, SQL and the like."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import yaml

from tests.docs.operator_files import promtool
from tests.docs.programs import call, expression
from tests.factories.page_blocks import ROOT
from tests.factories.postgres import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.page_blocks import Block


def json_text(block: Block, directory: Path) -> None:
    """One document, or one a line."""
    try:
        documents = [json.loads(block.text)]
    except ValueError:
        documents = [json.loads(line) for line in block.text.splitlines() if line.strip()]
    for document in documents:
        _expressions(document)


def _expressions(document: Any) -> None:
    """Every expression of a rule has to be one."""
    if isinstance(document, dict):
        if isinstance(document.get("expression"), str) and "action" in document:
            expression(document["expression"])
        document = list(document.values())
    if isinstance(document, list):
        for entry in document:
            _expressions(entry)


def promql(block: Block, directory: Path) -> None:
    """Each paragraph is an expression; metrics of ours are those of the reference page."""
    known = set(
        re.findall(
            r"\bauthz_\w+", (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
        )
    )
    named = set(re.findall(r"(?<![\w:])authz_\w+(?![\w:])", block.text))
    # A histogram is written with what its parts are called.
    strange = {
        name for name in named if re.sub(r"_(bucket|sum|count)$", "", name) not in known
    } - known
    assert not strange, f"no such metrics: {sorted(strange)}"
    expressions = [part for part in re.split(r"\n\s*\n", block.text) if part.strip()]
    rules = [{"record": f"shown:{number}", "expr": text} for number, text in enumerate(expressions)]
    file = directory / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}), "utf-8")
    promtool("check", "rules", file)


def hcl(block: Block, directory: Path) -> None:
    """Terraform's language; expressions of rules in it are parsed."""
    # Here, so that whoever has not run `make setup` anew loses these blocks alone.
    import hcl2

    hcl2.loads(block.text)
    for text in re.findall(r'^\s*expression\s*=\s*("(?:[^"\\]|\\.)*")$', block.text, re.MULTILINE):
        expression(json.loads(text))


def python(block: Block, directory: Path) -> None:
    """It compiles, and what it imports is there."""
    code = compile(block.text, block.name, "exec")
    assert code.co_names
    for module in re.findall(r"^(?:from|import) ([\w.]+)", block.text, re.MULTILINE):
        __import__(module)


def ini(block: Block, directory: Path) -> None:
    """Sections with keys, as systemd and others read them."""
    reader = configparser.RawConfigParser(strict=False, allow_no_value=False, delimiters=("=",))
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(block.text)
    assert reader.sections()


def toml(block: Block, directory: Path) -> None:
    """It is TOML."""
    tomllib.loads(block.text)


def api_calls(block: Block, directory: Path) -> None:
    """`METHOD /path` of each line, with capitals for what is put in, and a body behind it."""
    for line in block.text.splitlines():
        method, path, *_ = line.split()
        call(method, path.partition("?")[0])


def sql(block: Block, directory: Path) -> None:
    """PostgreSQL runs it."""
    with running_server() as server:
        for statement in block.text.split(";\n"):
            if statement.strip():
                server.execute(statement)
