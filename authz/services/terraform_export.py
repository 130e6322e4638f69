# SPDX-License-Identifier: Apache-2.0
"""What the store has, as configuration of Cloudflare's Terraform provider (version 5).

Every resource has an `import` block with the identifier that the provider wants, so that the first
plan takes over what is there and changes nothing. Attributes are those that the API gives back and
people write; what is computed stays out. What the provider cannot say is a comment. Text that the
provider compares is here to the letter as the API gives it.
https://github.com/cloudflare/terraform-provider-cloudflare/tree/main/docs
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.rules import ListKind
from authz.services.authorities import managed_of
from authz.services.checking import lists_named_by
from authz.services.cloudflare_export import export_store
from authz.services.hcl import Lines, Reference, block, identifier
from authz.services.list_values import GivenHostname, GivenItem, judge_items
from authz.sources.cloudflare_document import CUSTOM_RULES
from authz.store.certificates import CertificateQuery
from authz.store.records import AuthorityKind, CertificateStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.sources.cloudflare_document import (
        AccountObject,
        ItemObject,
        ListObject,
        RulesetObject,
        ZoneObject,
    )
    from authz.store.engine import Store

#: Kinds of list that Cloudflare does not have, and its provider refuses.
_OWN_KINDS: Final = frozenset({"string", "integer"})

_RULESET: Final = "cloudflare_ruleset"
_HOSTS: Final = "cloudflare_certificate_authorities_hostname_associations"
_CLIENT: Final = "cloudflare_client_certificate"

_AT_ONCE: Final = 1000

_HEAD: Final = """\
# CLOUDFLARE_BASE_URL is the address of this service (…/client/v4), CLOUDFLARE_API_TOKEN a token of
# its own.
terraform {
  required_version = ">= 1.5"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.0"
    }
  }
}

provider "cloudflare" {}
"""


@dataclass(kw_only=True)
class _Writer:
    """Blocks of one file, and the names that resources have."""

    taken: set[tuple[str, str]]
    blocks: list[str] = field(default_factory=list)

    def name(self, kind: str, wanted: str) -> str:
        """A free name for a resource."""
        name = identifier(wanted, (one for of, one in self.taken if of == kind))
        self.taken.add((kind, name))
        return name

    def add(self, kind: str, name: str, import_id: str, body: Mapping[str, Any]) -> None:
        """A resource, and the block that imports it."""
        to = Reference(f"{kind}.{name}")
        self.blocks.append(block("import", body={"to": to, "id": import_id}))
        self.blocks.append(block("resource", kind, name, body=body))

    def note(self, text: str) -> None:
        """Something for people to know."""
        self.blocks.append(f"# {text}\n")

    @property
    def text(self) -> str:
        return "\n".join(self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the files name besides what is exported.

    Args:
        managed: the authorities whose keys are here, and the zone that each is meant in when an
            association names none, or None.
        of_policies: the lists that came with policy files.
        authorities, lists: resources, by the identifier of an authority and the name of a list.
    """

    managed: Mapping[str, str | None]
    of_policies: frozenset[str]
    authorities: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


def export_terraform(
    store: Store, zones: Sequence[str] = (), *, client_certificates: bool = False
) -> dict[str, str]:
    """Files by their names: the provider, what the account shares, and each zone.

    Args:
        client_certificates: those that are active as well. What Terraform has it may end: a
            resource that is removed is a certificate that is revoked.

    Raises:
        NotFoundError: there is no zone of a name.
    """
    read = export_store(store, zones)
    known = _known(store)
    taken: set[tuple[str, str]] = set()
    files = {"provider.tf": _HEAD}
    for account in read.accounts:
        writer = _Writer(taken=taken)
        _account(writer, account, known)
        if writer.blocks:
            files["account.tf"] = writer.text
    for zone in read.zones:
        writer = _Writer(taken=taken)
        zone_id = _zone(writer, zone, known)
        stem = identifier(zone.name, _stems(files))
        files[f"zone_{stem}.tf"] = writer.text
        if client_certificates:
            writer = _Writer(taken=taken)
            _clients(writer, store, zone, zone_id)
            if writer.blocks:
                files[f"certificates_{stem}.tf"] = writer.text
    return files


