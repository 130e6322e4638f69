# SPDX-License-Identifier: Apache-2.0
"""The time that a page is about."""

from __future__ import annotations

import pytest

from authz.dashboard.spans import (
    DEFAULT,
    EXACT,
    MAX_STEPS,
    PRESETS,
    exact,
    exact_fields,
    field_text,
    preset,
    span_of,
)
from authz.errors import InvalidInputError

#: 2026-11-27 09:34:56 UTC.
NOW = 1_795_772_096.0


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_whole_steps_of_which_the_last_one_goes_on(name: str) -> None:
    _, steps, step = PRESETS[name]

    span = preset(name, NOW)

    assert (span.end - span.since, span.step) == (steps * step, step)
    assert span.since % step == 0
    assert span.end - step <= NOW < span.end
    assert span.until is None
    assert span.fields == {"span": name}


def test_without_a_time_it_is_the_usual_one() -> None:
    assert span_of("", "", "", NOW) == preset(DEFAULT, NOW)


def test_an_exact_time_is_utc_and_widened_to_whole_steps() -> None:
    span = span_of(EXACT, "2026-11-27T08:00:30", "2026-11-27T09:00:10", NOW)

    assert (field_text(span.since), field_text(span.end)) == (
        "2026-11-27T08:00",
        "2026-11-27T09:01",
    )
    assert (span.step, span.until) == (60, span.end)
    assert span.fields == exact_fields(span.since, span.end)
    assert span_of(EXACT, "2026-11-27T10:00+02:00", "2026-11-27T09:00:10Z", NOW).since == (
        exact(span.since, span.end).since
    )


def test_an_exact_time_without_an_end_ends_now() -> None:
    span = span_of(EXACT, "2026-11-27T09:00", "", NOW)

    assert span.end - 60 < NOW <= span.end


@pytest.mark.parametrize(
    ("since", "until", "step"),
    [
        ("2026-11-27T08:00", "2026-11-27T09:12", 60),
        ("2026-11-27T08:00", "2026-11-27T09:13", 120),
        ("2026-11-20T00:00", "2026-11-27T00:00", 14_400),
        ("2025-11-27T00:00", "2026-11-27T00:00", 604_800),
    ],
)
def test_steps_are_as_long_as_a_chart_has_room_for(since: str, until: str, step: int) -> None:
    span = span_of(EXACT, since, until, NOW)

    assert span.step == step
    assert (span.end - span.since) / step <= MAX_STEPS + 1


@pytest.mark.parametrize(
    ("name", "since", "until", "told"),
    [
        ("2y", "", "", 'there is no "2y"'),
        (EXACT, "", "", 'from: "" is not a time'),
        (EXACT, "yesterday", "", 'from: "yesterday" is not a time'),
        (EXACT, "0001-01-01T00:00", "", "is not a time"),
        (EXACT, "9999-12-31T23:59+00:00", "", "is not a time"),
        (EXACT, "2026-11-27T09:00", "<b>", 'until: "<b>" is not a time'),
        (EXACT, "2026-11-27T09:00", "2026-11-27T09:00", "ends before it begins"),
        (EXACT, "2024-11-27T09:00", "2026-11-27T09:00", "more than 400 days"),
    ],
)
def test_what_is_no_time_is_told(name: str, since: str, until: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        span_of(name, since, until, NOW)
