# SPDX-License-Identifier: Apache-2.0
"""Who did what: `/accounts/…/audit_logs`, the same of `/user`, and `/accounts/…/logs/audit`.

The last is Cloudflare's second version of the call. Of addresses, and of what a request was like,
nothing is kept: a filter by them is refused, for what it would show is not what was asked for.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from authz.api.calls import Call, account_call, user_call
from authz.api.envelope import ok
from authz.api.models.audit_logs import AuditEntries, AuditLogQuery, AuditLogs, AuditQuery
from authz.api.refusals import refused
from authz.services.audit_log import AuditFilter, find_entries, verb_of
from authz.services.permissions import Level, Resource
from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.services.audit_log import AuditPage
    from authz.store.records import AuditEntry

router = APIRouter(tags=["Audit logs"])

#: Filters of Cloudflare's that nothing is kept for.
_UNKNOWN: Final = (
    "account_name",
    "action_result",
    "actor.ip",
    "actor_context",
    "actor_ip_address",
    "actor_token_id",
    "actor_token_name",
    "actor_type",
    "product_category",
    "raw_cf_ray_id",
    "raw_method",
    "raw_status_code",
    "raw_uri",
    "resource_product",
    "resource_scope",
)
#: As services.permissions.Principal.actor writes it.
_TOKEN: Final = re.compile(r"token (.*) \([0-9a-f]{8}\)", re.DOTALL)
#: What only concerns who may call the API.
_USER_LEVEL: Final = ("token",)


@router.get("/accounts/{account_id}/audit_logs", response_model=AuditLogs)
def list_for_account(
    request: Request,
    query: Annotated[AuditLogQuery, Query()],
    call: Annotated[Call, account_call(Resource.AUDIT, Level.READ)],
) -> dict[str, Any]:
    """Entries of the audit log, page by page."""
    return _page(request, query, call)


@router.get("/user/audit_logs", response_model=AuditLogs)
def list_for_user(
    request: Request,
    query: Annotated[AuditLogQuery, Query()],
    call: Annotated[Call, user_call(Resource.AUDIT, Level.READ)],
) -> dict[str, Any]:
    """The same as for the account: there are no users but whoever has a token."""
    return _page(request, query, call)


@router.get(
    "/accounts/{account_id}/logs/audit",
    response_model=AuditEntries,
    response_model_exclude_unset=True,
)
def list_entries(
    request: Request,
    query: Annotated[AuditQuery, Query()],
    call: Annotated[Call, account_call(Resource.AUDIT, Level.READ)],
) -> dict[str, Any]:
    """Entries of the audit log, behind a cursor."""
    _refuse_unknown(request)
    found = find_entries(
        call.store,
        AuditFilter(
            only=_given(query, ""), but=_given(query, "not_"), since=query.since, until=query.before
        ),
        most=query.limit,
        oldest_first=query.direction == "asc",
        cursor=query.cursor or None,
    )
    return ok(
        [_told(one, found) for one in found.entries],
        result_info={
            "count": len(found.entries),
            "cursors": {} if found.cursor is None else {"after": found.cursor},
        },
    )


def _page(request: Request, query: AuditLogQuery, call: Call) -> dict[str, Any]:
    _refuse_unknown(request)
    if query.export:
        raise refused("query export: there is no CSV; ask for pages of JSON")
    wanted = {
        "id": query.id,
        "action": query.action_type,
        "actor": query.actor_email,
        "zone_name": query.zone_name,
    }
    found = find_entries(
        call.store,
        AuditFilter(
            only={name: (value,) for name, value in wanted.items() if value is not None},
            but={"object_type": _USER_LEVEL} if query.hide_user_logs else {},
            since=query.since,
            until=query.before,
        ),
        most=query.per_page,
        oldest_first=query.direction == "asc",
        skip=(query.page - 1) * query.per_page,
    )
    if found.cut:
        raise refused(
            "query per_page: the entries of this page are too long together; ask for fewer"
        )
    return ok(
        [_object(one, found) for one in found.entries],
        result_info={
            "page": query.page,
            "per_page": query.per_page,
            "count": len(found.entries),
        },
    )


def _refuse_unknown(request: Request) -> None:
    for name in request.query_params:
        if name.removesuffix(".not") in _UNKNOWN:
            raise refused(f"query {name}: this is not kept, so nothing can be found by it")


def _given(query: AuditQuery, prefix: str) -> dict[str, tuple[str, ...]]:
    """What was asked for, by the names of `AuditFilter`."""
    names = {
        "id": ("id", "audit_log_id"),
        "action": ("action_type",),
        "actor": ("actor_id", "actor_email"),
        "object_id": ("resource_id",),
        "object_type": ("resource_type",),
        "zone_id": ("zone_id",),
        "zone_name": ("zone_name",),
    }
    found = {
        ours: tuple(value for name in theirs for value in getattr(query, prefix + name))
        for ours, theirs in names.items()
    }
    return {name: values for name, values in found.items() if values}


def _object(entry: AuditEntry, page: AuditPage) -> dict[str, Any]:
    zone: dict[str, Any] = {}
    if entry.zone_id is not None:
        zone = {"zone_id": entry.zone_id, "zone_name": page.zones.get(entry.zone_id)}
    return {
        "id": entry.id,
        "action": {"result": True, "type": entry.action},
        "actor": {"id": entry.actor, "email": entry.actor, "type": "user"},
        "interface": "API" if _TOKEN.fullmatch(entry.actor) else "CLI",
        "metadata": zone,
        "newValue": _text(entry.after),
        "oldValue": _text(entry.before),
        "newValueJson": entry.after,
        "oldValueJson": entry.before,
        "owner": {"id": page.account.id},
        "resource": {"id": entry.object_id, "type": entry.object_type},
        "when": rfc3339(entry.at),
    }


def _told(entry: AuditEntry, page: AuditPage) -> dict[str, Any]:
    token = _TOKEN.fullmatch(entry.actor)
    actor: dict[str, Any] = {"id": entry.actor, "email": entry.actor, "type": "user"}
    if token is not None:
        actor |= {"context": "api_token", "token_name": token[1]}
    told: dict[str, Any] = {
        "id": entry.id,
        "account": {"id": page.account.id, "name": page.account.name},
        "action": {
            "description": entry.action,
            "result": "success",
            "time": rfc3339(entry.at),
            "type": verb_of(entry.action),
        },
        "actor": actor,
        "resource": {
            "id": entry.object_id,
            "type": entry.object_type,
            "scope": "accounts" if entry.zone_id is None else "zones",
            "request": entry.before,
            "response": entry.after,
        },
    }
    if entry.zone_id is not None:
        told["zone"] = {"id": entry.zone_id, "name": page.zones.get(entry.zone_id)}
    return told


def _text(value: dict[str, Any] | None) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
