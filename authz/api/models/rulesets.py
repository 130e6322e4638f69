# SPDX-License-Identifier: Apache-2.0
"""Rulesets and their rules (Cloudflare's objects).

What calls take is described here and judged in services.ruleset_input, which finds everything that
is wrong with a body at once and says so in Cloudflare's words.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["block", "skip", "log"]
Kind = Literal["zone", "root"]
Phase = Literal["http_request_firewall_custom"]


class Response(BaseModel):
    """The answer of a block rule."""

    status_code: int = Field(ge=400, le=499)
    content_type: Literal["text/html", "text/plain", "application/json", "text/xml"]
    content: str = Field(description="At most 2 KB.")


class ActionParameters(BaseModel):
    """`response` is of block, everything else of skip."""

    response: Response | None = None
    ruleset: Literal["current"] | None = None
    phase: Literal["current"] | None = None
    rules: dict[str, list[str]] | None = Field(
        default=None, description="IDs of rules by the ID of their ruleset."
    )
    phases: list[str] | None = None
    products: list[str] | None = None
    rulesets: list[str] | None = None


class Logging(BaseModel):
    """Of skip rules: whether what they skip is logged."""

    enabled: bool = True


class RuleObject(BaseModel):
    """A rule."""

    id: str
    ref: str = Field(description="A name of its own; the ID when it was given none.")
    version: str = Field(description="Another one after each change; moving a rule is none.")
    action: Action
    action_parameters: ActionParameters | None = None
    expression: str
    description: str
    enabled: bool
    logging: Logging | None = None
    last_updated: str


class RulesetOutline(BaseModel):
    """A ruleset without its rules."""

    id: str
    name: str
    description: str
    kind: Kind
    version: str
    last_updated: str
    phase: Phase


class RulesetObject(RulesetOutline):
    """A ruleset with its rules, in order."""

    rules: list[RuleObject]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRule(_Closed):
    """A rule to keep: one of the same `ref`, or `id`, is that one, changed."""

    expression: str
    action: Action
    action_parameters: ActionParameters | None = None
    description: str | None = None
    enabled: bool | None = True
    ref: str | None = None
    logging: Logging | None = Field(default=None, description="Of skip rules only.")
    id: str | None = None
    version: Any = Field(default=None, description="Ignored, as are the next two.")
    last_updated: Any = None
    categories: Any = None


class Position(_Closed):
    """Where a rule goes: one of the three."""

    before: str | None = Field(default=None, description='A rule\'s ID; "" is the beginning.')
    after: str | None = Field(default=None, description='A rule\'s ID; "" is the end.')
    index: int | None = Field(default=None, ge=1, description="From 1.")


class PlacedRule(NewRule):
    """A rule to add, behind all others unless `position` says where."""

    position: Position | None = None


class ChangedRule(PlacedRule):
    """All of a rule, which replaces what it was; or `position` alone, which moves it."""

    expression: str | None = None  # type: ignore[assignment]  # not needed to move a rule
    action: Action | None = None  # type: ignore[assignment]  # not needed to move a rule


class NewRuleset(_Closed):
    """An entry point to make."""

    name: str
    kind: Kind
    phase: Phase
    description: str | None = None
    rules: list[NewRule] | None = None


class ChangedRuleset(_Closed):
    """What to replace; what is left out stays. `name`, `kind` and `phase` cannot change."""

    rules: list[NewRule] | None = None
    description: str | None = None
    name: str | None = None
    kind: Kind | None = None
    phase: Phase | None = None


class ChangedEntryPoint(_Closed):
    """The rules that a phase begins with; the name counts when there were none."""

    rules: list[NewRule] | None = None
    description: str | None = None
    name: str | None = None
