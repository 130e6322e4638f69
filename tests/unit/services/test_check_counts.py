# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError
from authz.observability.activity import CertificateCounted
from authz.services import check_counts as module
from authz.services.activity import KEEP_MINUTES_SECONDS, Tally, forget_old, keep_activity
from authz.services.check_counts import (
    OTHERS,
    RuleCounts,
    Series,
    certificate_counts,
    decisions_over_time,
    rule_counts,
    top_blocked,
)
from tests.factories.events import blocked, counted, logged
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.check_counts import DecisionsOverTime
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

HOUR = int(AT) // 3600 * 3600


@pytest.fixture
def zone_id(store: Store) -> str:
    with store.read() as session:
        return session.zones.all()[0].id


def _keep(store: Store, *checks: Any, certificates: tuple[CertificateCounted, ...] = ()) -> None:
    keep_activity(store, {}, tally=Tally(at=AT, checks=checks, certificates=certificates))


def _blocked(rule: str = "r", checks: int = 1, minute: int = HOUR, **changes: Any) -> Any:
    return counted(rule, checks, minute=minute, **{"site": "default", **changes})


def _allowed(checks: int, minute: int = HOUR) -> Any:
    changes = {"verdict": "allow", "reason": "default_action", "action": "allow"}
    return _blocked("", checks, minute, **changes)


def _names(found: DecisionsOverTime) -> dict[str, tuple[int, ...]]:
    return {one.name: one.checks for one in found.series}


def test_without_any_checks_there_is_nothing(store: Store, zone_id: str) -> None:
    found = decisions_over_time(store, zone_id, since=HOUR, until=HOUR + 120)

    assert (found.series, found.counted_since, found.hourly) == ((), None, False)
    assert top_blocked(store, zone_id, by="path") == ()
    assert certificate_counts(store, ["aa"]) == {}
    assert rule_counts(store, zone_id) == {}


def test_checks_over_time_by_what_became_of_them(store: Store, zone_id: str) -> None:
    _keep(
        store,
        _blocked(checks=2),
        _blocked("s", 3, HOUR + 60, site="api.example.org"),
        _allowed(9, HOUR + 60),
        logged("l", 7, minute=HOUR, site="default"),
    )
    span = {"since": HOUR + 1, "until": HOUR + 61}

    found = decisions_over_time(store, zone_id, **span, by="verdict")
    assert (found.since, found.until, found.step) == (HOUR, HOUR + 120, 60)
    assert found.series == (
        Series(name="allow", total=9, checks=(0, 9)),
        Series(name="deny", total=2, checks=(2, 0)),
    )
    assert found.counted_since == HOUR
    everywhere = {
        by: _names(decisions_over_time(store, None, **span, by=by))
        for by in ("action", "rule", "host", "reason")
    }
    assert everywhere == {
        "action": {"allow": (0, 9), "block": (2, 3)},
        "rule": {"": (0, 9), "s": (0, 3), "r": (2, 0)},
        "host": {"default": (2, 9), "api.example.org": (0, 3)},
        "reason": {"default_action": (0, 9), "rule": (2, 3)},
    }
    longer = decisions_over_time(store, zone_id, since=HOUR - 3600, until=HOUR + 60, step=3600)
    assert _names(longer) == {"allow": (0, 9), "deny": (0, 2)}


def test_what_is_a_day_old_is_known_by_the_hour(store: Store, zone_id: str) -> None:
    _keep(store, _blocked(minute=HOUR + 60), _blocked(minute=HOUR + 120))
    forget_old(store, HOUR + 3600 + KEEP_MINUTES_SECONDS)

    found = decisions_over_time(store, zone_id, since=HOUR, until=HOUR + 3600)
    assert found.hourly
    assert _names(found)["deny"][:3] == (2, 0, 0)
    assert not decisions_over_time(store, zone_id, since=HOUR, until=HOUR + 3600, step=3600).hourly


