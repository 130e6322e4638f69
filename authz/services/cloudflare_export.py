# SPDX-License-Identifier: Apache-2.0
"""What the store has, as what was read of Cloudflare: the format of a saved export.

`import cloudflare --file` of it makes the same in another store, and changes nothing in this one.
Private keys stay here: an authority whose key is here comes along as one to trust. So do client
certificates, as far as they are public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.certs.pem import write_pem
from authz.services.authority_creation import given_name
from authz.services.cloudflare_lists import as_sent
from authz.services.cloudflare_trust import trusted_certificates
from authz.services.context import account_of, zone_of
from authz.services.list_values import excludes_exact
from authz.services.representation import certificate_object, serial_hex
from authz.sources.cloudflare_document import (
    AccountObject,
    AssociationObject,
    ClientCertificateObject,
    ExportDocument,
    HostnameObject,
    ItemObject,
    ListObject,
    MtlsCertificateObject,
    NamedObject,
    RevokedObject,
    RulesetObject,
    SettingsObject,
    ZoneObject,
    checked,
)
from authz.store.certificates import CertificateQuery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.store.engine import Store
    from authz.store.records import Authority, ClientCertificate, List, ListItem, Ruleset, Zone
    from authz.store.session import Session

_AT_ONCE: Final = 1000


def export_store(store: Store, zones: Sequence[str] = (), *, source: str = "") -> ExportDocument:
    """Everything of these zones, or of all, with what the account shares.

    Raises:
        NotFoundError: there is no zone of a name.
    """
    with store.read() as session:
        wanted = [zone_of(session, one) for one in zones] or session.zones.all()
        account = account_of(session)
        return ExportDocument(
            source=source,
            accounts=[
                AccountObject(
                    id=account.id,
                    name=account.name,
                    rulesets=[
                        _ruleset(session, one)
                        for one in session.rulesets.all(account_id=account.id)
                    ],
                    lists=[_list(one, session.lists.items(one.id)) for one in session.lists.all()],
                    mtls_certificates=[
                        _authority(session, one) for one in session.authorities.all()
                    ],
                )
            ],
            zones=[_zone(session, one) for one in wanted],
        )


def _ruleset(session: Session, one: Ruleset) -> RulesetObject:
    version = session.rulesets.version(one.id, one.version)
    return RulesetObject(
        id=one.id,
        name=one.name,
        description=one.description,
        kind=one.kind,
        phase=one.phase,
        version=str(one.version),
        rules=[] if version is None else list(version.rules),
    )


def _list(one: List, items: Sequence[ListItem]) -> ListObject:
    return ListObject(
        id=one.id,
        name=one.name,
        kind=one.kind,
        description=one.description,
        items=[_item(one.kind, each) for each in items],
    )


def _item(kind: str, item: ListItem) -> ItemObject:
    comment = item.comment or None
    if kind == "hostname":
        exact = excludes_exact(item.value, item.exclude_exact)
        name = HostnameObject(url_hostname=item.value, exclude_exact_hostname=exact)
        return ItemObject(hostname=name, comment=comment)
    if kind == "asn":
        return ItemObject(asn=int(as_sent(kind, item.value)), comment=comment)
    if kind == "integer":
        return ItemObject(integer=int(item.value), comment=comment)
    if kind == "ip":
        return ItemObject(ip=item.value, comment=comment)
    return ItemObject(string=item.value, comment=comment)


def _authority(session: Session, one: Authority) -> MtlsCertificateObject:
    issued = session.revocations.entries(one.id, but_issued=True)
    text = session.authorities.texts(one.id).get(one.id)
    return MtlsCertificateObject(
        id=one.id,
        name=given_name(one),
        ca=True,
        certificates=text
        or "".join(
            write_pem(each.der, "CERTIFICATE")
            for each in trusted_certificates(session.authorities.certificates(one.id))
        ),
        type="custom",
        revoked=[
            RevokedObject(serial_number=serial_hex(f"{serial:X}"), reason=reason)
            for serial, _, reason in issued
        ],
        revocation=one.revocation,
        crl_urls=list(one.sources.crl_urls),
        ocsp=one.sources.ocsp,
    )


def _zone(session: Session, zone: Zone) -> ZoneObject:
    names = {one.id: one.name for one in session.authorities.all()}
    asked: dict[str, list[str]] = {}
    for host in session.hosts.all(zone.id):
        asked.setdefault(host.authority_id, []).append(host.hostname)
    account = next(one for one in session.zones.accounts() if one.id == zone.account_id)
    return ZoneObject(
        id=zone.id,
        name=zone.name,
        account=NamedObject(id=account.id, name=account.name),
        rulesets=[_ruleset(session, one) for one in session.rulesets.all(zone_id=zone.id)],
        client_certificates=[
            checked(
                ClientCertificateObject,
                certificate_object(one, names[one.authority_id]),
                "client certificate",
            )
            for one in _issued(session, zone)
        ],
        hostname_associations=[
            AssociationObject(mtls_certificate_id=authority_id, hostnames=hostnames)
            for authority_id, hostnames in asked.items()
        ],
        settings=SettingsObject(
            default_action=zone.default_action,
            paths=zone.paths,
            misdirected=zone.misdirected,
            upstream_headers=list(zone.upstream_headers),
        ),
    )


def _issued(session: Session, zone: Zone) -> Iterator[ClientCertificate]:
    """The client certificates of a zone, the latest first."""
    query = CertificateQuery(zone_id=zone.id)
    before: int | None = None
    while found := session.certificates.find(query, most=_AT_ONCE, before=before):
        yield from found
        before = found[-1].number
