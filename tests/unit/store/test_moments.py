# SPDX-License-Identifier: Apache-2.0
"""Which moment is in the history of which."""

from __future__ import annotations

import pytest

from authz.store.moments import Moment

NOW = Moment(store_id="b", revision=20, ancestors={"a": 10})


@pytest.mark.parametrize(
    ("other", "follows"),
    [
        (NOW, True),
        (Moment(store_id="b", revision=19), True),
        (Moment(store_id="b", revision=21), False),
        (Moment(store_id="a", revision=10), True),
        (Moment(store_id="a", revision=11), False),
        (Moment(store_id="c", revision=1, ancestors={"a": 10, "b": 20}), False),
    ],
    ids=["itself", "earlier", "later", "restored from", "after that", "unrelated"],
)
def test_a_moment_follows_what_is_in_its_history(other: Moment, follows: bool) -> None:
    assert NOW.follows(other) is follows


@pytest.mark.parametrize(
    ("ancestors", "supersedes"),
    [
        ({"c": 5, "a": 10}, True),
        ({"c": 5, "a": 11}, False),
        ({"c": 5, "a": 10, "b": 21}, False),
        ({"c": 4, "a": 10}, False),
        ({"a": 10}, False),
    ],
    ids=["as it was restored", "of later", "of both", "changed since", "merged"],
)
def test_what_is_as_it_was_restored_is_superseded_by_what_follows_its_backup(
    ancestors: dict[str, int], supersedes: bool
) -> None:
    other = Moment(store_id="c", revision=5, ancestors=ancestors)

    assert NOW.supersedes(other) is supersedes
    assert not NOW.follows(other)
    assert NOW.supersedes(NOW)