def test_many_different_values_are_told_together(
    store: Store, zone_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SERIES", 2)
    _keep(store, *(_blocked(f"r{n}", n + 1) for n in range(4)))

    found = decisions_over_time(store, zone_id, since=HOUR, until=HOUR + 60, by="rule")
    assert _names(found) == {"r3": (4,), "r2": (3,), OTHERS: (3,)}


@pytest.mark.parametrize(
    "span",
    [
        {"since": HOUR, "until": HOUR},
        {"since": HOUR, "until": HOUR - 60},
        {"since": 0, "until": HOUR},
        {"since": HOUR, "until": HOUR + 60, "step": 59},
        {"since": HOUR, "until": HOUR + 60, "step": 90},
        {"since": HOUR, "until": HOUR + 60, "step": 0},
    ],
)
def test_a_span_has_some_steps_and_not_too_many(
    store: Store, zone_id: str, span: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        decisions_over_time(store, zone_id, **span)


def test_what_was_blocked_most(store: Store, zone_id: str) -> None:
    some = [
        blocked(id="1", at=AT, path="/a", fingerprint="aa"),
        blocked(id="2", at=AT + 1, path="/a", fingerprint="aa", weight=3),
        blocked(id="3", at=AT + 2, path="/b", rule="other"),
        blocked(id="4", at=AT + 3, path="/b", verdict="allow"),
    ]
    keep_activity(store, {}, some)

    found = top_blocked(store, None, by="path", most=5)
    assert [(one.name, one.blocked, one.last_at) for one in found] == [
        ("/a", 4, AT + 1),
        ("/b", 1, AT + 2),
    ]
    assert [one.name for one in top_blocked(store, None, by="certificate")] == ["aa"]
    assert [one.name for one in top_blocked(store, None, by="host")] == ["api.example.com"]
    assert [one.name for one in top_blocked(store, None, by="rule", most=1)] == ["protect"]
    assert [one.name for one in top_blocked(store, None, by="path", since=AT + 2)] == ["/b"]
    assert top_blocked(store, zone_id, by="path") == ()
    for most in (0, 101):
        with pytest.raises(InvalidInputError):
            top_blocked(store, None, by="path", most=most)


def test_certificates_are_counted_if_they_were_verified_or_are_managed_here(
    world: World, store: Store, zone_id: str
) -> None:
    world.ca()
    mine = world.issue().certificate.fingerprint_sha256

    def one(fingerprint: str, verified: bool) -> CertificateCounted:
        return CertificateCounted(fingerprint=fingerprint, allowed=1, blocked=2, verified=verified)

    _keep(store, certificates=(one("aa", True), one("bb", False), one(mine, False)))
    _keep(store, certificates=(one("aa", True),))

    spelled = ":".join(mine[n : n + 2] for n in range(0, 64, 2)).upper()
    found = certificate_counts(store, ["AA", "bb", spelled])
    assert {name: (one.allowed, one.blocked) for name, one in found.items()} == {
        "AA": (2, 4),
        spelled: (1, 2),
    }
    assert (found["AA"].first_at, found["AA"].last_at) == (AT, AT)
    assert certificate_counts(store, ["AA", mine], zone_id=zone_id).keys() == {mine}
    assert certificate_counts(store, ["AA", mine], zone_id="f" * 32) == {}


def test_rules_are_counted_by_what_they_did(store: Store, zone_id: str) -> None:
    _keep(
        store,
        _blocked(checks=2),
        _blocked(minute=HOUR + 60, action="skip", verdict="allow"),
        _blocked("account:a", 4),
        _blocked(checks=5, reason="ambiguous_path", action="", minute=HOUR + 120),
        logged("l", 7, minute=HOUR, site="default"),
        _blocked("elsewhere", site="other.example"),
        _allowed(9),
    )

    found = rule_counts(store, zone_id)
    assert found == {
        "r": RuleCounts(action="skip", checks=3, ambiguous=5, last_at=HOUR + 120),
        "account:a": RuleCounts(action="block", checks=4, ambiguous=0, last_at=HOUR),
        "l": RuleCounts(action="log", checks=7, ambiguous=0, last_at=HOUR),
    }
    assert rule_counts(store, zone_id, since=HOUR + 60).keys() == {"r"}
