# SPDX-License-Identifier: Apache-2.0
"""A policy file becomes a snapshot file, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from authz.certs.authority import OcspStatus
from authz.certs.serials import MAX_CHANGES
from authz.node.loader_messages import (
    MAX_FINDINGS,
    Built,
    Findings,
    FromLoader,
    GeoState,
    LoadPolicy,
    Refused,
    Unsettled,
)
from authz.node.policy_build import SETTLE_SECONDS, Build
from authz.node.snapshot_file import read_snapshot
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import FetchedFiles, Header, Stored
from authz.sources.watch import contents_of
from tests.factories.mmdb import city_file
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.model import PolicyModel

GOOD = 'sites: [{name: api, hosts: ["*"]}]\n'
OTHER = 'sites: [{name: other, hosts: ["*"]}]\n'
BAD = "sites: 7\n"


class _Building:
    """A policy file and orders to build it."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "policy.yaml"
        self.file.write_text(GOOD)
        self.order = LoadPolicy(
            policy=str(self.file),
            snapshots=str(directory / "data" / "snapshots"),
            generation=1,
            earlier=None,
            settled=False,
            geoip={},
            geo_directory=str(directory / "data" / "geoip"),
            geo=GeoState(),
            log_format="json",
            log_level="info",
        )
        self.said: list[Any] = []
        self.slept: list[float] = []
        self.while_asleep: Callable[[], object] = int  # nothing

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.while_asleep()

    def build(self, **changes: Any) -> Any:
        """The answer to an order; it survived being sent."""
        self.said.clear()
        order = msgspec.structs.replace(self.order, **changes)
        Build(order, self.said.append, clock=lambda: AT, sleep=self.sleep).run()
        for message in self.said:
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=FromLoader)
        return self.said[0]

    def model(self, built: Built) -> PolicyModel:
        return read_snapshot(Path(built.file)).model

    def replace(self, text: str) -> None:
        """Another file under the old name."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)


@pytest.fixture
def made(tmp_path: Path) -> _Building:
    return _Building(tmp_path)


def test_a_good_policy_is_written_and_numbered(made: _Building) -> None:
    built = made.build(generation=7)

    assert isinstance(built, Built)
    assert (built.generation, built.sites) == (7, 1)
    content = read_snapshot(Path(built.file))
    assert (content.generation, content.created_at) == (7, AT)
    assert [site.name for site in content.model.sites] == ["api"]
    assert {Path(name): digest for name, digest in built.contents.items()} == contents_of(
        [made.file]
    )
    assert not made.slept


def test_numbers_go_on_from_what_is_there(made: _Building) -> None:
    assert made.build(generation=7).generation == 7
    assert made.build(generation=1).generation == 8


def test_findings_follow_when_the_policy_can_be_in_force(made: _Building) -> None:
    made.file.write_text(
        'sites: [{name: api, hosts: ["*"], rules: '
        "[{ref: r, expression: not cf.tls_client_auth.cert_verified, action: block}]}]\n"
    )
    built = made.build()
    findings = made.said[1]

    assert isinstance(built, Built)
    assert isinstance(findings, Findings)
    assert findings.count == 1
    assert [(one.rule, one.code) for one in findings.first] == [("r", "never_here")]
    assert findings.first[0].where.startswith(f"{made.file}:1")


def test_findings_are_handed_on_up_to_a_bound(made: _Building) -> None:
    rule = "{expression: not cf.tls_client_auth.cert_presented, action: block}"
    sites = ", ".join(
        f'{{name: s{n}, hosts: ["h{n}.test"], rules: [{rule}]}}' for n in range(MAX_FINDINGS + 5)
    )
    made.file.write_text(f"sites: [{sites}]\n")
    made.build()

    assert made.said[1].count == MAX_FINDINGS + 5
    assert len(made.said[1].first) == MAX_FINDINGS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BAD, "PolicyError"),
        (
            'sites: [{name: a, hosts: ["*"], rules: [{expression: http.hots, action: block}]}]',
            "TypeCheckError",
        ),
        (
            'sites: [{name: a, hosts: ["*"], trust: [{name: t, certificates: [no.pem]}]}]',
            "CertificateError",
        ),
        ('sites: [{name: a, hosts: ["*"]}, {name: b, hosts: ["*"]}]', "PolicyError"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    made: _Building, text: str, kind: str
) -> None:
    made.file.write_text(text)
    refused = made.build()

    assert isinstance(refused, Refused)
    assert refused.fault.kind == kind
    assert str(made.file) in (refused.fault.where or "")
    assert not refused.retry
    assert str(made.file) in refused.contents
    assert not Path(made.order.snapshots).exists()
    assert len(made.said) == 1


def test_a_file_that_is_missing_is_one_to_watch(made: _Building) -> None:
    made.file.write_text(GOOD + "lists: {office: {kind: ip, items_file: office.txt}}\n")
    refused = made.build()

    assert isinstance(refused, Refused)
    assert refused.contents[str(made.file.with_name("office.txt"))] is None


def test_a_snapshot_that_cannot_be_written_is_worth_another_try(made: _Building) -> None:
    Path(made.order.snapshots).parent.write_text("in the way")
    refused = made.build()

    assert isinstance(refused, Refused)
    assert refused.retry
    assert "cannot write the snapshot" in refused.fault.message


# --- files that are being written -----------------------------------------------------------


def test_files_that_keep_still_are_put_in_force(made: _Building) -> None:
    assert isinstance(made.build(settled=True), Built)
    [slept] = made.slept
    assert 0 <= slept <= SETTLE_SECONDS


def test_half_a_policy_is_not_put_in_force_though_it_is_valid(made: _Building) -> None:
    whole = GOOD.replace("]}]", "], default_action: block}]")
    made.while_asleep = lambda: made.file.write_text(whole)

    assert isinstance(made.build(settled=True), Unsettled)
    assert not Path(made.order.snapshots).exists()


def test_what_is_wrong_with_half_a_policy_is_not_reported(made: _Building) -> None:
    made.file.write_text(BAD)
    made.while_asleep = lambda: made.file.write_text(OTHER)

    assert isinstance(made.build(settled=True), Unsettled)
    assert isinstance(made.build(settled=True), Built)


def test_what_is_wrong_with_a_policy_that_stays_is_reported(made: _Building) -> None:
    made.file.write_text(BAD)

    assert isinstance(made.build(settled=True), Refused)


def test_a_policy_that_is_replaced_meanwhile_was_whole(made: _Building) -> None:
    made.while_asleep = lambda: made.replace(OTHER)
    built = made.build(settled=True)

    assert isinstance(built, Built)
    assert made.model(built).sites[0].name == "api"
    # The new one is another content: whoever watches sees it.
    assert {Path(name): digest for name, digest in built.contents.items()} != contents_of(
        [made.file]
    )


def test_a_file_that_the_policy_names_has_to_keep_still_too(made: _Building) -> None:
    listed = made.file.with_name("office.txt")
    listed.write_text("10.0.0.0/8\n")
    made.file.write_text(GOOD + "lists: {office: {kind: ip, items_file: office.txt}}\n")
    made.while_asleep = lambda: listed.write_text("10.0.0.0/8\n192.0.2.0/24\n")

    assert isinstance(made.build(settled=True), Unsettled)


def test_nothing_is_made_of_one_file_before_and_one_after_a_change(
    made: _Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    from authz.node import policy_build

    load = policy_build.load_policy

    def replaced_meanwhile(*arguments: Any) -> Any:
        loaded = load(*arguments)
        made.replace(OTHER)
        return loaded

    monkeypatch.setattr(policy_build, "load_policy", replaced_meanwhile)

    assert isinstance(made.build(settled=True), Unsettled)
    assert not made.slept


# --- what is large --------------------------------------------------------------------------


def _many(made: _Building, *more: str) -> None:
    """A policy with large sets, and serial numbers beside them."""
    directory = made.file.parent
    (directory / "ca.pem").write_bytes(root().pem)
    serials = [f"{number:X}" for number in range(1, MAX_CHANGES + 2)]
    (directory / "serials.txt").write_text("\n".join([*serials, *more]))
    (directory / "agents.txt").write_text("".join(f"agent {n}\n" for n in range(2000)))
    made.file.write_text(
        'sites: [{name: api, hosts: ["*"], trust: [{name: acme, certificates: [ca.pem], '
        "revoked_serials_file: serials.txt}]}]\n"
        "lists: {agents: {kind: string, items_file: agents.txt}}\n"
    )


def test_what_is_large_and_the_same_is_not_packed_again(
    made: _Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    _many(made)
    first = made.build()
    _many(made, "FFFFFFFF")

    def refuse(*_: object) -> None:
        raise AssertionError("it was packed again")

    with monkeypatch.context() as patch:
        patch.setattr("authz.certs.serials.pack_serials", refuse)
        patch.setattr("authz.sources.policy_lists.pack_list", refuse)
        second = made.build(earlier=first.file)

    (before,), (after,) = (made.model(one).sites[0].trust for one in (first, second))
    assert after.revoked_base == before.revoked_base
    assert (before.revoked_serials, after.revoked_serials) == ((), (0xFFFFFFFF,))


def test_an_earlier_snapshot_that_cannot_be_read_costs_time_only(
    made: _Building, tmp_path: Path
) -> None:
    _many(made)

    assert isinstance(made.build(earlier=str(tmp_path / "gone.snapshot")), Built)


# --- GeoIP ----------------------------------------------------------------------------------


def _city(path: Path, country: str) -> None:
    new = path.with_suffix(".new")
    city_file(new, {"198.51.100.0/24": {"country": {"iso_code": country}}})
    new.replace(path)


def test_a_database_is_copied_watched_and_read_by_rules(made: _Building, tmp_path: Path) -> None:
    database = tmp_path / "city.mmdb"
    _city(database, "GB")
    made.file.write_text(
        'sites: [{name: api, hosts: ["*"], '
        "rules: [{expression: 'ip.src.country eq \"GB\"', action: block}]}]\n"
    )
    built = made.build(geoip={"city": str(database)})

    assert isinstance(built, Built)
    assert Path(built.geo.copies["city"]).read_bytes() == database.read_bytes()
    assert built.contents[str(database)] == built.geo.seen["city"]
    assert isinstance(made.build(), Refused), "without a database the rule is none"


def test_a_bad_database_leaves_the_last_copy_and_is_told_once(
    made: _Building, tmp_path: Path
) -> None:
    database = tmp_path / "city.mmdb"
    _city(database, "GB")
    first = made.build(geoip={"city": str(database)})
    database.write_bytes(b"text")
    second = made.build(geoip={"city": str(database)}, geo=first.geo)
    third = made.build(geoip={"city": str(database)}, geo=second.geo)

    assert isinstance(second, Built)
    assert second.geo.copies == first.geo.copies
    assert [fault.kind for fault in second.geo_faults] == ["SettingsError"]
    assert third.geo_faults == ()


def test_a_bad_database_without_an_earlier_copy_is_refused(made: _Building, tmp_path: Path) -> None:
    (tmp_path / "city.mmdb").write_bytes(b"text")
    refused = made.build(geoip={"city": str(tmp_path / "city.mmdb")})

    assert isinstance(refused, Refused)
    assert refused.fault.where == "geoip.city"


def test_what_was_fetched_is_in_the_snapshot_and_watched(made: _Building) -> None:
    url, folder = "http://crl.example/ca.crl", made.file.parent / "fetched"
    made.file.with_name("ca.pem").write_bytes(root().pem)
    made.file.write_text(
        "sites: [{name: api, hosts: ['*'], trust: "
        f"[{{name: acme, certificates: [ca.pem], crl_urls: ['{url}'], ocsp: certificate}}]}}]\n"
    )
    status = OcspStatus(
        issuer=b"i" * 32, serial=b"\xff" * 20, revoked=True, this_update=AT, until=AT
    )
    files = FetchedFiles(folder)
    before = made.build(fetched=str(folder))
    assert before.contents[str(files.crl_file(url))] is None
    assert before.fetches
    files.store(Stored(header=Header(url=url, fetched_at=AT), body=root().crl().der))
    files.store_statuses(AuthorityId(site="api", authority="acme"), [status])

    after = made.build(fetched=str(folder), earlier=before.file)

    (authority,) = made.model(after).sites[0].trust
    assert authority.crls == (root().crl().der,)
    assert authority.ocsp_statuses == (status,)
    assert (authority.crl_urls, authority.crl_sources_configured) == ((url,), 1)
    assert after.contents[str(files.crl_file(url))] is not None
