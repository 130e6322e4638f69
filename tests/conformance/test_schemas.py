# SPDX-License-Identifier: Apache-2.0
"""The schemas for editors take every settings and policy file that is shown or shipped here.

Whether something is such a file is asked of the loader: what it takes, the schema takes.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, ValidationError

from authz.settings import Settings
from authz.settings.yaml_document import YamlDocument, YamlError
from authz.sources.policy_document import PolicyDocument
from tests.factories.accepted import accepted
from tests.factories.page_blocks import texts_of
from tests.factories.schema_values import shipped_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MODELS: dict[str, type[BaseModel]] = {"authz": Settings, "policy": PolicyDocument}


class Example(NamedTuple):
    """A document: where it stands, which schema it is for, and what it says."""

    where: str
    schema: str
    value: Any


def texts() -> Iterator[tuple[str, str]]:
    """Everything in YAML: files, blocks of pages, files of sessions, values in ConfigMaps."""
    for folder in ("deploy", "docs", "tests"):
        for file in sorted((ROOT / folder).rglob("*.y*ml")):
            text = file.read_text(encoding="utf-8")
            name = str(file.relative_to(ROOT))
            yield name, text
            # A ConfigMap's, or a template's: blocks of text below a key that names the file.
            for key, block in re.findall(r"^ +(\S+\.yaml): \|-?\n((?: +.*\n|\n)+)", text, re.M):
                indent = re.match(r" *", block)
                assert indent is not None
                yield f"{name} {key}", re.sub(rf"^{indent[0]}", "", block, flags=re.M)
    for file in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, block in enumerate(texts_of(file, "yaml"), 1):
            yield f"{file.relative_to(ROOT)} block {number}", block
    for file in sorted((ROOT / "tests" / "cli").glob("*.txt")):
        parts = re.split(r"^-- (\S+\.yaml) --\n", file.read_text("utf-8"), flags=re.M)
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            yield f"{file.relative_to(ROOT)} {name}", re.split(r"^-- .* --\n", text, flags=re.M)[0]


def examples() -> Iterator[Example]:
    """Those that a loader takes."""
    for where, text in texts():
        try:
            value = YamlDocument(text).value
        except YamlError:
            continue
        if not isinstance(value, dict) or not value:
            continue
        for name, model in MODELS.items():
            try:
                model.model_validate(value)
            except ValidationError:
                continue
            yield Example(where, name, value)


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.where)
def test_an_editor_marks_nothing_in(example: Example) -> None:
    Draft7Validator(shipped_schema(example.schema)).validate(example.value)


def test_there_are_examples_of_both_from_everywhere() -> None:
    found = {(one.schema, one.where.split("/")[0]) for one in EXAMPLES}

    assert found >= {
        (schema, folder) for schema in MODELS for folder in ("deploy", "docs", "tests")
    }
    assert ("policy", "README.md block 1") in found


#: Files to begin with: an editor that reads the first lines knows what they are.
BEGINNINGS = (
    "deploy/authz.yaml",
    "deploy/policy.yaml",
    "docs/examples/policy-tests/policy.yaml",
)


@pytest.mark.deploy
@pytest.mark.parametrize("name", BEGINNINGS)
def test_files_to_begin_with_name_their_schema(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    named = re.search(r"^# yaml-language-server: \$schema=(\S+)$", text, re.M)

    assert named is not None
    schema = (ROOT / name).parent / named[1]
    kind = "policy" if name.endswith("policy.yaml") else "authz"
    assert schema.resolve() == ROOT / "authz" / "schemas" / f"{kind}.v1.schema.json"
    Draft7Validator(shipped_schema(kind)).validate(YamlDocument(text).value)
    accepted(ROOT / name, f"jsonschema {version('jsonschema')}", "our schema, draft 7")


@pytest.mark.parametrize("name", MODELS)
def test_the_schemas_are_schemas(name: str) -> None:
    Draft7Validator.check_schema(shipped_schema(name))


@pytest.mark.parametrize("name", MODELS)
def test_every_key_is_described(name: str) -> None:
    schema = shipped_schema(name)
    parts = [schema, *schema["definitions"].values()]

    undescribed = [
        key
        for part in parts
        for key, one in part["properties"].items()
        # A section is described where it is defined.
        if "description" not in one and "$ref" not in one
    ]

    assert undescribed == []
    assert all("description" in part for part in parts)
