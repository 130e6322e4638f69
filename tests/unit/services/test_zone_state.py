# SPDX-License-Identifier: Apache-2.0
"""How a zone stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import NotFoundError
from authz.services import zone_state as module
from authz.services.activity import keep_activity
from authz.services.context import account_of
from authz.services.crls import sign_crl
from authz.services.hosts import add_host
from authz.services.protection import protecting_expression
from authz.services.root_rotation import rotate_root
from authz.services.rulesets import replace_rules
from authz.services.zone_state import RuleStanding, ZoneState, zone_state
from authz.services.zones import change_zone, create_zone
from authz.store.records import AuthorityKind
from tests.factories.events import blocked
from tests.factories.pki import AT
from tests.factories.stored import ruleset, ruleset_version

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

_MTLS = "not cf.tls_client_auth.cert_verified"


def _state(store: Store, at: float = AT, zone: str = "default") -> ZoneState:
    return zone_state(store, zone, at=at)


def _rules(store: Store, *rules: dict[str, Any]) -> None:
    replace_rules(store, "default", rules, actor="t", at=AT)


def test_a_new_zone_has_nothing(store: Store) -> None:
    state = _state(store)

    assert (state.authorities, state.hosts, state.protecting) == ((), (), ())
    assert (state.active, state.revoked, state.expiring, state.enabled) == (0, 0, 0, 0)
    assert (state.some, state.seen_at, state.heard_at) == (None, None, None)
    assert state.all_looked_at
    assert not (state.is_protected)
    assert not (state.blocks_by_default)
    with pytest.raises(NotFoundError):
        _state(store, zone="nobody.example")


def test_what_it_has_issued(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    world.issue("alice", days=10)
    bob = world.issue("bob").certificate

    state = _state(world.store)

    assert (state.active, state.revoked, state.expiring) == (2, 0, 1)
    assert state.some is not None
    assert state.some.id == bob.id
    monkeypatch.setattr(module, "LATEST", 1)
    assert not _state(world.store).all_looked_at


def test_hosts_and_the_rule_that_protects_them(world: World) -> None:
    world.ca()
    world.ca("Other")
    for authority, protect in (("Acme", ()), ("Other", None)):
        add_host(
            world.store,
            "api.example.com",
            authority=authority,
            protect=protect,
            actor="t",
            at=AT,
        )

    state = _state(world.store)

    assert state.hosts == ("api.example.com",)
    assert [(one.ref, one.of_account) for one in state.protecting] == [
        ("protect-api.example.com", False)
    ]
    assert state.is_protected
    assert state.has_block
    assert state.rules.version == 1
    assert [one.is_asked_for for one in state.authorities] == [True, True]
    assert all(one.authority.kind is AuthorityKind.MANAGED for one in state.authorities)


def test_only_rules_that_are_enabled_block_and_ask_for_a_certificate_protect(
    store: Store,
) -> None:
    _rules(
        store,
        {"ref": "off", "expression": _MTLS, "action": "block", "enabled": False},
        {"ref": "log", "expression": _MTLS, "action": "log"},
        {"ref": "ip", "expression": "ip.src eq 192.0.2.1", "action": "block"},
        {
            "ref": "skip",
            "expression": "true",
            "action": "skip",
            "action_parameters": {"ruleset": "current"},
        },
    )

    state = _state(store)

    assert state.protecting == ()
    assert (state.enabled, state.has_block, state.has_skip) == (3, True, True)
    _rules(store, {"ref": "san", "expression": 'authz.cert.spki_sha256 eq ""', "action": "block"})
    assert [one.ref for one in _state(store).protecting] == ["san"]


def test_rules_of_the_account_count(store: Store) -> None:
    with store.write() as session:
        account_id = account_of(session).id
        own = ruleset(account_id, None, kind="root")
        rule = {"id": "a" * 32, "ref": "all", "expression": _MTLS, "action": "block"}
        rules = ({**rule, "enabled": True},)
        session.rulesets.add(own, ruleset_version(own.id, rules=rules))

    assert _state(store).protecting == (RuleStanding(ref="all", of_account=True, expression=_MTLS),)


def test_a_zone_that_blocks_by_default_is_protected(world: World) -> None:
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", actor="t", at=AT)
    assert not _state(world.store).is_protected

    change_zone(world.store, "default", default_action="block", actor="t", at=AT)

    assert _state(world.store).is_protected


def test_when_authorities_expire_and_until_when_their_crls_are_good(world: World) -> None:
    known = world.ca()
    assert known.issuing is not None
    assert _state(world.store).authorities[0].crl_until is None

    crl = sign_crl(world.store, "Acme", hours=24, encryption=world.encryption, actor="t", at=AT)

    (one,) = _state(world.store).authorities
    assert one.crl_until == crl.next_update
    assert one.expires_at == known.issuing.not_after
    assert not one.is_asked_for


def test_authorities_of_other_zones_are_not_told(world: World) -> None:
    create_zone(world.store, "example.com", actor="t", at=AT)
    world.ca("Theirs", zone="example.com")

    assert _state(world.store).authorities == ()


def test_what_was_heard_and_seen(world: World) -> None:
    world.ca()
    issued = world.issue().certificate
    keep_activity(
        world.store, {issued.fingerprint_sha256: AT + 5}, [blocked(at=AT, site="default")]
    )

    state = _state(world.store)

    assert (state.seen_at, state.heard_at) == (AT + 5, AT)


@pytest.mark.parametrize(
    ("expression", "hostname", "expected"),
    [
        (_MTLS, "api.example.com", True),
        (f'http.host eq "api.example.com" and {_MTLS}', "api.example.com", True),
        (f'http.host eq "api.example.com" and {_MTLS}', "shop.example.com", False),
        (f'http.host eq "api.example.com" and {_MTLS}', "*.example.com", False),
        (f'ends_with(http.host, ".example.com") and {_MTLS}', "a.b.example.com", True),
        (f'ends_with(http.host, ".example.com") and {_MTLS}', "*.example.com", True),
        (f'ends_with(http.host, ".example.com") and {_MTLS}', "example.net", False),
        (f"http.host in $hosts and {_MTLS}", "example.net", True),
        (f'http.host ne "example.net" and {_MTLS}', "example.com", True),
        (f'http.host matches "x" and {_MTLS}', "example.com", True),
    ],
)
def test_which_hosts_a_rule_may_be_about(expression: str, hostname: str, expected: bool) -> None:
    rule = RuleStanding(ref="r", of_account=False, expression=expression)

    assert rule.may_be_about(hostname) is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("not cf.tls_client_auth.cert_verified", True),
        (protecting_expression("a.example"), True),
        (protecting_expression("a.example", ["/x/*"]), True),
        (protecting_expression("*.example"), True),
        (protecting_expression("b.example", ["/x/*"]), False),
        (protecting_expression("*.b.example"), False),
        ('http.host in {"b.example" "a.example"} and not cf.tls_client_auth.cert_verified', True),
        ('http.host ne "a.example" and not cf.tls_client_auth.cert_verified', False),
        ('not http.host in {"a.example"} and not cf.tls_client_auth.cert_verified', False),
        ('not ends_with(http.host, ".example") and not cf.tls_client_auth.cert_verified', False),
        ("http.host in $hosts and not cf.tls_client_auth.cert_verified", False),
    ],
)
def test_which_rules_are_for_a_host_by_their_text(expression: str, expected: bool) -> None:
    rule = RuleStanding(ref="r", of_account=False, expression=expression)

    assert rule.is_about("a.example") is expected


def test_hosts_that_no_rule_is_about(world: World) -> None:
    world.ca()
    for host, protect in (("api.example.com", ()), ("shop.example.com", None)):
        add_host(world.store, host, authority="Acme", protect=protect, actor="t", at=AT)

    assert _state(world.store).unprotected == ("shop.example.com",)
    change_zone(world.store, "default", default_action="block", actor="t", at=AT)
    assert _state(world.store).unprotected == ()


def test_whether_an_authority_ends_with_its_root(world: World) -> None:
    world.ca("Long", intermediate=True)
    world.ca("Root")
    ends = world.ca("Short", intermediate=True, days=30).certificates[0].not_after

    def standing(name: str) -> tuple[float, bool]:
        found = {one.authority.name: one for one in _state(world.store).authorities}
        return found[name].expires_at, found[name].ends_with_root

    assert standing("Short") == (ends, True)
    assert [standing(name)[1] for name in ("Long", "Root")] == [False, False]
    rotate_root(world.store, "Short", encryption=world.encryption, actor="t", at=AT)
    # The old ones do not count any more.
    assert standing("Short")[0] > ends
    assert not standing("Short")[1]
