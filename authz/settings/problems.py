# SPDX-License-Identifier: Apache-2.0
"""What pydantic found wrong, in this project's words.

Turns a ValidationError into `Problem`s: the path of the key, the fact, and a hint with "did you
mean". Shared by authz.yaml and policy.yaml; knows neither of them.
"""

from __future__ import annotations

import difflib
import json
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

#: Reported at once; a file with more is the wrong file.
MAX_PROBLEMS = 20

#: Characters of a text that an error repeats.
_SHOWN = 40

#: The type of a problem beside which no other one counts: the file is not for this program.
WHOLE_FILE = "whole_file"

_EXPECTED = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
}
_LIMIT = {
    "greater_than_equal": ("must be at least", "ge"),
    "less_than_equal": ("must be at most", "le"),
}


class Section(BaseModel):
    """Base of every mapping in a configuration file: closed, immutable, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong: where (keys and indices), what, and what to do about it."""

    path: tuple[str | int, ...]
    message: str
    hint: str | None = None


def fault(
    message: str, *, hint: str | None = None, below: tuple[str, ...] = ()
) -> PydanticCustomError:
    """What a validator raises to say `message`, with a hint, about the value it looks at.

    Args:
        below: the keys from that value to the one that is meant.
    """
    # The text travels in the context: pydantic would format braces in a template.
    context = {"message": message, "hint": hint, "below": below}
    return PydanticCustomError("fault", "{message}", context)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a word that is not known: the nearest that is, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in names], n=1)
    if near:
        return f'did you mean "{next(name for name in names if name.lower() == near[0])}"?'
    return f"known here: {', '.join(names)}"


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    refused: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Every problem of a validation of `model`, at most MAX_PROBLEMS.

    Args:
        refused: keys that are known elsewhere and the hint for whoever writes them here.
    """
    found = error.errors(include_url=False)
    found = [details for details in found if details["type"] == WHOLE_FILE] or found
    return [_problem(details, model, refused or {}) for details in found[:MAX_PROBLEMS]]


def _problem(details: ErrorDetails, model: type[BaseModel], refused: Mapping[str, str]) -> Problem:
    # pydantic marks a problem of a mapping's key by one more part.
    kind, path = details["type"], tuple(part for part in details["loc"] if part != "[key]")
    context: dict[str, Any] = details.get("ctx", {})
    value: Any = details["input"]
    name = str(path[-1]) if path else ""
    if kind in {"fault", WHOLE_FILE}:
        below = context.get("below", ())
        return Problem(path=(*path, *below), message=context["message"], hint=context["hint"])
    if kind == "extra_forbidden":
        hint = refused.get(name) or did_you_mean(name, _known_keys(model, path[:-1]))
        return Problem(path=path, message=f'unknown key "{name}"', hint=hint)
    if kind == "missing":
        return Problem(path=path, message=f'the key "{name}" is missing', hint=f"add {name}: …")
    if kind in _EXPECTED:
        expected = _EXPECTED[kind]
        advice: str | None = None
        if expected == "text" and isinstance(value, (int, float)):
            advice = "put it in quotes"
        elif kind == "list_type" and isinstance(value, str) and len(value) <= _SHOWN:
            advice = f"put it in brackets: [{json.dumps(value, ensure_ascii=False)}]"
        elif value is None:
            advice = "give it a value or remove the key"
        return Problem(
            path=path, message=f"expected {expected}, not {describe(value)}", hint=advice
        )
    if kind == "literal_error":
        return _not_one_of(model, path, value)
    if kind in _LIMIT:
        words, bound = _LIMIT[kind]
        return Problem(
            path=path, message=f"{value} is out of range", hint=f"it {words} {context[bound]}"
        )
    if kind == "too_short":
        least = context["min_length"]
        return Problem(path=path, message="the list is too short", hint=f"name at least {least}")
    return Problem(path=path, message=details["msg"][:1].lower() + details["msg"][1:].rstrip("."))


def describe(value: Any) -> str:
    """A value as an error names it: what it is, and the value when it is short."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value}"' if len(value) <= _SHOWN else "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return type(value).__name__


def _not_one_of(model: type[BaseModel], path: tuple[str | int, ...], value: Any) -> Problem:
    choices = [str(choice) for choice in _literals(_annotation_at(model, path))]
    if not isinstance(value, str):
        return Problem(
            path=path, message=f"expected one of {', '.join(choices)}, not {describe(value)}"
        )
    return Problem(
        path=path,
        message=f'"{value}" is not one of {", ".join(choices)}',
        hint=did_you_mean(value, choices) if _is_near(value, choices) else None,
    )


def _is_near(word: str, choices: list[str]) -> bool:
    return bool(difflib.get_close_matches(word.lower(), choices, n=1))


def _known_keys(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    section = _model_in(_annotation_at(model, path))
    return list(section.model_fields) if section else []


def _annotation_at(model: type[BaseModel], path: tuple[str | int, ...]) -> Any:
    """The annotation of the value at `path`: through fields, list items and mapping values."""
    annotation: Any = model
    for part in path:
        section = _model_in(annotation)
        if section is not None and isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
        else:
            # An item of a list or a value of a mapping: the last argument of the container.
            annotation = _item_of(annotation)
    return annotation


def _item_of(annotation: Any) -> Any:
    for option in _options(annotation):
        if typing.get_origin(option) in {list, dict, tuple}:
            return typing.get_args(option)[-1]
    return None


def _options(annotation: Any) -> list[Any]:
    """The alternatives of a union, annotations removed."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if origin in {typing.Union, types.UnionType}:
        return [leaf for option in typing.get_args(annotation) for leaf in _options(option)]
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _literals(annotation: Any) -> list[Any]:
    return [
        choice
        for option in _options(annotation)
        if typing.get_origin(option) is typing.Literal
        for choice in typing.get_args(option)
    ]
