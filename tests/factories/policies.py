# SPDX-License-Identifier: Apache-2.0
"""Policies and request facts for tests: valid by default, change one thing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.policy.model import Action, PolicyModel, RuleModel, SiteModel
from authz.policy.snapshot import compile_snapshot
from tests.factories.facts import RequestFacts
from tests.factories.pki import AT, authority, root

if TYPE_CHECKING:
    from authz.policy.snapshot import Snapshot
    from authz.rules.lists import ListModel

#: The default rule of the dashboard with the revocation check that Cloudflare recommends.
PROTECT_ADMIN = (
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
    ' and http.request.uri.path in {"/admin"}'
)


def rule(expression: str = PROTECT_ADMIN, **changes: Any) -> RuleModel:
    """A blocking rule."""
    wanted: dict[str, Any] = {"ref": "protect-admin", "action": Action.BLOCK, **changes}
    return RuleModel(expression=expression, **wanted)


def site(*rules: RuleModel, **changes: Any) -> SiteModel:
    """A site for every host that trusts the test root."""
    wanted: dict[str, Any] = {
        "name": "api",
        "hosts": ("*",),
        "trust": (authority(root()),),
        "rules": rules,
        **changes,
    }
    return SiteModel(**wanted)


def snapshot(
    *sites: SiteModel, lists: tuple[ListModel, ...] = (), generation: int = 1, at: float = AT
) -> Snapshot:
    """A compiled policy of `sites`; without any, one site that protects /admin."""
    model = PolicyModel(sites=sites or (site(rule()),), lists=lists)
    return compile_snapshot(model, generation, at)


def facts(**changes: Any) -> RequestFacts:
    """A plain GET without a certificate."""
    plain = RequestFacts(method=b"GET", host=b"api.example.com", path=b"/", time_seconds=int(AT))
    return replace(plain, **changes)
