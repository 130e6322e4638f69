# SPDX-License-Identifier: Apache-2.0
"""`…/rules/versions`: what the rules were, what changed from one to another, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from authz.dashboard.forms import Posted
from authz.dashboard.problems import status_of, text_of
from authz.dashboard.rule_rows import name_of, page_of
from authz.dashboard.rule_scopes import (
    ReadingRules,
    RulesViewer,
    WritingRules,
    basis_from,
    basis_text,
    both,
)
from authz.errors import AccessError, AuthzError, NotFoundError, StoreUnavailableError
from authz.services.rule_deployment import basis_of
from authz.services.rules import changes_between
from authz.services.ruleset_diff import compare_rules
from authz.services.ruleset_rollback import roll_back
from authz.services.ruleset_versions import get_version
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.services.rulesets import RulesInForce
    from authz.store.records import RulesetVersion

routes = APIRouter()

#: Versions of one page.
PER_PAGE: Final = 20
#: Characters of rules that are read to say what changed in the versions of a page.
_MOST_READ: Final = 8_000_000

Version = Annotated[int, Path(ge=1, le=10**9)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """A version of the list.

    Args:
        actor: who made it.
        rules: how many it has; None where that is not known.
        changes: to the version before: the names of rules by what became of them; None where that
            is not known.
        moved: whether rules that stayed have another order.
    """

    number: int
    at: float
    actor: str
    rules: int | None
    changes: Mapping[str, Sequence[str]] | None
    moved: bool = False


@routes.get("/versions")
def versions(here: ReadingRules, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """The list, the latest first."""
    return _list(here, page)


@routes.get("/versions/compare")
def compare(
    here: ReadingRules,
    before: Annotated[int | None, Query(alias="from", ge=1, le=10**9)] = None,
    after: Annotated[int | None, Query(alias="to", ge=1, le=10**9)] = None,
) -> Response:
    """What is different between two versions: the last one and that before it, unless asked."""
    rules = here.rules()
    last = after or rules.version
    chosen = sorted((before or max(1, last - 1), last))
    old, new = (_version(here, rules, one) for one in chosen)
    return here.page(
        "rule_compare.html",
        rules=rules,
        old=old,
        new=new,
        diff=compare_rules(old.rules, new.rules),
        basis=basis_text(basis_of(rules)),
    )


@routes.get("/versions/{version}")
def one(
    here: ReadingRules, version: Version, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """The rules of a version, and what is different from those in force."""
    rules = here.rules()
    found = _version(here, rules, version)
    return here.page(
        "rule_version.html",
        rules=rules,
        version=found,
        page=page_of(found.rules, number=page),
        diff=compare_rules(rules.rules, found.rules),
        basis=basis_text(basis_of(rules)),
    )


@routes.post("/versions/{version}/rollback")
def rollback(here: WritingRules, version: Version, posted: Posted) -> Response:
    """Put the rules of a version into force again."""
    try:
        after = roll_back(
            here.viewer.store,
            here.scope,
            version,
            basis=basis_from(posted.text("basis")),
            geo=here.viewer.backend.geo,
            actor=here.viewer.actor,
            at=here.viewer.at,
        )
    except (AccessError, NotFoundError, StoreUnavailableError):
        raise
    except AuthzError as error:
        return _list(here, status=status_of(error), error=error)
    notice = f"The rules of version {version} are in force again, as version {after.version}."
    if after.loosened:
        notice += f" Less strict than before: {'; '.join(after.loosened)}."
    return here.viewer.go(here.url("/versions"), notice)


def _list(
    here: RulesViewer, number: int = 1, *, status: int = 200, error: AuthzError | None = None
) -> Response:
    rules = here.rules()
    rows, number, pages = _rows(here, rules, number)
    return here.page(
        "rule_versions.html",
        status=status,
        rules=rules,
        basis=basis_text(basis_of(rules)),
        rows=rows,
        number=number,
        pages=pages,
        error="" if error is None else text_of(error),
    )


def _rows(here: RulesViewer, rules: RulesInForce, number: int) -> tuple[list[VersionRow], int, int]:
    """The versions of a page, its number (of the last one if there is none of this), and of pages.

    What changed in each is told as long as there is not too much.
    """
    ruleset = rules.ruleset
    if ruleset is None:
        return [], 1, 1
    left = _MOST_READ
    kept: list[RulesetVersion | None] = []
    with here.viewer.store.read() as session:
        known = session.rulesets.outlines(ruleset.id)
        pages = max(1, -(-len(known) // PER_PAGE))
        number = min(number, pages)
        first = (number - 1) * PER_PAGE
        # One more than are shown: what changed in the last one is told by the one before it.
        outlines = known[first : first + PER_PAGE + 1]
        sizes = {version: size for version, _, size in session.rulesets.sizes(ruleset.id)}
        for one in outlines:
            left -= sizes[one.version]
            kept.append(session.rulesets.version(ruleset.id, one.version) if left > 0 else None)
    found = []
    for place, outline in enumerate(outlines[:PER_PAGE]):
        now = kept[place]
        then: Sequence[Mapping[str, Any]] | None = () if outline.version == 1 else None
        if place + 1 < len(outlines):
            before = kept[place + 1]
            then = None if before is None else before.rules
        row = VersionRow(
            number=outline.version,
            at=outline.created_at,
            actor=outline.actor,
            rules=None if now is None else len(now.rules),
            changes=None,
        )
        found.append(row if now is None or then is None else _with_changes(row, then, now.rules))
    return found, number, pages


def _with_changes(
    row: VersionRow, then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> VersionRow:
    changes = changes_between(then, now)
    names = {ref_of(rule): name_of(rule) for rule in (*then, *now)}
    told = {
        what: [names[ref] for ref in getattr(changes, what)]
        for what in ("added", "changed", "removed")
    }
    return replace(
        row, changes={what: some for what, some in told.items() if some}, moved=changes.moved
    )


def _version(here: RulesViewer, rules: RulesInForce, number: int) -> RulesetVersion:
    if rules.ruleset is None:
        raise NotFoundError("there are no rules yet", hint="make one first")
    return get_version(here.viewer.store, here.scope, rules.ruleset.id, number)[1]


router = both(routes)
