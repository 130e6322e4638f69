# SPDX-License-Identifier: Apache-2.0
"""What a provider's claims make of somebody: a name, and what their groups let them do.

Whoever is in no group that the settings name is refused; nothing is given by default.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ForbiddenError
from authz.services.permissions import EDITING, EVERYTHING, READING
from authz.services.sign_ins import Person, subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.permissions import Grant

_MAX_NAME: Final = 200
#: Groups of one person that are looked at: some providers have thousands.
_MAX_GROUPS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleRules:
    """`admin.dashboard.oidc`: which claims say what, and which groups may do what."""

    name_claim: str
    roles_claim: str
    admins: frozenset[str] = frozenset()
    editors: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()


def rules_digest(issuer: str, rules: PeopleRules) -> str:
    """What decides who may do what, as 128 bits: other ones whenever the settings change."""
    groups = [sorted(one) for one in (rules.admins, rules.editors, rules.readers)]
    text = json.dumps([issuer, rules.roles_claim, groups])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def subject_under(issuer: str, subject: str, rules: PeopleRules) -> str:
    """Whom a provider means, 128 bits, and under which settings they were let in."""
    return subject_of(issuer, subject)[:32] + rules_digest(issuer, rules)


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names with dots between them; None for none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def person_of(issuer: str, claims: Mapping[str, Any], rules: PeopleRules) -> Person:
    """Who somebody is.

    Args:
        claims: what the provider says of them, verified; `sub` is there.

    Raises:
        ForbiddenError: they are in no group that may do anything.
    """
    groups = _groups(claim(claims, rules.roles_claim))
    grants: frozenset[Grant] = frozenset()
    for members, may in (
        (rules.readers, READING),
        (rules.editors, EDITING),
        (rules.admins, EVERYTHING),
    ):
        if groups & members:
            grants |= may
    name = _name(claims, rules.name_claim)
    if not grants:
        raise ForbiddenError(
            f"none of the groups of {name} may use this dashboard",
            hint="ask whoever runs it to add a group of yours to admin.dashboard.oidc.roles",
        )
    return Person(name=name, subject=subject_under(issuer, claims["sub"], rules), grants=grants)


def _groups(value: Any) -> frozenset[str]:
    """Groups as a list of texts, or as one."""
    if isinstance(value, str):
        return frozenset({value})
    if not isinstance(value, list):
        return frozenset()
    return frozenset(one for one in value[:_MAX_GROUPS] if isinstance(one, str))


def _name(claims: Mapping[str, Any], wanted: str) -> str:
    value = claim(claims, wanted)
    if wanted == "email" and claims.get("email_verified") in {False, "false"}:
        value = None
    name = value if isinstance(value, str) and value.strip() else str(claims["sub"])
    shown = "".join(one if one.isprintable() else " " for one in name)
    return " ".join(shown.split())[:_MAX_NAME] or "nameless"