def _stems(files: Mapping[str, str]) -> list[str]:
    return [name.removeprefix("zone_").removesuffix(".tf") for name in files]


def _known(store: Store) -> _Known:
    with store.read() as session:
        managed: dict[str, str | None] = {
            one.id: None for one in session.authorities.all() if one.kind is AuthorityKind.MANAGED
        }
        for zone in session.zones.all():
            meant = managed_of(session, zone.id)
            managed |= {} if meant is None else {meant.id: zone.id}
        lists = frozenset(one.id for one in session.lists.all() if one.zone_id is not None)
    return _Known(managed=managed, of_policies=lists)


def _account(writer: _Writer, account: AccountObject, known: _Known) -> None:
    for one in account.lists:
        _list(writer, account, one, known)
    for certificate in account.mtls_certificates:
        if certificate.id in known.managed:
            continue
        kind = "cloudflare_mtls_certificate"
        name = writer.name(kind, certificate.name or certificate.id)
        known.authorities[certificate.id] = f"{kind}.{name}.id"
        body: dict[str, Any] = {
            "account_id": account.id,
            "ca": True,
            "certificates": Lines(certificate.certificates),
        }
        if certificate.name:
            body["name"] = certificate.name
        writer.add(kind, name, f"{account.id}/{certificate.id}", body)
    for ruleset in account.rulesets:
        _ruleset(writer, ruleset, known, "account", account.id, "account")


def _list(writer: _Writer, account: AccountObject, one: ListObject, known: _Known) -> None:
    if one.id in known.of_policies:
        writer.note(f"The list {one.name} is that of a policy file: change it there.")
        return
    if one.kind in _OWN_KINDS:
        writer.note(f"The list {one.name} is of the kind {one.kind}, which the provider lacks.")
        return
    if not _is_takeable(one):
        writer.note(f"The list {one.name} has items that the provider does not take.")
        return
    kind = "cloudflare_list"
    body: dict[str, Any] = {"account_id": account.id, "kind": one.kind, "name": one.name}
    if one.description:
        body["description"] = one.description
    # An empty list is imported as one whose items nobody manages.
    if one.items:
        body["items"] = [_item(each) for each in one.items]
    name = writer.name(kind, one.name)
    known.lists[one.name] = f"{kind}.{name}"
    writer.add(kind, name, f"{account.id}/{one.id}", body)


def _item(one: ItemObject) -> dict[str, Any]:
    item: dict[str, Any] = {"ip": one.ip}
    if one.hostname is not None:
        item = {"hostname": one.hostname.model_dump(exclude_none=True)}
    elif one.asn is not None:
        item = {"asn": one.asn}
    return item | ({"comment": one.comment} if one.comment else {})


def _is_takeable(one: ListObject) -> bool:
    """Whether all items are written as the API would write them: not so in old policy files."""
    given = [
        GivenItem(
            ip=each.ip,
            asn=each.asn,
            hostname=GivenHostname(url_hostname=each.hostname.url_hostname)
            if each.hostname
            else None,
        )
        for each in one.items
    ]
    judged = judge_items(ListKind(one.kind), given)
    written = [
        each.hostname.url_hostname if each.hostname else str(each.asn or each.ip)
        for each in one.items
    ]
    # Only wildcards may say whether they have the name itself.
    fits = all(
        each.hostname.exclude_exact_hostname is None or each.hostname.url_hostname.startswith("*.")
        for each in one.items
        if each.hostname
    )
    return fits and [each.value for each in judged.items] == written


