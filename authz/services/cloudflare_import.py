# SPDX-License-Identifier: Apache-2.0
"""`import cloudflare`: what was read of Cloudflare, applied zone by zone or only rehearsed.

One way through for both: a zone is applied in a transaction, which is kept or not, and what it did
is its part of the report. First what accounts share (their rules, and what no zone here needs),
then each zone with the lists and authorities that it needs. What is the same already is no change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from authz.errors import AuthzError, ConflictError, StoreUnavailableError
from authz.services.cloudflare_account import import_account
from authz.services.cloudflare_report import Part, Report
from authz.services.cloudflare_zone import import_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from authz.services.cloudflare_options import ImportOptions
    from authz.sources.cloudflare_document import ExportDocument
    from authz.store.engine import Store
    from authz.store.session import Session

    Step = Callable[[Session], Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What is kept together, or not at all."""

    scope: str
    name: str
    step: Step


def rehearse_import(store: Store, read: ExportDocument, options: ImportOptions) -> Report:
    """What an import would find and do; nothing is kept.

    Raises:
        StoreUnavailableError: the store cannot be read.
    """
    units = list(_units(read, options))
    failed: dict[int, Part] = {}
    while True:
        # Anew without those that fail: what they did until then is not there when it is applied.
        parts = _rehearsed(store, units, failed)
        if parts is not None:
            return Report(source=read.source, parts=tuple(parts))


def _rehearsed(store: Store, units: Sequence[_Unit], failed: dict[int, Part]) -> list[Part] | None:
    """The parts of all units but those that failed; None when another one does."""
    parts: list[Part] = []
    with store.rehearsal().write() as session:
        for place, unit in enumerate(units):
            if place in failed:
                parts.append(failed[place])
                continue
            try:
                parts.append(unit.step(session))
            except StoreUnavailableError:
                raise
            except AuthzError as error:
                failed[place] = Part(scope=unit.scope, name=unit.name, error=error)
                return None
    return parts


def apply_import(
    store: Store,
    read: ExportDocument,
    options: ImportOptions,
    *,
    rehearsed: Report,
    agreed: Collection[str],
) -> Report:
    """Apply what was rehearsed, each zone in a transaction of its own.

    A zone that fails leaves the others as they are, and is as it was; its part has the error.

    Args:
        agreed: which protection may be lost (`Report.losses`).

    Raises:
        StoreUnavailableError: the store cannot be written to.
    """
    parts: list[Part] = []
    # What a part that fails would have made, another one may have found in rehearsal, and need.
    failed = False
    for unit, before in zip(_units(read, options), rehearsed.parts, strict=True):
        if before.error is not None or not (before.changes or failed):
            parts.append(before)
            continue
        try:
            with store.write() as session:
                part = unit.step(session)
                _check_agreed(part, agreed)
        except StoreUnavailableError:
            raise
        except AuthzError as error:
            parts.append(replace(before, error=error))
            failed = True
        else:
            parts.append(replace(part, applied=bool(part.changes)))
    return Report(source=read.source, parts=tuple(parts))


def _check_agreed(part: Part, agreed: Collection[str]) -> None:
    more = [loss for loss in part.losses if f"{part.title}: {loss}" not in agreed]
    if more:
        raise ConflictError(
            f"the {part.title} was changed meanwhile: {more[0]}",
            hint="look at the report once more",
        )


def _units(read: ExportDocument, options: ImportOptions) -> Iterator[_Unit]:
    for account in read.accounts:
        zones = [one for one in read.zones if (one.account.id or "") == account.id]
        yield _Unit(
            scope="account",
            name=account.name or account.id or "(not named)",
            step=partial(
                import_account,
                account=account,
                zones=zones,
                options=options,
                alone=len(read.accounts) == 1,
            ),
        )
    for zone in read.zones:
        yield _Unit(
            scope="zone",
            name=zone.name,
            step=partial(
                import_zone,
                given=zone,
                account=read.account_of(zone),
                options=options,
                zones=read.zones,
            ),
        )
