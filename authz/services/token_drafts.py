# SPDX-License-Identifier: Apache-2.0
"""Whether the policies that somebody asks for can be kept: groups and resources that there are.

Nothing is accepted that would silently allow nothing: a group has to apply to a resource of its
policy. Whether whoever asks may give all that is decided in `tokens`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError
from authz.services.context import account_of, new_id
from authz.services.permissions import GROUP_OF, Grant, Scope
from authz.services.token_policies import (
    EVERY,
    Policy,
    PolicyDraft,
    ResourceName,
    drafts_for,
    id_in,
    names_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.store.session import Session

_RESOURCES: Final = (
    'write "com.cloudflare.api.account.zone.<id>": "*" for a zone, '
    '"com.cloudflare.api.account.<id>": {"com.cloudflare.api.account.zone.*": "*"} for every zone, '
    '"com.cloudflare.api.account.<id>": "*" for the account, '
    '"com.cloudflare.api.user.<id>": "*" for API tokens'
)
_GROUPS: Final = "GET /user/tokens/permission_groups lists them"


def checked_policies(
    session: Session, granted: Iterable[Grant | PolicyDraft], known: Sequence[Policy] = ()
) -> tuple[Policy, ...]:
    """Policies for what somebody asked for; those that were there already keep their identifiers.

    Raises:
        InvalidInputError: there is no such group or resource, or a group applies to none of the
            resources; `where` is the place in the API's body (RFC 6901).
    """
    grants: set[Grant] = set()
    drafts: list[PolicyDraft] = []
    for number, one in enumerate(granted):
        if isinstance(one, Grant):
            grants.add(one)
        else:
            _check(session, one, f"/policies/{number}")
            drafts.append(one)
    drafts += drafts_for(grants, account_of(session).id)
    if not drafts:
        raise InvalidInputError(
            "the token may do nothing", hint="give it a policy", where="/policies"
        )
    free = list(known)
    made = []
    for draft in drafts:
        groups = tuple(dict.fromkeys(draft.groups))
        same = next(
            (one for one in free if one.groups == groups and one.resources == draft.resources), None
        )
        if same is not None:
            free.remove(same)
        made.append(
            Policy(
                id=new_id() if same is None else same.id, groups=groups, resources=draft.resources
            )
        )
    return tuple(made)


def _check(session: Session, draft: PolicyDraft, where: str) -> None:
    names = list(names_in(draft.resources))
    for name in names:
        _check_resource(session, name, where)
    if not names:
        raise InvalidInputError(
            "the policy is for no resource", hint=_RESOURCES, where=f"{where}/resources"
        )
    if not draft.groups:
        raise InvalidInputError(
            "the policy has no permission group", hint=_GROUPS, where=f"{where}/permission_groups"
        )
    scopes = {name.scope for name in names}
    for number, one in enumerate(draft.groups):
        place = f"{where}/permission_groups/{number}/id"
        group = GROUP_OF.get(one)
        if group is None:
            raise InvalidInputError(
                f'there is no permission group "{one[:100]}" here', hint=_GROUPS, where=place
            )
        if group.scope not in scopes:
            raise InvalidInputError(
                f'"{group.name}" applies to none of the resources of its policy',
                hint=f"it is of {group.scope}: {_RESOURCES}",
                where=place,
            )


def _check_resource(session: Session, name: ResourceName, where: str) -> None:
    place = f"{where}/resources/" + "/".join(
        key.replace("~", "~0").replace("/", "~1") for key in name.keys
    )
    if name.scope is None:
        raise InvalidInputError(
            f'"{name.keys[-1][:100]}" is no resource here, or its value is not "{EVERY}"',
            hint=_RESOURCES,
            where=place,
        )
    # There are no users: the account stands for the one that there is.
    others = [id_in(key) for key in name.keys[:-1]]
    if name.scope is Scope.ZONE:
        if name.id != EVERY and session.zones.get(name.id) is None:
            raise InvalidInputError(
                f"there is no zone {name.id}", hint="GET /zones lists them", where=place
            )
    else:
        others.append(name.id)
    for one in others:
        if one not in {EVERY, account_of(session).id}:
            what = "user" if name.scope is Scope.USER else "account"
            raise InvalidInputError(
                f"there is no {what} {one}", hint="GET /user and GET /accounts say", where=place
            )
