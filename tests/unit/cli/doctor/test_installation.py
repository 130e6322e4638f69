# SPDX-License-Identifier: Apache-2.0
"""What settings and policy alone give away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor.installation import ANCHOR_DAYS, CRL_SECONDS, EARLIEST, look
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.services.policies import apply_policy
from authz.settings import Settings
from authz.sources.policy_import import import_policy
from authz.store.engine import open_store
from tests.factories.pki import AT, DAY, root

if TYPE_CHECKING:
    from pathlib import Path

POLICY = """\
sites:
  - name: api
    hosts: ["*"]
    trust: [{name: acme, certificates: [ca.pem], crls: [acme.crl]}]
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(root().pem)
    (tmp_path / "acme.crl").write_bytes(
        root().crl(this_update=AT - 3600, next_update=AT + 10 * DAY).pem
    )
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


def ids(at: float, **values: Any) -> list[str]:
    return [one.id for one in look(Settings.model_validate(values), at)]


def test_a_good_installation_has_no_findings(policy: Path) -> None:
    assert ids(AT, policy=str(policy)) == []


def test_a_stale_crl_and_one_that_soon_is(policy: Path) -> None:
    end = AT + 10 * DAY

    assert ids(end - CRL_SECONDS - 60, policy=str(policy)) == []
    assert ids(end - CRL_SECONDS + 60, policy=str(policy)) == ["crl-stale-soon"]
    assert ids(end + 60, policy=str(policy)) == ["crl-stale"]


def test_an_authority_before_in_and_after_its_time(policy: Path) -> None:
    text = policy.read_text().replace(", crls: [acme.crl]", "")
    policy.write_text(text)
    certificate = root().certificate
    start = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()

    assert ids(max(start - 60, EARLIEST), policy=str(policy)) == ["authority-not-yet-valid"]
    assert ids(end - ANCHOR_DAYS * DAY - 60, policy=str(policy)) == []
    assert ids(end - ANCHOR_DAYS * DAY + 60, policy=str(policy)) == ["authority-expires-soon"]
    assert ids(end + 60, policy=str(policy)) == ["authority-expired"]


def test_what_is_wrong_with_an_authority_is_said_where_it_is_written(policy: Path) -> None:
    text = policy.read_text().replace(
        "trust: [", "trust: [{name: first, certificates: [first.pem]},\n            "
    )
    policy.write_text(text)
    (policy.parent / "first.pem").write_bytes(root("Other Root CA").pem)
    # The authority that is second, on a line of its own, and its CRL.
    end = root().certificate.not_valid_after_utc.timestamp()

    found = [
        (one.id, one.where) for one in look(Settings.model_validate({"policy": str(policy)}), end)
    ]

    first, second = (f"{policy}:{line}: sites[0].trust[{i}]" for line, i in ((4, 0), (5, 1)))
    assert found == [
        ("authority-expires-soon", first),
        ("authority-expires-soon", second),
        ("crl-stale", second),
    ]


@pytest.mark.parametrize(
    ("hops", "who"),
    [(2, "what the proxy in front of Envoy says"), (4, "what the outermost of 3 proxies in front")],
)
def test_whose_word_the_certificate_is(policy: Path, hops: int, who: str) -> None:
    settings = {"policy": str(policy), "certificate_source": "xfcc", "xfcc": {"trusted_hops": hops}}

    (finding,) = look(Settings.model_validate(settings), AT)

    assert who in finding.what


def test_a_clock_that_is_far_behind(policy: Path) -> None:
    assert ids(0, policy=str(policy))[0] == "clock"


def test_a_site_that_asks_about_certificates_and_trusts_nobody(policy: Path) -> None:
    policy.write_text(
        'sites: [{name: a, hosts: ["*"], rules: [{expression: '
        '"not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked", '
        "action: block}]}]\n"
    )

    assert "no-trust" in ids(AT, policy=str(policy))


def test_a_policy_that_cannot_be_used_is_explained(policy: Path) -> None:
    policy.write_text(policy.read_text().replace("ca.pem", "gone.pem").replace("acme.crl", "x"))

    assert ids(AT, policy=str(policy)) == ["policy", "policy"]


def test_a_rule_that_lets_revoked_certificates_in(policy: Path) -> None:
    policy.write_text(
        policy.read_text()
        + "    rules: [{expression: not cf.tls_client_auth.cert_verified, action: block}]\n"
    )

    assert ids(AT, policy=str(policy)) == ["lint"]


@pytest.mark.parametrize(
    ("values", "id_"),
    [
        ({"grpc": {"listen": "0.0.0.0:50051"}}, "open-port"),
        ({"grpc": {"workers": 2}}, "shared-port"),
        ({"xfcc": {"trusted_hops": 2}}, "hops-without-xfcc"),
        ({"certificate_source": "xfcc", "xfcc": {"trusted_hops": 2}}, "proxy-in-front"),
    ],
)
def test_settings_that_are_often_not_meant(policy: Path, values: Any, id_: str) -> None:
    assert ids(AT, policy=str(policy), **values) == [id_]


def test_no_policy_at_all(tmp_path: Path) -> None:
    assert ids(AT, data_dir=str(tmp_path)) == ["no-policy"]
    assert ids(AT, data_dir=str(tmp_path), store="off") == ["no-policy"]
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_which_no_host_asks_for_certificates(tmp_path: Path) -> None:
    open_store("sqlite", tmp_path).close()

    assert ids(AT, data_dir=str(tmp_path)) == ["no-hosts"]


def test_the_store_is_looked_at_as_a_policy_file_is(tmp_path: Path) -> None:
    end = root().certificate.not_valid_after_utc.timestamp()
    store = open_store("sqlite", tmp_path)
    upload_authority(store, root().pem, name="acme", actor="tester", at=AT)
    add_host(store, "api.example.com", authority="acme", actor="tester", at=AT)
    store.close()

    assert ids(AT, data_dir=str(tmp_path)) == []
    assert ids(end + 60, data_dir=str(tmp_path)) == ["authority-expired"]


def test_a_rule_of_a_zone_with_many_hosts_is_one_finding(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        'sites: [{name: a, hosts: ["*"], rules: '
        "[{expression: not cf.tls_client_auth.cert_verified, action: block}]}]"
    )
    store = open_store("sqlite", tmp_path)
    upload_authority(store, root().pem, name="acme", actor="tester", at=AT)
    for number in range(3):
        add_host(store, f"{number}.example.com", authority="acme", actor="tester", at=AT)
    apply_policy(store, "default", import_policy(file), actor="tester", at=AT)
    store.close()

    assert ids(AT, data_dir=str(tmp_path)).count("lint") == 1


def test_both_are_looked_at_where_both_are_answered_by(policy: Path, tmp_path: Path) -> None:
    values = {"policy": str(policy), "data_dir": str(tmp_path / "data"), "store": "on"}
    store = open_store("sqlite", tmp_path / "data")
    upload_authority(store, root("Other Root CA").pem, name="other", actor="tester", at=AT)
    add_host(store, "other.example.com", authority="other", actor="tester", at=AT)
    store.close()
    end = root().certificate.not_valid_after_utc.timestamp()

    policy.write_text(policy.read_text().replace(", crls: [acme.crl]", ""))

    assert ids(AT, **values) == []
    assert ids(end + 60, **values) == ["authority-expired"] * 2


def test_a_store_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    (tmp_path / "authz.db").write_bytes(b"no database at all" * 100)

    assert ids(AT, data_dir=str(tmp_path)) == ["store"]
