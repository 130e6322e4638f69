# SPDX-License-Identifier: Apache-2.0
"""What the store has, as configuration of Cloudflare's Terraform provider (version 5).

Every resource has an `import` block with the identifier that the provider wants, so that the first
plan takes over what is there and changes nothing. Attributes are those that the API gives back and
people write; what is computed stays out.
https://registry.terraform.io/providers/cloudflare/cloudflare/latest/docs
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.services.cloudflare_export import export_store
from authz.services.hcl import Lines, Reference, block, identifier
from authz.sources.cloudflare_document import CUSTOM_RULES
from authz.store.records import AuthorityKind, AuthorityStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.sources.cloudflare_document import (
        AccountObject,
        ListObject,
        RulesetObject,
        ZoneObject,
    )
    from authz.store.engine import Store

#: Kinds of list that Cloudflare does not have, and its provider refuses.
_OWN_KINDS: Final = frozenset({"string", "integer"})

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


def export_terraform(store: Store, zones: Sequence[str] = ()) -> dict[str, str]:
    """Files by their names: the provider, what the account shares, and each zone.

    Raises:
        NotFoundError: there is no zone of a name.
    """
    read = export_store(store, zones)
    managed = _managed(store)
    taken: set[tuple[str, str]] = set()
    files = {"provider.tf": _HEAD}
    certificates: dict[str, str] = {}
    for account in read.accounts:
        writer = _Writer(taken=taken)
        _account(writer, account, certificates, frozenset(managed))
        if writer.blocks:
            files["account.tf"] = writer.text
    for zone in read.zones:
        writer = _Writer(taken=taken)
        _zone(writer, zone, certificates, managed)
        files[f"zone_{identifier(zone.name, _stems(files))}.tf"] = writer.text
    return files


def _stems(files: Mapping[str, str]) -> list[str]:
    return [name.removeprefix("zone_").removesuffix(".tf") for name in files]


def _managed(store: Store) -> dict[str, str | None]:
    """The authorities whose keys are here, and the zone whose managed CA each is, None for none.

    A zone's managed CA is its oldest active one: associations name it by leaving the name out.
    """
    with store.read() as session:
        found: dict[str, str | None] = {}
        having: set[str] = set()
        for one in session.authorities.all():
            if one.kind is not AuthorityKind.MANAGED:
                continue
            zone_id = one.zone_id or ""
            first = one.status is AuthorityStatus.ACTIVE and zone_id not in having
            found[one.id] = zone_id if first else None
            having |= {zone_id} if first else set()
    return found


def _account(
    writer: _Writer, account: AccountObject, certificates: dict[str, str], managed: frozenset[str]
) -> None:
    for one in account.lists:
        _list(writer, account, one)
    for certificate in account.mtls_certificates:
        if certificate.id in managed:
            continue
        name = writer.name("cloudflare_mtls_certificate", certificate.name or certificate.id)
        certificates[certificate.id] = f"cloudflare_mtls_certificate.{name}.id"
        writer.add(
            "cloudflare_mtls_certificate",
            name,
            f"{account.id}/{certificate.id}",
            {
                "account_id": account.id,
                "ca": True,
                "certificates": Lines(certificate.certificates),
                "name": certificate.name,
            },
        )
    for ruleset in account.rulesets:
        _ruleset(writer, ruleset, "account", account.id, "account")


def _list(writer: _Writer, account: AccountObject, one: ListObject) -> None:
    if one.kind in _OWN_KINDS:
        writer.note(f"The list {one.name} is of the kind {one.kind}, which the provider lacks.")
        return
    items: list[dict[str, Any]] = []
    for each in one.items:
        if each.hostname is not None:
            item: dict[str, Any] = {"hostname": {"url_hostname": each.hostname.url_hostname}}
        elif each.asn is not None:
            item = {"asn": each.asn}
        else:
            item = {"ip": each.ip}
        items.append(item | ({"comment": each.comment} if each.comment else {}))
    body: dict[str, Any] = {"account_id": account.id, "kind": one.kind, "name": one.name}
    if one.description:
        body["description"] = one.description
    name = writer.name("cloudflare_list", one.name)
    writer.add("cloudflare_list", name, f"{account.id}/{one.id}", body | {"items": items})


def _zone(
    writer: _Writer,
    zone: ZoneObject,
    certificates: Mapping[str, str],
    managed: Mapping[str, str | None],
) -> None:
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
        mine = managed.get(authority) == zone.id
        if authority in managed and not mine:
            writer.note(
                f"{', '.join(one.hostnames)}: of a further authority whose key is here "
                f"({authority}), which the provider cannot name."
            )
            continue
        body: dict[str, Any] = {"zone_id": zone_id, "hostnames": one.hostnames}
        import_id = zone.id
        if not mine:
            body["mtls_certificate_id"] = Reference(certificates[authority])
            import_id = f"{zone.id}/{authority}"
        kind = "cloudflare_certificate_authorities_hostname_associations"
        writer.add(kind, writer.name(kind, zone.name), import_id, body)
    for ruleset in zone.rulesets:
        _ruleset(writer, ruleset, "zone", zone.id, zone.name, zone_id)


def _ruleset(
    writer: _Writer,
    ruleset: RulesetObject,
    scope: str,
    scope_id: str,
    scope_name: str,
    reference: Reference | None = None,
) -> None:
    kind = "cloudflare_ruleset"
    wanted = scope_name if ruleset.phase == CUSTOM_RULES else f"{scope_name}_{ruleset.phase}"
    body: dict[str, Any] = {
        f"{scope}_id": reference or scope_id,
        "kind": ruleset.kind,
        "name": ruleset.name,
        "phase": ruleset.phase,
    }
    if ruleset.description:
        body["description"] = ruleset.description
    body["rules"] = [_rule(one) for one in ruleset.rules or ()]
    writer.add(kind, writer.name(kind, wanted), f"{scope}s/{scope_id}/{ruleset.id}", body)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as the provider has it: it keeps its identifier by its `ref`."""
    written = {"ref": rule["ref"]}
    if rule.get("description"):
        written["description"] = rule["description"]
    written |= {key: rule[key] for key in ("expression", "action")}
    if rule.get("action_parameters"):
        written["action_parameters"] = rule["action_parameters"]
    written["enabled"] = rule.get("enabled", True)
    if rule["action"] == "skip":
        # The API gives it back for these rules whether it was written or not.
        written["logging"] = rule.get("logging") or {"enabled": True}
    return written
