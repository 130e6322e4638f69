# SPDX-License-Identifier: Apache-2.0
"""Expressions as the API checks and explains them: an extension, Cloudflare has no such calls."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from authz.rules import MAX_SOURCE, ListKind


class NewExpression(BaseModel):
    """An expression, as a rule would have it."""

    model_config = ConfigDict(extra="ignore")

    expression: str = Field(
        max_length=MAX_SOURCE, examples=['http.request.uri.path in {"/admin"} and not ssl']
    )
    action: Literal["block", "skip", "log"] | None = Field(
        None, description="What the rule is to do: some mistakes are only some with it."
    )


class FormatRequest(BaseModel):
    """An expression to write anew."""

    model_config = ConfigDict(extra="ignore")

    expression: str = Field(max_length=MAX_SOURCE)


class GivenList(BaseModel):
    """A list to explain an expression with."""

    kind: ListKind
    items: list[str | int] = Field(max_length=10_000)


class ExplainRequest(BaseModel):
    """An expression, and what the fields it reads are."""

    model_config = ConfigDict(extra="ignore")

    expression: str = Field(max_length=MAX_SOURCE)
    fields: dict[str, Any] = Field(
        {},
        description='Values by field; bytes that are no text are `{"base64": "…"}`. Others are '
        "empty.",
        examples=[{"http.host": "api.example.com", "ssl": True}],
    )
    lists: dict[str, GivenList] = Field(
        {}, description="Lists by name, instead of the account's own."
    )


class Finding(BaseModel):
    """Something that is probably not meant; `suggestion` is the expression to use instead."""

    code: str
    message: str
    suggestion: str | None
    hint: str | None
    line: int
    column: int
    span: tuple[int, int]


class Fault(BaseModel):
    """Why an expression cannot be used, and where: `carets` are its line with a row of carets."""

    code: int
    message: str
    hint: str | None
    line: int
    column: int
    span: tuple[int, int]
    carets: str


class Checked(BaseModel):
    """Whether an expression can be used.

    Valid: its canonical text, the fields it reads, its syntax tree, and what is probably not meant,
    for certain (`warnings`) or perhaps (`notes`). Else: `errors`.
    """

    valid: bool
    errors: list[Fault] = []
    expression: str | None = None
    fields: list[str] | None = None
    ast: dict[str, Any] | None = None
    warnings: list[Finding] | None = None
    notes: list[Finding] | None = None


class Formatted(BaseModel):
    """An expression in its canonical form."""

    expression: str


class Explained(BaseModel):
    """A part of an expression and what it gives; docs/reference/expression-commands.md."""

    model_config = ConfigDict(extra="allow")

    expression: str
    kind: str
    type: str
    value: Any
    missing: bool
    reached: bool
    parts: list[dict[str, Any]]


class FieldObject(BaseModel):
    """A field that an expression may read; `available`: it has a source in this installation."""

    name: str
    type: str
    description: str
    source: str
    hexadecimal: bool
    example: str
    operators: list[str]
    functions: list[str]
    available: bool
    unavailable_because: str | None


class OperatorObject(BaseModel):
    """An operator and the types that it works on."""

    name: str
    kind: Literal["comparison", "logical"]
    notations: list[str]
    description: str
    types: list[str]


class ParameterObject(BaseModel):
    """A parameter of a function."""

    name: str
    type: str
    takes: str
    need: Literal["required", "optional", "repeated"]


class FunctionObject(BaseModel):
    """A function."""

    name: str
    signature: str
    description: str
    limits: str
    parameters: list[ParameterObject]
    returns: str


class ListName(BaseModel):
    """A list that an expression may name, as `$name`."""

    name: str
    kind: str
    num_items: int