def _zone(writer: _Writer, zone: ZoneObject, known: _Known) -> Reference:
    name = writer.name("cloudflare_zone", zone.name)
    writer.add(
        "cloudflare_zone",
        name,
        zone.id,
        {"account": {"id": zone.account.id}, "name": zone.name, "type": "full"},
    )
    zone_id = Reference(f"cloudflare_zone.{name}.id")
    for one in zone.hostname_associations:
        authority = one.mtls_certificate_id or ""
        mine = known.managed.get(authority) == zone.id
        if authority in known.managed and not mine:
            writer.note(
                f"{', '.join(one.hostnames)}: of a further authority whose key is here "
                f"({authority}), which the provider cannot name."
            )
            continue
        body: dict[str, Any] = {"zone_id": zone_id, "hostnames": one.hostnames}
        import_id = zone.id
        if not mine:
            body["mtls_certificate_id"] = Reference(known.authorities[authority])
            import_id = f"{zone.id}/{authority}"
        writer.add(_HOSTS, writer.name(_HOSTS, zone.name), import_id, body)
    for ruleset in zone.rulesets:
        _ruleset(writer, ruleset, known, "zone", zone.id, zone.name, zone_id)
    return zone_id


def _clients(writer: _Writer, store: Store, zone: ZoneObject, zone_id: Reference) -> None:
    """The client certificates of a zone that are active; by the text of their requests."""
    with store.read() as session:
        query = CertificateQuery(zone_id=zone.id, status=CertificateStatus.ACTIVE)
        before: int | None = None
        while found := session.certificates.find(query, most=_AT_ONCE, before=before):
            before = found[-1].number
            for one in found:
                if not one.csr:
                    writer.note(f"{one.common_name} ({one.id}): its key was made here.")
                    continue
                body = {
                    "zone_id": zone_id,
                    "csr": Lines(one.csr),
                    "validity_days": one.validity_days,
                }
                name = writer.name(_CLIENT, one.common_name or one.id)
                writer.add(_CLIENT, name, f"{zone.id}/{one.id}", body)


def _ruleset(
    writer: _Writer,
    ruleset: RulesetObject,
    known: _Known,
    scope: str,
    scope_id: str,
    scope_name: str,
    reference: Reference | None = None,
) -> None:
    wanted = scope_name if ruleset.phase == CUSTOM_RULES else f"{scope_name}_{ruleset.phase}"
    body: dict[str, Any] = {
        f"{scope}_id": reference or scope_id,
        "kind": ruleset.kind,
        "name": ruleset.name,
        "phase": ruleset.phase,
    }
    if ruleset.description:
        body["description"] = ruleset.description
    rules = ruleset.rules or []
    body["rules"] = [_rule(one) for one in rules]
    # Expressions name lists by their names: without this, Terraform does not know that it must
    # make them before, and may not remove them first.
    named = lists_named_by(str(one.get("expression", "")) for one in rules)
    needed = [Reference(known.lists[name]) for name in sorted(named & known.lists.keys())]
    if needed:
        body["depends_on"] = needed
    unsaid = [one["ref"] for one in rules if "phase" in (one.get("action_parameters") or ())]
    if unsaid:
        writer.note(
            f'{", ".join(unsaid)}: the provider does not know phase = "current"; ruleset = '
            '"current" does the same, and is written by the first apply.'
        )
    import_id = f"{scope}s/{scope_id}/{ruleset.id}"
    writer.add(_RULESET, writer.name(_RULESET, wanted), import_id, body)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as the provider has it: it keeps its identifier by its `ref`."""
    written = {"ref": rule["ref"]}
    if rule.get("description"):
        written["description"] = rule["description"]
    written |= {key: rule[key] for key in ("expression", "action")}
    if rule.get("action_parameters"):
        parameters = dict(rule["action_parameters"])
        if parameters.pop("phase", None):
            parameters["ruleset"] = "current"
        written["action_parameters"] = parameters
    written["enabled"] = rule.get("enabled", True)
    if rule["action"] == "skip":
        # The API gives it back for these rules whether it was written or not.
        written["logging"] = rule.get("logging") or {"enabled": True}
    return written
