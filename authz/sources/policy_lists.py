# SPDX-License-Identifier: Apache-2.0
"""From `lists` in policy.yaml to ListModel: items as text, list files read.

What an item must look like is decided by rules.lists, which compiles them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.errors import PolicyError
from authz.rules.lists import ListKind, ListModel
from authz.sources.lines import items_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.sources.building import Building, Place
    from authz.sources.policy_document import ListDocument

_NUMBERS = frozenset({ListKind.ASN, ListKind.INTEGER})


def build_lists(documents: Mapping[str, ListDocument], building: Building) -> tuple[ListModel, ...]:
    """Every named list; problems are reported to `building`."""
    return tuple(
        _list(name, document, building, ("lists", name)) for name, document in documents.items()
    )


def _list(name: str, document: ListDocument, building: Building, place: Place) -> ListModel:
    kind = ListKind(document.kind)
    items: list[str] = []
    if document.items is None and document.items_file is None:
        building.report(
            place, "the list has no items", "add items or items_file (items: [] for none)"
        )
    for index, item in enumerate(document.items or ()):
        if isinstance(item, int) and kind not in _NUMBERS:
            building.report(
                (*place, "items", index),
                f"the number {item} in a list of kind {kind.value}",
                "put it in quotes, or set kind: integer",
            )
        items.append(str(item))
    if document.items_file is not None:
        items += _items_of_file(document.items_file, building, (*place, "items_file"))
    return ListModel(name=name, kind=kind, items=tuple(items), where=building.where(place))


def _items_of_file(name: str, building: Building, place: Place) -> list[str]:
    data = building.read(place, name)
    if data is None:
        return []
    try:
        return [item for _, item in items_of(data)]
    except PolicyError as error:
        building.report_error(place, name, error)
        return []
