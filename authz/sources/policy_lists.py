# SPDX-License-Identifier: Apache-2.0
"""From `lists` in policy.yaml to ListModel: list files read, large lists packed.

What an item must look like is decided by rules.list_items. A list with a bad item stays as it is
and is refused when it is compiled, so that everything else that is wrong is found as well.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.errors import PolicyError
from authz.rules.lists import ListKind, ListModel, pack_list
from authz.sources.lines import line_numbers, read_items

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.sources.building import Building
    from authz.sources.policy_document import ListDocument

#: Lists with more items than this are packed here, once for all processes.
PACKED_FROM: Final = 1000

_NUMBERS = frozenset({ListKind.ASN, ListKind.INTEGER})


def build_lists(
    documents: Mapping[str, ListDocument],
    building: Building,
    earlier: Mapping[str, ListModel] | None = None,
) -> tuple[ListModel, ...]:
    """Every named list; problems are reported to `building`.

    Args:
        earlier: lists by name as they were built before; one that would be the same is kept.
    """
    earlier = earlier or {}
    return tuple(
        _list(name, document, building, earlier.get(name)) for name, document in documents.items()
    )


def _list(
    name: str, document: ListDocument, building: Building, earlier: ListModel | None
) -> ListModel:
    kind = ListKind(document.kind)
    place: tuple[str, ...] = ("lists", name)
    where = building.where(place)
    if document.items is None and document.items_file is None:
        building.report(
            place, "the list has no items", "add items or items_file (items: [] for none)"
        )
    items: list[str] = []
    for index, item in enumerate(document.items or ()):
        if isinstance(item, int) and kind not in _NUMBERS:
            building.report(
                (*place, "items", index),
                f"the number {item} in a list of kind {kind.value}",
                "put it in quotes, or set kind: integer",
            )
        items.append(str(item))
    if document.items_file is None:
        return _packed(ListModel(name=name, kind=kind, items=tuple(items), where=where))
    place = (*place, "items_file")
    data = building.read(place, document.items_file)
    if data is None:
        return ListModel(name=name, kind=kind, items=tuple(items), where=where)
    origin = _origin(kind, items, data)
    if earlier is not None and earlier.packed is not None and earlier.packed.origin == origin:
        return replace(earlier, where=where)
    try:
        items += read_items(data)
    except PolicyError as error:
        building.report_error(place, document.items_file, error)
        return ListModel(name=name, kind=kind, where=where)
    model = ListModel(name=name, kind=kind, items=tuple(items), where=where)
    return _packed(model, document.items_file, data, origin)


def _packed(model: ListModel, file: str = "", data: bytes = b"", origin: bytes = b"") -> ListModel:
    """The list, packed if it is large and good; otherwise with the lines of its file."""
    if len(model.items) > PACKED_FROM:
        try:
            return pack_list(model, origin)
        except PolicyError:
            pass
    return replace(model, file=file, lines=tuple(line_numbers(data))) if file else model


def _origin(kind: ListKind, items: list[str], data: bytes) -> bytes:
    digest = hashlib.sha256(repr((kind.value, items)).encode("utf-8", "surrogatepass"))
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()
