# SPDX-License-Identifier: Apache-2.0
"""Which names an expression may use.

A `Scheme` holds fields and functions, and the names that Cloudflare has and that cannot exist
here, with the reason. Which fields the product offers is written down in `authz/policy/fields.py`,
which functions there are in `authz/rules/functions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.rules.functions import CUSTOM_RULES_FUNCTIONS
from authz.rules.types import Bytes, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.rules.functions.model import Function

_NAME: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")


@dataclass(frozen=True, slots=True)
class Field:
    """A name that an expression may read.

    Args:
        hex: the value is hex digits (a fingerprint, serial number or key identifier); `eq`, `ne`,
            `in` and lists match it in either case (architecture 4.13).
        doc: one sentence for the reference page.
    """

    name: str
    type: Type
    hex: bool = field(default=False, kw_only=True)
    doc: str = field(default="", kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Scheme:
    """Fields and functions by name.

    `refused` are names that Cloudflare has and that cannot exist here, with the reason that the
    error message gives; `a.b.*` stands for every name below `a.b` that is not there itself.
    """

    fields: Mapping[str, Field]
    functions: Mapping[str, Function] = field(default_factory=lambda: CUSTOM_RULES_FUNCTIONS)
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, entry in self.fields.items():
            if name != entry.name or not _NAME.fullmatch(name):
                raise ValueError(f"field {entry.name!r} is registered as {name!r}")
            if name.startswith("not"):
                # The grammar reads `not` without a word boundary (surprise 5).
                raise ValueError(f"no expression could ever name the field {name!r}")
            if entry.hex and entry.type != Bytes and "Bytes" not in str(entry.type):
                raise ValueError(f"hex field {name!r} must hold bytes")

    def family_refused(self, name: str) -> str | None:
        """Why the nearest refused family of `name` cannot exist; None for a name of its own."""
        if name in self.refused:
            return None
        parent = name.rpartition(".")[0]
        while parent:
            if reason := self.refused.get(f"{parent}.*"):
                return reason
            parent = parent.rpartition(".")[0]
        return None
