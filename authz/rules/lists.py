# SPDX-License-Identifier: Apache-2.0
"""Named lists (`$name`): as data and compiled for membership tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ListKind(StrEnum):
    """What a list holds."""

    IP = "ip"
    HOSTNAME = "hostname"
    ASN = "asn"
    STRING = "string"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModel:
    """One named list: `items` as written, one item each. `where` is for error messages."""

    name: str
    kind: ListKind
    items: tuple[str, ...]
    where: str = ""
