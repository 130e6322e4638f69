# SPDX-License-Identifier: Apache-2.0
"""Between rows and records: columns and fields have the same names, JSON columns are text.

Every query names its columns (`columns_of`): a database that a later release has widened must not
confuse this one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Column, Row, Table

_Record = TypeVar("_Record")

#: From the text of a JSON column, or the text of an enumeration, to the field's value.
Readers = Mapping[str, Callable[[Any], Any]]

#: What a database takes as it is; enumerations are another type than their text.
_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})

#: The names of each record's fields: asking dataclasses a million times takes seconds.
_NAMES: Final[dict[type[Any], tuple[str, ...]]] = {}


def columns_of(record: type[Any], table: Table, *, but: tuple[str, ...] = ()) -> list[Column[Any]]:
    """The columns that a record's fields are read from."""
    return [table.c[name] for name in _names(record) if name not in but]


def record_of(record: type[_Record], row: Row[Any], readers: Readers | None = None) -> _Record:
    """The record of a row."""
    values = dict(row._mapping)
    for name, read in (readers or {}).items():
        if values.get(name) is not None:
            values[name] = read(values[name])
    return record(**values)


def values_of(record: Any, *, but: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values of a record's columns."""
    return {
        name: value if type(value := getattr(record, name)) in _PLAIN else _written(value)
        for name in _names(type(record))
        if name not in but
    }


def _names(record: type[Any]) -> tuple[str, ...]:
    known = _NAMES.get(record)
    if known is None:
        known = _NAMES[record] = tuple(field.name for field in dataclasses.fields(record))
    return known


def _written(value: Any) -> Any:
    if isinstance(value, tuple | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _written(dataclasses.asdict(value))
    return str(value) if isinstance(value, str) else value
