# SPDX-License-Identifier: Apache-2.0
"""A control process that is started when something is to be fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from authz.node.control.when_needed import WhenNeeded
from authz.node.loader_messages import Built, GeoState
from authz.observability.activity import Report

if TYPE_CHECKING:
    from authz.node.control.keeper import ControlKeeper
    from authz.observability.events import Event


class _Keeper:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> bytes:
            self.calls.append((name, *arguments))
            return b"metrics"

        return call


def built(generation: int, *, fetches: bool) -> Built:
    return Built(
        contents={},
        geo=GeoState(),
        generation=generation,
        file=f"{generation}.snapshot",
        sites=1,
        fetches=fetches,
    )


def test_none_is_started_before_something_is_to_be_fetched() -> None:
    made: list[_Keeper] = []

    def make() -> ControlKeeper:
        made.append(_Keeper())
        return cast("ControlKeeper", made[-1])

    control = WhenNeeded(make)
    control.in_force(built(1, fetches=False))
    control.tell(Report())
    assert control.render() == b""
    control.stop()
    assert made == []

    control.in_force(built(2, fetches=True))
    event = cast("Event", None)
    control.tell(Report(events=(event,), seen={"a": 1.0}))
    control.tell(Report(events=(event,)))
    control.in_force(built(3, fetches=False))
    control.tell(Report(seen={"a": 2.0}))
    assert control.render() == b"metrics"
    control.stop()
    (keeper,) = made
    assert keeper.calls == [
        # What is in force is known before it starts: it is told so first.
        ("in_force", 2, "2.snapshot"),
        ("start",),
        # What was decided is for a store.
        ("tell", Report(seen={"a": 1.0})),
        ("in_force", 3, "3.snapshot"),
        ("render",),
        ("stop",),
    ]


def test_one_that_is_there_in_any_case_is_not_started_here() -> None:
    keeper = _Keeper()
    control = WhenNeeded(lambda: cast("ControlKeeper", None), cast("ControlKeeper", keeper))
    report = Report(events=(cast("Event", None),))
    control.tell(report)
    control.in_force(built(1, fetches=True))
    assert keeper.calls == [("tell", report), ("in_force", 1, "1.snapshot")]
