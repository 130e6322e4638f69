# SPDX-License-Identifier: Apache-2.0
"""Whose rules a page is about: the same pages are below each zone and for the account.

both(router)                                       # /zones/{zone_id}/rules… and /rules…
def page(here: ReadingRules) -> Response: here.scope, here.url("/versions")
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.routing import APIRoute

from authz.dashboard.viewers import SomeViewer, Viewer, account_viewer, zone_viewer
from authz.errors import NotFoundError
from authz.services.permissions import Level, Resource
from authz.services.privileges import Of, Privilege, needing
from authz.services.rule_deployment import NO_RULES, Basis
from authz.services.rulesets import rules_in
from authz.services.scopes import Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.responses import HTMLResponse

    from authz.services.rulesets import RulesInForce
    from authz.store.records import Zone

_ID: Final = re.compile(r"[0-9a-f]{32}")
_BASIS: Final = re.compile(r"([0-9a-f]{32}):([0-9]{1,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesViewer:
    """Somebody who looks at the rules of a zone, or of the account.

    Args:
        base: where the list of these rules is.
    """

    viewer: Viewer
    scope: Scope
    base: str

    @property
    def may_write(self) -> bool:
        """Whether they may change these rules."""
        return self.viewer.may(Resource.RULES, Level.WRITE)

    @property
    def builder_zone(self) -> Zone | None:
        """The zone whose lists and CAs the Expression Builder knows: for the account, any."""
        found = (
            one for one in self.viewer.zones if self.viewer.may(Resource.RULES, Level.READ, one.id)
        )
        return self.viewer.zone or next(found, None)

    def url(self, path: str = "") -> str:
        """The address of a page about these rules."""
        return f"{self.base}{path}"

    def rules(self) -> RulesInForce:
        """What is in force."""
        with self.viewer.store.read() as session:
            return rules_in(session, self.scope)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of this template, which knows whose rules it is about (`here`)."""
        return self.viewer.page(template, status=status, here=self, **values)


def both(routes: APIRouter) -> APIRouter:
    """These pages below each zone, and for the account."""
    router = APIRouter()
    for prefix in ("/zones/{zone_id}/rules", "/rules"):
        for route in routes.routes:
            assert isinstance(route, APIRoute), "pages are"
            router.add_api_route(
                prefix + route.path, route.endpoint, methods=sorted(route.methods or ())
            )
    return router


def basis_from(text: str) -> Basis:
    """The rules that the page of a form was about, as `basis_text` wrote them.

    What is neither is no version that there ever was.
    """
    found = _BASIS.fullmatch(text)
    if found is not None:
        return Basis(ruleset_id=found[1], version=int(found[2]))
    return NO_RULES if text == "" else Basis(ruleset_id="?", version=0)


def basis_text(basis: Basis) -> str:
    """As a form has it."""
    return "" if basis.ruleset_id is None else f"{basis.ruleset_id}:{basis.version}"


def _scoped(level: Level) -> Any:
    def check(request: Request, someone: SomeViewer) -> RulesViewer:
        zone_id = request.path_params.get("zone_id")
        if zone_id is None:
            viewer: Viewer = account_viewer(Resource.RULES, level).dependency(someone)
            scope = Scope(account_id=viewer.account.id)
            return RulesViewer(viewer=viewer, scope=scope, base="/rules")
        viewer = zone_viewer(Resource.RULES, level).dependency(zone_id, someone)
        assert viewer.zone is not None, "the path has a zone"
        return RulesViewer(
            viewer=viewer, scope=scope_of(viewer.zone), base=f"/zones/{zone_id}/rules"
        )

    return Depends(needing(check, Privilege(resource=Resource.RULES, level=level, of=Of.PATH)))


def _identifier(value: str, what: str) -> str:
    if not _ID.fullmatch(value):
        raise NotFoundError(f"there is no such {what}", hint="look at the list of rules")
    return value


def _rule_id(rule_id: Annotated[str, Path()]) -> str:
    return _identifier(rule_id, "rule")


def _draft_id(draft_id: Annotated[str, Path()]) -> str:
    return _identifier(draft_id, "draft")


def rule_of(rules: RulesInForce, rule_id: str) -> tuple[Mapping[str, Any], int]:
    """A rule and its place, from 1.

    Raises:
        NotFoundError: there is none of this identifier.
    """
    for place, rule in enumerate(rules.rules, 1):
        if rule["id"] == rule_id:
            return rule, place
    raise NotFoundError(
        "there is no such rule any more", hint="look at the list of rules, and at its versions"
    )


ReadingRules = Annotated[RulesViewer, _scoped(Level.READ)]
WritingRules = Annotated[RulesViewer, _scoped(Level.WRITE)]
RuleId = Annotated[str, Depends(_rule_id)]
DraftId = Annotated[str, Depends(_draft_id)]
