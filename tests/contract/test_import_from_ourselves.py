# SPDX-License-Identifier: Apache-2.0
"""`authz import cloudflare --api` of a running service: from one store into another, by the API.

Store A is filled through its services, served over HTTP, and read by the command as Cloudflare
would be; what store B has afterwards is compared as a saved export says it.
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.main import main
from authz.rules import ListKind
from authz.services.authority_creation import import_authority, upload_authority
from authz.services.cloudflare_export import export_store
from authz.services.hosts import add_host, list_hosts, replace_hosts
from authz.services.list_items import replace_items
from authz.services.list_values import GivenHostname, GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.revocation import list_revoked, restore_certificate
from authz.services.ruleset_management import create_ruleset
from authz.services.rulesets import append_rule, get_rules, replace_rules
from authz.services.scopes import CUSTOM_RULES, Scope
from authz.services.zones import change_zone, create_zone
from authz.sources.cloudflare_document import write_export
from authz.store.engine import open_store
from tests.factories.pki import make_root
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.store.engine import Store
    from tests.contract.sdk_server import SdkServer

NOW = time.time()
WHO: Any = {"actor": "t", "at": NOW}
ZONE = "example.com"
LISTS: dict[str, tuple[GivenItem, ...]] = {
    "ip": (GivenItem(ip="192.0.2.0/24", comment="here"), GivenItem(ip="2001:db8::/32")),
    "hostname": (
        GivenItem(hostname=GivenHostname(url_hostname="*.a.example", exclude_exact_hostname=False)),
        GivenItem(hostname=GivenHostname(url_hostname="*.b.example")),
        GivenItem(hostname=GivenHostname(url_hostname="c.example")),
    ),
    "asn": (GivenItem(asn=64496),),
    "string": (GivenItem(string="a word"),),
    "integer": (GivenItem(integer=-5),),
}
RULES: tuple[dict[str, Any], ...] = (
    {
        "ref": "office",
        "expression": "ip.src in $of_ip",
        "action": "skip",
        "action_parameters": {"phase": "current"},
        "logging": {"enabled": False},
    },
    {
        "ref": "custom",
        "expression": 'http.request.uri.path contains "${x}" or http.host in $of_hostname',
        "action": "block",
        "description": "with its own answer",
        "action_parameters": {
            "response": {"status_code": 418, "content_type": "text/plain", "content": "no"}
        },
    },
    {"ref": "off", "expression": "ssl", "action": "log", "enabled": False},
    {
        "ref": "some",
        "expression": "ssl",
        "action": "skip",
        "action_parameters": {"rules": {"current": ["last"]}},
        # As the API gives it for every rule that skips.
        "logging": {"enabled": True},
    },
    {"ref": "last", "expression": "cf.tls_client_auth.cert_revoked", "action": "block"},
)


class Filled:
    """Store A with something of everything, and what a test asks it for."""

    def __init__(self, server: SdkServer) -> None:
        self.server, self.store = server, server.store
        world = self.world = World(server.store)
        create_zone(self.store, ZONE, force=True, **WHO)
        change_zone(self.store, ZONE, default_action="block", upstream_headers=["cf-cert"], **WHO)
        for kind, items in LISTS.items():
            made = create_list(
                self.store, server.account_id, f"of_{kind}", kind, description=kind, **WHO
            )
            judged = judge_items(ListKind(kind), items)
            replace_items(self.store, server.account_id, made.list.id, judged, **WHO)
        upload_authority(self.store, make_root("Uploaded", at=NOW).pem, name="Uploaded", **WHO)
        world.ca("Acme")
        world.ca("Ours", zone=ZONE)
        add_host(self.store, "other.test", authority="Acme", protect=(), **WHO)
        for name in ("b", "a"):
            add_host(self.store, f"{name}.{ZONE}", authority="Uploaded", **WHO)
        add_host(self.store, f"c.{ZONE}", authority="Ours", protect=("/admin",), **WHO)
        # Behind the rule that protects the host.
        replace_rules(self.store, ZONE, [*get_rules(self.store, ZONE).rules, *RULES], **WHO)
        root_ruleset = {
            "name": "first of all",
            "kind": "root",
            "phase": CUSTOM_RULES,
            "description": "of the account",
            "rules": [{"ref": "account", "expression": "ip.src in $of_ip", "action": "log"}],
        }
        scope = Scope(account_id=server.account_id)
        create_ruleset(self.store, scope, root_ruleset, geo=None, **WHO)
        self.alice, self.bob = world.issue("alice", "Acme"), world.issue("bob", "Acme")
        world.revoke(self.bob)

    def managed_ca(self, name: str) -> bytes:
        """The certificate of an authority, as PEM."""
        (account,) = export_store(self.store).accounts
        return next(
            one.certificates.encode() for one in account.mtls_certificates if one.name == name
        )


class Command:
    """Imports from the server into a data directory, and has what was said."""

    def __init__(
        self, server: SdkServer, directory: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.base, self.directory, self._capsys = server.base_url, directory, capsys

    def __call__(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(
                [
                    *("import", "cloudflare", "--api", self.base, "--json"),
                    *("--data-dir", str(self.directory), *words),
                ]
            )
        out, self.err = self._capsys.readouterr()
        self.report = json.loads(out) if out else {}
        return int(ended.value.code or 0)

    @property
    def changes(self) -> list[list[str]]:
        """What changed, or would change, part by part."""
        return [one["changes"] for one in self.report["parts"]]

    @property
    def told(self) -> list[tuple[str, str]]:
        """Every object that does not carry over as it is, and its notes."""
        return [
            (one["name"], one["verdict"])
            for part in self.report["parts"]
            for one in part["objects"]
            if one["verdict"] != "carries_over"
        ]


@pytest.fixture
def here(server: SdkServer) -> Filled:
    return Filled(server)


@pytest.fixture
def imports(
    here: Filled,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", here.server.token)
    return Command(here.server, tmp_path_factory.mktemp("b"), capsys)


@pytest.fixture
def there(imports: Command) -> Iterator[Store]:
    with closing(open_store("sqlite", imports.directory)) as store:
        yield store


def shown(store: Store) -> Any:
    """What a store has, without what is another one in every store."""
    return _plain(json.loads(write_export(export_store(store))))


def asked(store: Store) -> dict[str, list[str]]:
    """The authorities that hosts ask for, by their names."""
    return {one.hostname: [each.name for each in one.authorities] for one in list_hosts(store)}


def _plain(value: Any) -> Any:
    left_out = {"id", "last_updated", "version", "mtls_certificate_id", "client_certificates"}
    # Authorities that issued here have the serial numbers there, revoked.
    left_out |= {"revoked"}
    if isinstance(value, dict):
        found = {key: _plain(one) for key, one in value.items() if key not in left_out}
        if isinstance(found.get("rules"), dict):
            found["rules"] = [len(one) for one in found["rules"].values()]
        return found
    if isinstance(value, list):
        each = [_plain(one) for one in value]
        keyed = all(isinstance(one, dict) and "name" in one for one in each)
        return sorted(each, key=lambda one: str(one["name"])) if keyed else each
    return value


def test_everything_carries_over(here: Filled, imports: Command, there: Store) -> None:
    assert imports("--yes") == 0

    assert (imports.report["complete"], imports.told, imports.report["losses"]) == (True, [], [])
    assert shown(there) == shown(here.store)
    assert asked(there) == asked(here.store)
    (revoked,) = list_revoked(there, "Acme")
    assert revoked.serial == here.bob.certificate.serial


def test_again_it_changes_nothing(here: Filled, imports: Command, there: Store) -> None:
    imports("--yes")
    before = shown(there)
    with there.read() as session:
        revision, rows = session.revision, len(session.audit.latest(most=1000))

    assert imports("--yes") == 0

    assert imports.changes == [[]] * 3
    assert shown(there) == before
    with there.read() as session:
        assert session.revision == revision
        assert len(session.audit.latest(most=1000)) == rows
    assert shown(here.store) == before


def test_a_report_changes_nothing_there(imports: Command, there: Store) -> None:
    before = shown(there)

    assert imports() == 0

    assert "rules new: account" in imports.changes[0]
    assert shown(there) == before


def test_what_changes_here_changes_there(here: Filled, imports: Command, there: Store) -> None:
    imports("--yes")
    carol = here.world.issue("carol", "Acme")
    here.world.revoke(carol)
    append_rule(here.store, ZONE, {"ref": "new", "expression": "ssl", "action": "log"}, **WHO)
    _give_hosts(here, "Uploaded", (f"a.{ZONE}", f"d.{ZONE}"))
    lists = here.server.client().rules.lists
    (of_ip,) = [one for one in lists.list(account_id=here.server.account_id) if one.kind == "ip"]
    assert of_ip.id is not None
    lists.items.update(of_ip.id, account_id=here.server.account_id, body=[{"ip": "192.0.2.9"}])

    assert imports("--yes", "--accept-loosening") == 1

    assert shown(there) == shown(here.store)
    assert {one.serial for one in list_revoked(there, "Acme")} == {
        here.bob.certificate.serial,
        carol.certificate.serial,
    }
    assert [loss.partition(": ")[2] for loss in imports.report["losses"]] == [
        "list of_ip: 1 items come, 2 go, and rules that are here read it",
        f"b.{ZONE} asks no more for certificates of Uploaded",
    ]


def test_what_was_restored_here_stays_revoked_there(
    here: Filled, imports: Command, there: Store
) -> None:
    imports("--yes")
    restore_certificate(here.store, here.bob.certificate.id, actor="t", at=NOW)

    assert imports("--yes") == 1

    assert imports.told == [("Acme", "changes")]
    assert [one.serial for one in list_revoked(there, "Acme")] == [here.bob.certificate.serial]


def test_one_zone_alone(here: Filled, imports: Command, there: Store) -> None:
    assert imports("--yes", "--zone", ZONE) == 0

    assert get_rules(there, ZONE).version == 1
    assert [rule["ref"] for rule in get_rules(there, "default").rules] == []
    assert {one.hostname for one in list_hosts(there)} == {f"{name}.{ZONE}" for name in "abc"}
    assert here.alice.certificate.zone_id == here.server.zone_id


def test_an_authority_below_a_root_of_others_is_trusted_alone(
    here: Filled, imports: Command, there: Store
) -> None:
    above = make_root("Above", at=NOW)
    made = above.intermediate("Below", at=NOW)
    import_authority(
        here.store,
        made.pem + above.pem,
        made.key_pem,
        name="Below",
        encryption=here.world.encryption,
        **WHO,
    )
    add_host(here.store, "below.test", authority="Below", **WHO)

    assert imports("--yes") == 0

    (account,) = export_store(there).accounts
    (below,) = [one for one in account.mtls_certificates if one.name == "Below"]
    assert below.certificates.count("BEGIN CERTIFICATE") == 1


def test_an_authority_without_a_name_is_called_as_its_certificate_says(
    here: Filled, imports: Command, there: Store
) -> None:
    upload_authority(here.store, make_root("Nameless", at=NOW).pem, nameless=True, **WHO)

    assert imports("--yes") == 0

    (account,) = export_store(there).accounts
    assert "Nameless" in [one.name for one in account.mtls_certificates]
    assert imports("--yes") == 0
    assert imports.changes == [[]] * 3


def test_the_certificate_of_the_managed_ca_may_be_given_and_is_the_same(
    here: Filled, imports: Command, there: Store, tmp_path: Path
) -> None:
    file = tmp_path / "managed.pem"
    file.write_bytes(here.managed_ca("Acme"))

    assert imports("--yes", "--managed-ca", str(file)) == 0

    assert shown(there) == shown(here.store)


def test_a_token_that_may_only_read_is_enough(
    here: Filled, imports: Command, there: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = (Resource.ZONES, Resource.RULES, Resource.CERTIFICATES)
    grants = [Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)]
    grants += [
        Grant(resource=one, level=Level.READ, place=place)
        for one in wanted
        for place in (EVERY_ZONE, ACCOUNT_WIDE)
    ]
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", here.server.token_for(grants))

    assert imports("--yes") == 0

    assert shown(there) == shown(here.store)
    assert {method for method, _, _ in here.server.faults.seen} == {"GET"}


def test_a_token_that_may_not_is_told_what_it_lacks(
    here: Filled, imports: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = [Grant(resource=Resource.ZONES, level=Level.READ, place=EVERY_ZONE)]
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", here.server.token_for(grants))

    assert imports("--yes") == 2

    assert "has it the permission Account / Account Filter Lists / Read?" in imports.err


def _give_hosts(here: Filled, authority: str, names: tuple[str, ...]) -> None:
    with here.store.read() as session:
        found = session.authorities.named(here.server.account_id, authority)
        zone = session.zones.named(ZONE)
    assert found is not None
    assert zone is not None
    replace_hosts(here.store, zone.id, found.id, names, **WHO)
