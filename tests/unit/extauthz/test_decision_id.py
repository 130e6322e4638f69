# SPDX-License-Identifier: Apache-2.0
"""Decision ids: unique, of one length, in order."""

from __future__ import annotations

import re
from itertools import islice

from authz.extauthz.decision_id import decision_ids
from authz.extauthz.encode import DECISION_ID_LENGTH


def test_ids_are_unique_across_and_within_processes() -> None:
    one, other = list(islice(decision_ids(), 10_000)), list(islice(decision_ids(), 10_000))

    assert len({*one, *other}) == 20_000


def test_ids_sort_as_they_were_made() -> None:
    made = list(islice(decision_ids(), 10_000))

    assert made == sorted(made)


def test_ids_are_short_text_of_one_length() -> None:
    for made in islice(decision_ids(), 5_000):
        assert len(made) == DECISION_ID_LENGTH
        assert re.fullmatch(rb"[A-Za-z0-9_-]+", made)
