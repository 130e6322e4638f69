# SPDX-License-Identifier: Apache-2.0
"""Terraform state (format 4) with resources of Cloudflare's provider, as what was read.

Attributes of version 5 of the provider, and those of version 4 where blocks are only lists of one
element more. State knows what Terraform manages and nothing else. Private keys in it are not read.
https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.errors import PolicyError
from authz.sources.cloudflare_document import (
    AccountObject,
    AssociationObject,
    ClientCertificateObject,
    ExportDocument,
    ItemObject,
    ListObject,
    MtlsCertificateObject,
    NamedObject,
    RulesetObject,
    ZoneObject,
    checked,
    read_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX: Final = "cloudflare_"
_ASSOCIATIONS: Final = "certificate_authorities_hostname_associations"
#: What an action takes; version 4 has every parameter of every action, empty.
_PARAMETERS: Final = {
    "block": ("response",),
    "skip": ("ruleset", "phase", "phases", "products", "rulesets", "rules"),
    "execute": ("id",),
}
_RULE_KEYS: Final = (
    *("id", "ref", "expression", "action", "description", "enabled"),
    *("ratelimit", "exposed_credential_check"),
)


@dataclass(kw_only=True)
class _Found:
    """What was met on the way through the resources, by identifiers of zones, accounts, lists."""

    zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    zone_parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    account_parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: dict[str, list[ItemObject]] = field(default_factory=dict)

    def of_zone(self, zone_id: str, part: str, value: object) -> None:
        self.zone_parts.setdefault(zone_id, {}).setdefault(part, []).append(value)

    def of_account(self, account_id: str, part: str, value: object) -> None:
        self.account_parts.setdefault(account_id, {}).setdefault(part, []).append(value)


def read_state(data: bytes, where: str, names: Mapping[str, str] | None = None) -> ExportDocument:
    """What is in a state file.

    Args:
        names: names of zones by their identifiers, for zones that are no resource of the state.

    Raises:
        PolicyError: it is no state of format 4, or the name of a zone is not known.
    """
    state = read_json(data, where)
    if not isinstance(state, dict) or not isinstance(state.get("resources"), list):
        raise PolicyError(
            "is no Terraform state", where=where, hint="terraform state pull > terraform.tfstate"
        )
    if state.get("version") != 4:
        raise PolicyError(
            f"is of state format {state.get('version')}",
            where=where,
            hint="Terraform 0.12 and later write format 4: terraform state pull",
        )
    found = _Found()
    for kind, attributes, place in _instances(state["resources"], where):
        _take(found, kind, attributes, place)
    return _document(found, where, names or {})


def _instances(resources: list[Any], where: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    for resource in resources:
        kind = resource.get("type") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or not kind.startswith(_PREFIX):
            continue
        managed = resource.get("mode") == "managed"
        if not managed and kind != f"{_PREFIX}zone":
            continue
        for instance in resource.get("instances") or ():
            attributes = instance.get("attributes") if isinstance(instance, dict) else None
            if isinstance(attributes, dict):
                name = f"{resource.get('module', '')}.{kind}.{resource.get('name')}".lstrip(".")
                yield kind.removeprefix(_PREFIX), attributes, f"{where}: {name}"


def _take(found: _Found, kind: str, attributes: dict[str, Any], place: str) -> None:
    zone_id = str(attributes.get("zone_id") or "")
    account_id = str(attributes.get("account_id") or "")
    if kind == "zone":
        account = attributes.get("account")
        owner = account.get("id") if isinstance(account, dict) else attributes.get("account_id")
        found.zones[str(attributes.get("id") or zone_id)] = {
            "name": str(attributes.get("name") or attributes.get("zone") or ""),
            "account": owner,
            "paused": attributes.get("paused") or None,
        }
    elif kind == "ruleset":
        ruleset = checked(RulesetObject, _ruleset(attributes), place)
        if zone_id:
            found.of_zone(zone_id, "rulesets", ruleset)
        else:
            found.of_account(account_id, "rulesets", ruleset)
    elif kind == "list":
        found.of_account(account_id, "lists", checked(ListObject, _list(attributes), place))
    elif kind == "list_item":
        item = checked(ItemObject, _item(attributes), place)
        found.items.setdefault(str(attributes.get("list_id")), []).append(item)
    elif kind == "mtls_certificate":
        certificate = checked(MtlsCertificateObject, _without_null(attributes), place)
        found.of_account(account_id, "mtls_certificates", certificate)
    elif kind == "client_certificate":
        client = checked(ClientCertificateObject, _without_null(attributes), place)
        found.of_zone(zone_id, "client_certificates", client)
    elif kind == _ASSOCIATIONS:
        hosts = _without_null(attributes)
        hosts["mtls_certificate_id"] = hosts.get("mtls_certificate_id") or None
        found.of_zone(zone_id, "hostname_associations", checked(AssociationObject, hosts, place))


def _document(found: _Found, where: str, names: Mapping[str, str]) -> ExportDocument:
    accounts = {
        account_id: AccountObject(id=account_id, **parts)
        for account_id, parts in found.account_parts.items()
    }
    for account_id, account in accounts.items():
        lists = [
            one.model_copy(update={"items": [*one.items, *found.items.get(one.id, [])]})
            for one in account.lists
        ]
        accounts[account_id] = account.model_copy(update={"lists": lists})
    # Most states are of one account, and resources of a zone do not name it.
    only = next(iter(accounts)) if len(accounts) == 1 else None
    zones: list[ZoneObject] = []
    for zone_id in dict.fromkeys([*found.zones, *found.zone_parts]):
        facts = found.zones.get(zone_id, {})
        name = names.get(zone_id) or facts.get("name")
        if not name:
            raise PolicyError(
                f"the state has resources of the zone {zone_id} and not its name",
                where=where,
                hint=f"say it: --zone-name {zone_id}=example.com",
            )
        zones.append(
            ZoneObject(
                id=zone_id,
                name=str(name),
                account=NamedObject(id=facts.get("account") or only),
                paused=facts.get("paused"),
                **found.zone_parts.get(zone_id, {}),
            )
        )
    return ExportDocument(source=where, accounts=list(accounts.values()), zones=zones)


def _ruleset(attributes: dict[str, Any]) -> dict[str, Any]:
    rules = attributes.get("rules")
    return {
        **{key: attributes.get(key) for key in ("name", "description", "kind", "phase")},
        "id": str(attributes.get("id") or ""),
        "rules": [_rule(one) for one in rules or () if isinstance(one, dict)],
    }


def _rule(given: dict[str, Any]) -> dict[str, Any]:
    """A rule as the API has it: without what is null, blocks as objects."""
    rule = {key: value for key in _RULE_KEYS if (value := _plain(given.get(key))) not in (None, "")}
    parameters = _one(given.get("action_parameters")) or {}
    kept = {
        key: value
        for key in _PARAMETERS.get(str(given.get("action")), tuple(parameters))
        if (value := _plain(parameters.get(key))) not in (None, "", [], {})
    }
    if "response" in kept:
        kept["response"] = _one(kept["response"])
    if isinstance(kept.get("rules"), dict):
        # Version 4 has the identifiers as one text.
        kept["rules"] = {
            key: value.split(",") if isinstance(value, str) else value
            for key, value in kept["rules"].items()
        }
    if kept:
        rule["action_parameters"] = kept
    logging = _without_null(_one(given.get("logging")) or {})
    return rule | ({"logging": logging} if logging and given.get("action") == "skip" else {})


def _list(attributes: dict[str, Any]) -> dict[str, Any]:
    blocks = [
        {"comment": one.get("comment"), **(_one(one.get("value")) or {})}
        for one in attributes.get("item") or ()
    ]
    given = [*(attributes.get("items") or ()), *blocks]
    return {
        "id": str(attributes.get("id") or ""),
        "name": attributes.get("name"),
        "kind": attributes.get("kind"),
        "description": attributes.get("description"),
        "items": [_item(one) for one in given],
    }


def _item(given: dict[str, Any]) -> dict[str, Any]:
    item = {
        "ip": given.get("ip") or None,
        "asn": given.get("asn") or None,
        "comment": given.get("comment") or None,
    }
    for key in ("hostname", "redirect"):
        value = _without_null(_one(given.get(key)) or {})
        item[key] = value or None
    return item


def _one(value: Any) -> dict[str, Any] | None:
    """An object, or the only element of a block of version 4."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else None


def _without_null(value: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in value.items() if one is not None}


def _plain(value: Any) -> Any:
    """Without nulls, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
