# SPDX-License-Identifier: Apache-2.0
"""Which of the five steps are done, for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.dashboard.first_steps import first_steps, has_arrived
from authz.dashboard.viewers import Viewer
from authz.services.activity import keep_activity
from authz.services.hosts import add_host
from authz.services.permissions import (
    EVERYTHING,
    Grant,
    Level,
    Principal,
    Resource,
)
from authz.services.sign_ins import SignedIn
from authz.services.zone_state import ZoneState, zone_state
from authz.services.zones import change_zone
from tests.factories.events import blocked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tests.factories.dashboard import Visitor


def _viewer(visitor: Visitor, grants: Iterable[Grant]) -> Viewer:
    """Somebody who may do this; nothing else of them is asked for."""
    bench = visitor.bench
    nothing: Any = None
    principal = Principal(token_id="", name="t", grants=frozenset(grants))
    with bench.store.read() as session:
        account = session.zones.accounts()[0]
    return Viewer(
        request=nothing,
        site=nothing,
        who=SignedIn(sign_in=nothing, principal=principal),
        at=bench.now,
        account=account,
        zones=(),
        secret="",
    )


def _state(visitor: Visitor) -> ZoneState:
    return zone_state(visitor.bench.store, "default", at=visitor.bench.now)


def _done(visitor: Visitor, grants: Iterable[Grant] = EVERYTHING) -> dict[str, bool | None]:
    found = first_steps(_viewer(visitor, grants), _state(visitor))
    return {one.name: one.done for one in found}


def test_blocking_by_default_is_as_good_as_a_rule(visitor: Visitor) -> None:
    assert _done(visitor)["rule"] is False
    change_zone(
        visitor.bench.store, "default", default_action="block", actor="t", at=visitor.bench.now
    )

    assert _done(visitor)["rule"] is True


@pytest.mark.parametrize(
    ("resource", "known"),
    [
        (Resource.CERTIFICATES, {"ca", "certificate", "host"}),
        (Resource.RULES, {"rule"}),
        (Resource.EVENTS, {"envoy"}),
    ],
)
def test_everybody_is_told_what_they_may_know(
    visitor: Visitor, resource: Resource, known: set[str]
) -> None:
    grant = Grant(resource=resource, level=Level.READ, place=visitor.bench.zone_id)

    found = first_steps(_viewer(visitor, [grant]), _state(visitor))

    assert {one.name for one in found if one.done is not None} == known
    assert all(not one.url for one in found)


def test_a_certificate_that_was_seen_is_for_those_who_may_know(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    issued = visitor.bench.world.issue().certificate
    keep_activity(visitor.bench.store, {issued.fingerprint_sha256: visitor.bench.now})
    places = {"place": visitor.bench.zone_id, "level": Level.READ}
    certificates = Grant(resource=Resource.CERTIFICATES, **places)
    events = Grant(resource=Resource.EVENTS, **places)

    assert has_arrived(_viewer(visitor, [certificates]), _state(visitor)) is True
    assert has_arrived(_viewer(visitor, [events]), _state(visitor)) is False
    keep_activity(visitor.bench.store, {}, [blocked(at=visitor.bench.now, site="default")])
    assert has_arrived(_viewer(visitor, [events]), _state(visitor)) is True
    assert has_arrived(_viewer(visitor, []), _state(visitor)) is None


def test_of_many_hosts_some_are_named(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    for number in range(5):
        add_host(
            visitor.bench.store,
            f"h{number}.test",
            authority="Acme",
            actor="t",
            at=visitor.bench.now,
        )

    steps = first_steps(_viewer(visitor, EVERYTHING), _state(visitor))

    assert steps[2].told == "It is on for h0.test, h1.test, h2.test and 2 more"
