# SPDX-License-Identifier: Apache-2.0
"""What an import needs, read through Cloudflare's API: zones, and what their accounts share.

Only GET calls. Entry points of every phase are read, so that the report can say what stays behind.
Zones of this service tell their settings, which Cloudflare's do not have: then its further calls
are made as well, so that nothing is lost between two of its stores but keys, and what its API does
not tell (`authz export json` does): CRL addresses of uploaded authorities, and serial numbers that
were revoked without a certificate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.errors import PolicyError
from authz.sources.cloudflare_document import (
    ENTRY_POINTS,
    SIGNING,
    AccountObject,
    AssociationObject,
    ClientCertificateObject,
    EmbeddedObject,
    ExportDocument,
    ItemObject,
    ListObject,
    MtlsCertificateObject,
    RulesetObject,
    SettingsObject,
    ZoneObject,
    checked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    zones_read = [checked(ZoneObject, _with_settings(one), "GET /zones") for one in found]
    accounts = {
        account_id: _account(client, account_id, name)
        for account_id, name in {
            one.account.id: one.account.name for one in zones_read if one.account.id
        }.items()
    }
    uploaded = {
        one.id: [each.id for each in one.mtls_certificates if each.ca] for one in accounts.values()
    }
    read: list[ZoneObject] = []
    for one in zones_read:
        account_id = one.account.id or ""
        # None is the authority that Cloudflare manages.
        asked: list[str | None] = [None]
        if one.settings is not None and account_id in accounts:
            embedded = list(_embedded(client, one))
            asked = [each.id for each in embedded]
            account = accounts[account_id]
            together = [*account.mtls_certificates, *embedded]
            accounts[account_id] = account.model_copy(update={"mtls_certificates": together})
        read.append(_zone(client, one, [*asked, *uploaded.get(account_id, [])]))
    return ExportDocument(source=client.base, accounts=list(accounts.values()), zones=read)


def _with_settings(zone: dict[str, Any]) -> dict[str, Any]:
    """A zone with its settings, where it is one of this service."""
    names = SettingsObject.model_fields
    if not all(name in zone for name in names):
        return zone
    return {**zone, "settings": {name: zone[name] for name in names}}


def _embedded(client: CloudflareClient, zone: ZoneObject) -> Iterator[MtlsCertificateObject]:
    """The authorities of a zone whose keys are there, as ones to trust."""
    call = f"/zones/{zone.id}/certificate_authorities"
    for one in client.single(call):
        found = checked(EmbeddedObject, one, f"GET {call}")
        signing = [each for each in found.certificates if each.role in SIGNING]
        # Nobody knows what else stands below a root whose key is elsewhere (services.model).
        alone = bool(signing) and not all(each.has_private_key for each in found.certificates)
        yield MtlsCertificateObject(
            id=found.id,
            name=found.name,
            ca=True,
            certificates="".join(
                each.certificate for each in (signing if alone else found.certificates)
            ),
            type=UPLOADED,
            revocation=found.revocation,
            crl_urls=found.sources.crl_urls,
            ocsp=found.sources.ocsp,
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


def _zone(
    client: CloudflareClient, zone: ZoneObject, authorities: Sequence[str | None]
) -> ZoneObject:
    """A zone with what is below it, and the hosts that ask for these authorities."""
    path = f"/zones/{zone.id}"
    hosts = f"{path}/certificate_authorities/hostname_associations"
    associations: list[AssociationObject] = []
    for authority in authorities:
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
