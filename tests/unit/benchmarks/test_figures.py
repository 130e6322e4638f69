# SPDX-License-Identifier: Apache-2.0
"""Ratios are taken round by round, by processor time on a busy machine, and never invented."""

from __future__ import annotations

import pytest

from benchmarks.figures import Result, Row, Sample, interleaved, rounded


def row(*samples: Sample, note: str = "") -> Row:
    return Row(label="a server", unit="checks/s", samples=samples, note=note)


def ratio_of(a: Row, b: Row) -> Result:
    result = Result(title="two servers", rows={"a": a, "b": b})
    result.ratio("a/b", "a", "b")
    return result


def quiet(value: float) -> Sample:
    return Sample(value=value, cpu=1e6 / value, share=1.0)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # The medians of the rows alone would say 200/300.
    result = ratio_of(
        row(quiet(100), quiet(200), quiet(900)), row(quiet(100), quiet(300), quiet(1000))
    )

    (figure,) = result.figures
    assert figure.values == pytest.approx((1.0, 2 / 3, 0.9))
    assert figure.value == pytest.approx(0.9)
    assert figure.note == ""


def test_on_a_busy_machine_a_ratio_is_taken_by_processor_time() -> None:
    # Both were given half of their core at best; the first one's checks are twice as dear.
    held_up = row(Sample(value=10, cpu=40.0, share=0.3))
    result = ratio_of(held_up, row(Sample(value=25, cpu=20.0, share=0.5)))

    (figure,) = result.figures
    assert figure.value == pytest.approx(0.5)
    assert "processor time" in figure.note
    assert held_up.as_json()["disturbed"]


def test_a_ratio_of_what_was_not_measured_has_no_value_and_says_why() -> None:
    result = ratio_of(row(quiet(100)), row(note="there is no go"))

    (figure,) = result.figures
    assert (figure.value, figure.note) == (None, "there is no go")
    assert "value" not in figure.as_json()


def test_rounds_begin_with_another_measure_each() -> None:
    order: list[str] = []

    def measure(name: str) -> Sample:
        order.append(name)
        return Sample(value=len(order))

    found = interleaved({name: lambda name=name: measure(name) for name in "abc"}, 3)

    assert "".join(order) == "abcbcacab"
    assert found["a"] == (Sample(value=1), Sample(value=6), Sample(value=8))


@pytest.mark.parametrize(
    ("value", "shown"), [(14_327.6, 14_330), (0.25174, 0.2517), (1.0, 1), (-0.70213, -0.7021)]
)
def test_numbers_have_four_digits(value: float, shown: float) -> None:
    assert rounded(value) == shown
