# SPDX-License-Identifier: Apache-2.0
"""Every method of the official SDK that this API serves, by its sync and its async client.

A story is written once: it yields a method by its name and what it is given, and is sent what comes
back, whole lists where the SDK turns pages; a refusal is raised where the call was yielded. Both
clients play all stories over the server that a node runs. What a method does in detail is in the
other test_sdk_ files; here no method of these resources may be missing.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any

import cloudflare
import pytest
from cloudflare._base_client import AsyncPaginator
from cloudflare._resource import SyncAPIResource
from cloudflare.pagination import BaseSyncPage

from authz.demo.pki import make_root
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from tests.contract.sdk_server import SdkServer

    Call = tuple[str, dict[str, Any]]
    Story = Generator[Call, Any, None]

PHASE = "http_request_firewall_custom"
BLOCK = {"ref": "a", "expression": "ssl", "action": "block"}
LOG = {"ref": "b", "expression": "ssl", "action": "log"}

#: The resources that are served: with everything below them, and without.
WHOLE = (
    "audit_logs",
    "certificate_authorities",
    "client_certificates",
    "mtls_certificates",
    "rules",
    "rulesets",
    "user.audit_logs",
    "user.tokens",
)
ALONE = ("accounts", "accounts.logs.audit", "user", "zones")

#: There is one account and one user, and neither is made or removed by a call.
NOT_SERVED = {
    "accounts.delete": {"account_id": "0" * 32},
    "accounts.logs.audit.history": {
        "id": "0" * 32,
        "account_id": "0" * 32,
        "action_time": "2026-01-01T00:00:00Z",
        "before": "2026-01-02",
        "since": "2026-01-01",
    },
    "accounts.logs.audit.product_categories": {"account_id": "0" * 32},
    "user.edit": {"first_name": "Alice"},
}


def zones(server: SdkServer) -> Story:
    account = {"id": server.account_id}
    made = yield "zones.create", {"account": account, "name": "sdk.example", "type": "full"}
    assert (made.name, made.status, made.account.id) == ("sdk.example", "active", account["id"])
    here = {"zone_id": made.id}
    assert (yield "zones.get", here) == made
    listed = yield "zones.list", {"account": account, "order": "name", "per_page": 1}
    assert [one.name for one in listed] == ["default", "sdk.example"]
    with pytest.raises(cloudflare.BadRequestError, match="paused"):
        yield "zones.edit", {**here, "paused": True}
    assert (yield "zones.edit", {**here, "paused": False}) == made
    assert (yield "zones.get", here) == made
    assert (yield "zones.delete", here).id == made.id
    with pytest.raises(cloudflare.NotFoundError):
        yield "zones.get", here


def accounts(server: SdkServer) -> Story:
    here = {"account_id": server.account_id}
    (listed,) = yield "accounts.list", {"direction": "asc", "per_page": 5}
    assert listed.id == server.account_id
    changed = yield (
        "accounts.update",
        {**here, "id": server.account_id, "name": "Acme", "type": "standard"},
    )
    assert changed.name == "Acme"
    assert (yield "accounts.get", here).name == "Acme"
    with pytest.raises(cloudflare.BadRequestError, match="a store has one account"):
        yield "accounts.create", {"name": "another", "type": "standard"}
    assert len((yield "accounts.list", {})) == 1


def certificates(server: SdkServer) -> Story:
    zone = {"zone_id": server.zone_id}
    made = yield (
        "client_certificates.create",
        {**zone, "csr": csr("alice").decode(), "validity_days": 30},
    )
    assert (made.status, made.common_name, made.validity_days) == ("active", "alice", 30)
    here = {**zone, "client_certificate_id": made.id}
    assert (yield "client_certificates.get", here) == made
    assert (yield "client_certificates.list", {**zone, "status": "active"}) == [made]
    assert (yield "client_certificates.delete", here).status == "revoked"
    assert (yield "client_certificates.list", {**zone, "status": "active"}) == []
    assert (yield "client_certificates.edit", {**here, "reactivate": True}) == made


def hosts_and_authorities(server: SdkServer) -> Story:
    account = {"account_id": server.account_id}
    pem = make_root("Own", at=time.time()).pem.decode()
    made = yield (
        "mtls_certificates.create",
        {**account, "ca": True, "certificates": pem, "name": "own"},
    )
    assert (made.ca, made.name, made.certificates) == (True, "own", pem)
    here = {**account, "mtls_certificate_id": made.id}
    found = yield "mtls_certificates.get", here
    assert (found.id, found.serial_number) == (made.id, made.serial_number)
    assert (yield "mtls_certificates.list", {**account, "type": ["custom"]}) == [found]
    assert (yield "mtls_certificates.associations.get", here) == []

    associations = "certificate_authorities.hostname_associations"
    zone = {"zone_id": server.zone_id}
    names = ["b.example.net", "a.example.net"]
    for of in ({}, {"mtls_certificate_id": made.id}):
        changed = yield f"{associations}.update", {**zone, **of, "hostnames": names}
        assert changed.hostnames == names
        assert (yield f"{associations}.get", {**zone, **of}).hostnames == names
    (used,) = yield "mtls_certificates.associations.get", here
    assert used.service
    assert used.status
    with pytest.raises(cloudflare.BadRequestError, match=r"a\.example\.net"):
        yield "mtls_certificates.delete", here
    yield f"{associations}.update", {**zone, "mtls_certificate_id": made.id, "hostnames": []}
    assert (yield f"{associations}.get", zone).hostnames == names
    assert (yield "mtls_certificates.delete", here).id == made.id
    with pytest.raises(cloudflare.NotFoundError):
        yield "mtls_certificates.get", here


def rulesets_of(scope: dict[str, str], kind: str) -> Story:
    made = yield (
        "rulesets.create",
        {**scope, "name": "n", "kind": kind, "phase": PHASE, "rules": [BLOCK]},
    )
    # The SDK's type of a change is any object: its dry runs answer with null.
    here = {**scope, "ruleset_id": made["id"]}
    assert [one.id for one in (yield "rulesets.list", {**scope, "per_page": 1})] == [made["id"]]
    after = yield "rulesets.update", {**here, "description": "d", "rules": [BLOCK]}
    assert (after["version"], after["description"]) == ("2", "d")
    assert (yield "rulesets.get", here).version == "2"

    after = yield "rulesets.rules.create", {**here, **LOG, "position": {"index": 1}}
    assert [one["ref"] for one in after["rules"]] == ["b", "a"]
    rule = {**here, "rule_id": after["rules"][0]["id"]}
    assert (yield "rulesets.rules.edit", {**rule, **LOG, "dry_run": True}) is None
    after = yield "rulesets.rules.edit", {**rule, **LOG, "enabled": False}
    assert after["rules"][0]["enabled"] is False
    after = yield "rulesets.rules.delete", rule
    assert [one["ref"] for one in after["rules"]] == ["a"]

    phase = {**scope, "ruleset_phase": PHASE}
    after = yield "rulesets.phases.update", {**phase, "rules": [LOG]}
    assert (yield "rulesets.phases.get", phase).version == after["version"] == "6"
    for versions in (
        (yield "rulesets.versions.list", here),
        (yield "rulesets.phases.versions.list", phase),
    ):
        assert [one.version for one in versions] == ["6", "5", "4", "3", "2", "1"]
    first = {**here, "ruleset_version": "1"}
    read = yield "rulesets.versions.get", first
    assert [one.ref for one in read.rules] == ["a"]
    # Another type of the SDK, and the same content.
    again = yield "rulesets.phases.versions.get", {**phase, "ruleset_version": "1"}
    assert again.to_dict() == read.to_dict()
    assert (yield "rulesets.versions.delete", {**first, "dry_run": True}) is None
    assert (yield "rulesets.versions.get", first) == read
    assert (yield "rulesets.versions.delete", first) is None
    with pytest.raises(cloudflare.NotFoundError):
        yield "rulesets.versions.get", first
    assert (yield "rulesets.delete", here) is None
    assert (yield "rulesets.list", scope) == []


def rulesets_of_a_zone(server: SdkServer) -> Story:
    return rulesets_of({"zone_id": server.zone_id}, "zone")


def rulesets_of_the_account(server: SdkServer) -> Story:
    return rulesets_of({"account_id": server.account_id}, "root")


def lists(server: SdkServer) -> Story:
    account = {"account_id": server.account_id}
    made = yield "rules.lists.create", {**account, "kind": "ip", "name": "offices"}
    here = {**account, "list_id": made.id}
    assert [one.id for one in (yield "rules.lists.list", account)] == [made.id]
    assert (yield "rules.lists.update", {**here, "description": "new"}).description == "new"
    assert (yield "rules.lists.get", here).description == "new"

    two = [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}]
    done = yield "rules.lists.items.create", {**here, "body": two}
    operation = {**account, "operation_id": done.operation_id}
    assert (yield "rules.lists.bulk_operations.get", operation).status == "completed"
    items = yield "rules.lists.items.list", {**here, "per_page": 1}
    assert sorted(one.ip for one in items) == ["192.0.2.1", "192.0.2.2"]
    found = yield "rules.lists.items.get", {**here, "item_id": items[0].id}
    assert found.ip == items[0].ip
    yield "rules.lists.items.update", {**here, "body": [{"ip": "198.51.100.0/24"}]}
    (item,) = yield "rules.lists.items.list", here
    assert item.ip == "198.51.100.0/24"
    yield "rules.lists.items.delete", {**here, "items": [{"id": item.id}]}
    assert (yield "rules.lists.items.list", here) == []
    assert (yield "rules.lists.delete", here).id == made.id
    with pytest.raises(cloudflare.NotFoundError):
        yield "rules.lists.get", here


def tokens(server: SdkServer) -> Story:
    zone = "com.cloudflare.api.account.zone"
    groups = yield "user.tokens.permission_groups.list", {"name": "Zone Read", "scope": zone}
    assert [one.name for one in groups] == ["Zone Read"]
    policies = [
        {
            "effect": "allow",
            "permission_groups": [{"id": one.id} for one in groups],
            "resources": {f"{zone}.{server.zone_id}": "*"},
        }
    ]
    assert (yield "user.tokens.verify", {}).status == "active"
    made = yield "user.tokens.create", {"name": "ci", "policies": policies}
    assert (made.name, made.status, len(made.value) >= 40) == ("ci", "active", True)
    here = {"token_id": made.id}
    assert (yield "user.tokens.get", here).name == "ci"
    listed = yield "user.tokens.list", {"per_page": 1, "direction": "asc"}
    assert made.id in [one.id for one in listed]
    changed = yield (
        "user.tokens.update",
        {**here, "name": "new", "policies": policies, "status": "disabled"},
    )
    assert (changed.name, changed.status) == ("new", "disabled")
    assert (yield "user.tokens.value.update", here) != made.value
    assert (yield "user.tokens.delete", here).id == made.id
    with pytest.raises(cloudflare.NotFoundError):
        yield "user.tokens.get", here
    assert len((yield "user.get", {}).id) == 32


def audit_logs(server: SdkServer) -> Story:
    now = datetime.now(UTC)
    account = {"account_id": server.account_id}
    since, before = now - timedelta(days=1), now + timedelta(days=1)
    made = {"action": {"type": "zone.create"}, "since": since, "before": before, "per_page": 1}
    (first,) = yield "audit_logs.list", {**account, **made}
    assert first.action.type == "zone.create"
    assert first.when.tzinfo is not None
    assert [one.id for one in (yield "user.audit_logs.list", made)] == [first.id]
    second = yield (
        "accounts.logs.audit.list",
        {
            **account,
            "since": since.date().isoformat(),
            "before": (before + timedelta(days=1)).date().isoformat(),
            "limit": 5,
        },
    )
    assert first.id in [one.id for one in second]
    assert len(second) > 5


def what_is_not_served(server: SdkServer) -> Story:
    for name, given in NOT_SERVED.items():
        with pytest.raises(cloudflare.APIStatusError) as caught:
            yield name, given
        assert caught.value.status_code in (404, 405)
        assert caught.value.errors[0].message
    assert (yield "accounts.get", {"account_id": server.account_id}).id == server.account_id


STORIES: tuple[Callable[[SdkServer], Story], ...] = (
    zones,
    accounts,
    certificates,
    hosts_and_authorities,
    rulesets_of_a_zone,
    rulesets_of_the_account,
    lists,
    tokens,
    # Of what the others did.
    audit_logs,
    what_is_not_served,
)


def _method(client: Any, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = reduce(getattr, name.split("."), client)
    return found


class Sync:
    """The sync client."""

    def __init__(self, server: SdkServer) -> None:
        self._client = server.client(max_retries=0)

    def call(self, name: str, given: dict[str, Any]) -> Any:
        answer = _method(self._client, name)(**given)
        return list(answer) if isinstance(answer, BaseSyncPage) else answer

    def close(self) -> None:
        self._client.close()


class Async:
    """The async client, in an event loop that lasts."""

    def __init__(self, server: SdkServer) -> None:
        self._client = server.async_client(max_retries=0)
        self._runner = asyncio.Runner()

    def call(self, name: str, given: dict[str, Any]) -> Any:
        return self._runner.run(self._called(name, given))

    async def _called(self, name: str, given: dict[str, Any]) -> Any:
        answer = _method(self._client, name)(**given)
        if isinstance(answer, AsyncPaginator):
            return [one async for one in answer]
        return await answer

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


def _play(story: Story, client: Sync | Async) -> Iterator[str]:
    """Names of the methods, each once it was called."""
    try:
        name, given = next(story)
        while True:
            try:
                answer = client.call(name, given)
            except cloudflare.APIStatusError as error:
                yield name
                name, given = story.throw(error)
            else:
                yield name
                name, given = story.send(answer)
    except StopIteration:
        return


def _methods(name: str, resource: SyncAPIResource, *, deep: bool) -> Iterator[str]:
    """The methods of a resource of the SDK that are calls."""
    for attribute, value in inspect.getmembers_static(type(resource)):
        if attribute.startswith(("_", "with_")):
            continue
        if inspect.isfunction(value):
            yield f"{name}.{attribute}"
        elif deep and isinstance(below := getattr(resource, attribute), SyncAPIResource):
            yield from _methods(f"{name}.{attribute}", below, deep=True)


@pytest.mark.parametrize("client_of", [Sync, Async])
def test_every_call(server: SdkServer, client_of: type[Sync | Async]) -> None:
    client = client_of(server)
    called: set[str] = set()
    try:
        for story in STORIES:
            called |= set(_play(story(server), client))
    finally:
        client.close()

    sdk = server.client()
    known = {
        method
        for names, deep in ((WHOLE, True), (ALONE, False))
        for name in names
        for method in _methods(name, reduce(getattr, name.split("."), sdk), deep=deep)  # type: ignore[arg-type]  # a resource
    }
    assert len(known) > 50
    assert called == known
