# SPDX-License-Identifier: Apache-2.0
"""A message's fields as plain data, the same on both sides of test_wire_compatibility."""

from __future__ import annotations

from typing import Any


def describe(message: Any) -> list[list[object]]:
    """Number, name, JSON name, type, repetition, oneof, message and enum values of each field."""
    return sorted(
        [
            field.number,
            field.name,
            field.json_name,
            field.type,
            bool(field.is_repeated),
            field.containing_oneof.name if field.containing_oneof else "",
            _kind(field.message_type),
            sorted((v.name, v.number) for v in field.enum_type.values) if field.enum_type else [],
        ]
        for field in message.fields
    )


def _kind(message: Any) -> list[list[object]] | str:
    """Well-known types by name, map entries by their fields, other messages not at all.

    Those others are compared on their own; their names differ on purpose.
    """
    if message is None:
        return ""
    if message.full_name.startswith("google.protobuf."):
        return str(message.full_name)
    return describe(message) if message.GetOptions().map_entry else "message"
