# SPDX-License-Identifier: Apache-2.0
"""What somebody should look at in a zone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.rulesets import RulesInForce
from authz.services.scopes import scope_of
from authz.services.zone_problems import DAY, Place, problems_of
from authz.services.zone_state import AuthorityStanding, RuleStanding, ZoneState
from authz.store.records import Authority, AuthorityKind
from tests.factories.pki import AT
from tests.factories.stored import authority, zone

if TYPE_CHECKING:
    from collections.abc import Sequence

_ZONE = zone("0" * 32)
_RULE = RuleStanding(ref="protect", of_account=False, expression="not verified")
#: Nothing is wrong with it.
FINE = ZoneState(
    zone=_ZONE,
    authorities=(),
    hosts=("api.example.com",),
    active=3,
    revoked=0,
    expiring=0,
    some=None,
    seen_at=AT,
    all_looked_at=True,
    rules=RulesInForce(scope=scope_of(_ZONE), ruleset=None),
    enabled=1,
    protecting=(_RULE,),
    has_block=True,
    has_skip=False,
    heard_at=AT,
)


def _standing(**changes: Any) -> AuthorityStanding:
    one: Authority = authority("0" * 32, kind=AuthorityKind.MANAGED, name="Acme")
    values = {
        "authority": one,
        "expires_at": AT + 1000 * DAY,
        "ends_with_root": False,
        "crl_until": AT + DAY,
        "is_asked_for": True,
    }
    return AuthorityStanding(**values | changes)


def _ids(state: ZoneState) -> Sequence[tuple[str, bool]]:
    return [(one.id, one.is_grave) for one in problems_of(state, at=AT)]


def test_where_nothing_is_wrong_nothing_is_told() -> None:
    assert _ids(FINE) == []
    assert _ids(replace(FINE, authorities=(_standing(), _standing(crl_until=None)))) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"expires_at": AT - 1}, ("authority-expired", True)),
        ({"expires_at": AT - 1, "is_asked_for": False}, ("authority-expired", False)),
        ({"expires_at": AT + 29 * DAY}, ("authority-expires-soon", False)),
        ({"crl_until": AT - 1}, ("crl-stale", True)),
    ],
)
def test_authorities_that_expire_and_crls_that_are_stale(
    changes: dict[str, Any], expected: tuple[str, bool]
) -> None:
    state = replace(FINE, authorities=(_standing(**changes),))

    (problem,) = problems_of(state, at=AT)

    assert (problem.id, problem.is_grave) == expected
    assert problem.place is Place.AUTHORITY
    assert problem.object_id == state.authorities[0].authority.id
    assert "Acme" in problem.what


@pytest.mark.parametrize("expires_at", [AT - 1, AT + 29 * DAY])
@pytest.mark.parametrize(
    ("ends_with_root", "expected"), [(True, "Rotate its root, "), (False, "Rotate it, ")]
)
def test_what_ends_with_its_root_needs_another_root(
    expires_at: float, ends_with_root: bool, expected: str
) -> None:
    one = _standing(expires_at=expires_at, ends_with_root=ends_with_root)

    (problem,) = problems_of(replace(FINE, authorities=(one,)), at=AT)

    assert problem.do.startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hosts": ()}, [("rules-without-hosts", True)]),
        ({"protecting": ()}, [("hosts-without-rule", True)]),
        (
            {"hosts": (), "protecting": (), "has_block": False, "active": 0},
            [("nothing-blocks", True)],
        ),
        ({"hosts": (), "protecting": (), "has_block": True}, []),
    ],
)
def test_what_is_only_half_protected(
    changes: dict[str, Any], expected: list[tuple[str, bool]]
) -> None:
    assert _ids(replace(FINE, **changes)) == expected


def test_hosts_that_no_rule_names_are_told() -> None:
    rule = replace(_RULE, expression='http.host eq "api.example.com"')
    names = ("api.example.com", *(f"h{number}.test" for number in range(5)))

    (problem,) = problems_of(replace(FINE, protecting=(rule,), hosts=names), at=AT)
    assert problem.what.startswith("mTLS is on for h0.test, h1.test, h2.test and 2 more, and no")
    (problem,) = problems_of(replace(FINE, protecting=(rule,), hosts=names[:2]), at=AT)
    assert problem.what.endswith("names it.")


def test_blocking_by_default_needs_somebody_who_may() -> None:
    state = replace(FINE, zone=replace(_ZONE, default_action="block"), protecting=())

    assert _ids(state) == [("nobody-gets-through", True)]
    assert _ids(replace(state, has_skip=True)) == []


@pytest.mark.parametrize(
    ("many", "told"),
    [(1, "1 client certificate expires"), (1200, "1,200 client certificates expire")],
)
def test_certificates_that_expire_are_counted(many: int, told: str) -> None:
    (problem,) = problems_of(replace(FINE, expiring=many), at=AT)

    assert problem.id == "certificates-expire-soon"
    assert problem.what.startswith(told)


def test_certificates_that_nobody_ever_showed() -> None:
    state = replace(FINE, seen_at=None)

    assert "none has ever shown a certificate" in problems_of(state, at=AT)[0].what
    silent = replace(state, heard_at=None)
    assert "No request has arrived" in problems_of(silent, at=AT)[0].what
    # Of many, only some were looked at.
    assert _ids(replace(state, all_looked_at=False)) == []


def test_the_gravest_come_first() -> None:
    state = replace(FINE, expiring=1, authorities=(_standing(crl_until=AT - 1),), hosts=())

    assert [one.is_grave for one in problems_of(state, at=AT)] == [True, True, False]
    assert all(one.what.endswith(".") and one.do.endswith(".") for one in problems_of(state, at=AT))
