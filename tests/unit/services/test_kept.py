# SPDX-License-Identifier: Apache-2.0
"""What is fetched when it is needed, kept, and good for longer when it cannot be had."""

from __future__ import annotations

import pytest

from authz.errors import ProviderError
from authz.services.kept import KEEP_SECONDS, MOST_SECONDS, PAUSE_SECONDS, Kept

AT = 1_800_000_000.0


class Source:
    """Counts, unless it is away."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def __call__(self) -> int:
        self.asked += 1
        if self.away:
            raise ProviderError("away", hint="wait")
        return self.asked


def test_it_is_fetched_once_and_again_when_it_is_old() -> None:
    source = Source()
    kept = Kept(source)
    assert kept.known is None

    found = [kept.get(AT + after) for after in (0, KEEP_SECONDS - 1, KEEP_SECONDS)]
    assert found == [1, 1, 2]
    assert kept.known == 2


def test_it_is_fetched_anew_but_not_again_at_once() -> None:
    kept = Kept(Source())
    kept.get(AT)

    assert kept.get(AT + PAUSE_SECONDS - 1, anew=True) == 1
    assert kept.get(AT + PAUSE_SECONDS, anew=True) == 2
    assert kept.get(AT + PAUSE_SECONDS) == 2


def test_what_was_there_is_good_for_longer_when_it_cannot_be_had() -> None:
    source = Source()
    kept = Kept(source)
    kept.get(AT)
    source.away = True

    assert kept.get(AT + KEEP_SECONDS) == 1
    assert kept.get(AT + KEEP_SECONDS + 1) == 1
    assert source.asked == 2, "once in a while"
    assert kept.get(AT + MOST_SECONDS - 1) == 1
    with pytest.raises(ProviderError):
        kept.get(AT + MOST_SECONDS + PAUSE_SECONDS)


def test_nobody_asks_again_and_again_for_what_cannot_be_had() -> None:
    source = Source()
    source.away = True
    kept = Kept(source)
    errors = []
    for after in (0, 1, PAUSE_SECONDS - 1):
        with pytest.raises(ProviderError, match="away") as caught:
            kept.get(AT + after)
        errors.append(caught.value)

    assert source.asked == 1
    assert len({id(one) for one in errors}) == 3
    assert {one.hint for one in errors} == {"wait"}
    source.away = False
    assert kept.get(AT + PAUSE_SECONDS) == 2


def test_a_clock_that_is_set_back_keeps_nothing() -> None:
    kept = Kept(Source())
    kept.get(AT)

    assert kept.get(AT - 1) == 2
