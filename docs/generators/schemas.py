# SPDX-License-Identifier: Apache-2.0
"""authz.yaml and policy.yaml as JSON Schemas, for editors.

They are the models that the loader validates with, as far as a schema can say what those ask.
Draft 7, because it is what every editor reads; nothing is in them that later drafts read otherwise.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from authz.settings import Settings
from authz.settings.file_version import FILE_VERSION
from authz.sources.policy_document import PolicyDocument

if TYPE_CHECKING:
    from pydantic import BaseModel


#: An editor shows descriptions, and has no pages to go to.
_LINK: Final = re.compile(r"\[([^]]*)\]\([^)]*\)")
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def settings_schema() -> str:
    """authz/schemas/authz.v1.schema.json."""
    return _schema(Settings, f"The settings of authz (authz.yaml), version {FILE_VERSION}")


def policy_schema() -> str:
    """authz/schemas/policy.v1.schema.json."""
    return _schema(PolicyDocument, f"A policy file of authz (policy.yaml), version {FILE_VERSION}")


def _schema(model: type[BaseModel], title: str) -> str:
    made = model.model_json_schema(ref_template="#/definitions/{model}")
    definitions = made.pop("$defs")
    whole = {
        "$schema": _DRAFT,
        "title": title,
        **_plain(made),
        "definitions": {name: _plain(one) for name, one in definitions.items()},
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _is_prose(key: str, value: Any) -> TypeGuard[str]:
    # A property may have that name, too.
    return key == "description" and isinstance(value, str)


def _plain(schema: Any) -> Any:
    """The same, as draft 7 has it."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: _LINK.sub(r"\1", value) if _is_prose(key, value) else _plain(value)
        for key, value in schema.items()
        # Titles only repeat the keys.
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and value is None)
    }
    if "patternProperties" in made:
        # Otherwise the pattern would only say what values of such names are.
        made.setdefault("additionalProperties", False)
    if "$ref" in made and len(made) > 1:
        # Draft 7 reads nothing beside a $ref.
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made
