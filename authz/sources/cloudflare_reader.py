# SPDX-License-Identifier: Apache-2.0
"""What an import needs, read through Cloudflare's API: zones, and what their accounts share.

Only GET calls. Entry points of every phase are read, so that the report can say what stays behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.errors import PolicyError
from authz.sources.cloudflare_document import (
    ENTRY_POINTS,
    AccountObject,
    AssociationObject,
    ClientCertificateObject,
    ExportDocument,
    ItemObject,
    ListObject,
    MtlsCertificateObject,
    RulesetObject,
    ZoneObject,
    checked,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.sources.cloudflare_client import CloudflareClient

#: Who else uploads certificates to an account: nothing that hosts ask for.
UPLOADED: Final = "custom"

_ITEMS: Final = 500


def read_cloudflare(client: CloudflareClient, names: Sequence[str] = ()) -> ExportDocument:
    """Everything of the zones of these names, or of all that the token sees.

    Raises:
        FetchError: a call failed.
        PolicyError: an answer is not what Cloudflare documents, or there is no zone of a name.
    """
    found: list[dict[str, Any]] = []
    for name in names or [""]:
        wanted = {"name": name.lower().removesuffix(".")} if name else {}
        zones = list(client.pages("/zones", **wanted))
        if not zones:
            raise PolicyError(
                f'the token sees no zone "{name}"' if name else "the token sees no zone",
                where=client.base,
                hint="is the name right, and may the token read that zone (Zone / Zone / Read)?",
            )
        found += [one for one in zones if one not in found]
    zones_read = [checked(ZoneObject, one, "GET /zones") for one in found]
    accounts = [
        _account(client, account_id, name)
        for account_id, name in {
            one.account.id: one.account.name for one in zones_read if one.account.id
        }.items()
    ]
    authorities = {
        one.id: [each.id for each in one.mtls_certificates if each.ca] for one in accounts
    }
    return ExportDocument(
        source=client.base,
        accounts=accounts,
        zones=[_zone(client, one, authorities.get(one.account.id or "", [])) for one in zones_read],
    )


def _account(client: CloudflareClient, account_id: str, name: str | None) -> AccountObject:
    path = f"/accounts/{account_id}"
    lists = [
        checked(ListObject, one, f"GET {path}/rules/lists")
        for one in client.single(f"{path}/rules/lists")
    ]
    return AccountObject(
        id=account_id,
        name=name,
        rulesets=_rulesets(client, path),
        lists=[one.model_copy(update={"items": _items(client, path, one)}) for one in lists],
        mtls_certificates=[
            checked(MtlsCertificateObject, one, f"GET {path}/mtls_certificates")
            for one in client.single(f"{path}/mtls_certificates")
        ],
    )


def _items(client: CloudflareClient, path: str, one: ListObject) -> list[ItemObject]:
    call = f"{path}/rules/lists/{one.id}/items"
    return [
        checked(ItemObject, item, f"GET {call}") for item in client.cursors(call, per_page=_ITEMS)
    ]


def _zone(client: CloudflareClient, zone: ZoneObject, authorities: Sequence[str]) -> ZoneObject:
    path = f"/zones/{zone.id}"
    hosts = f"{path}/certificate_authorities/hostname_associations"
    associations: list[AssociationObject] = []
    for authority in (None, *authorities):
        query = {"mtls_certificate_id": authority} if authority else {}
        found = checked(AssociationObject, client.get(hosts, **query) or {}, f"GET {hosts}")
        if found.hostnames:
            associations.append(found.model_copy(update={"mtls_certificate_id": authority}))
    certificates = [
        checked(ClientCertificateObject, one, f"GET {path}/client_certificates")
        for one in client.pages(f"{path}/client_certificates", status="all")
    ]
    return zone.model_copy(
        update={
            "rulesets": _rulesets(client, path),
            "client_certificates": certificates,
            "hostname_associations": associations,
        }
    )


def _rulesets(client: CloudflareClient, path: str) -> list[RulesetObject]:
    """The entry points, with their rules; managed rulesets are Cloudflare's own."""
    listed = [
        checked(RulesetObject, one, f"GET {path}/rulesets")
        for one in client.cursors(f"{path}/rulesets", per_page=50)
    ]
    return [
        checked(RulesetObject, client.get(call), f"GET {call}")
        for one in listed
        if one.kind in ENTRY_POINTS
        for call in [f"{path}/rulesets/{one.id}"]
    ]
