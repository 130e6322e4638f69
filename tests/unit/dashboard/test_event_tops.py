# SPDX-License-Identifier: Apache-2.0
"""What was blocked most, as lists."""

from __future__ import annotations

from authz.dashboard.event_rows import NOBODY, Names
from authz.dashboard.event_tops import TITLES, top_lists
from authz.services.check_counts import Top

NAMES = Names(rules=NOBODY, certificates=NOBODY, zones={}, base="/events")


def _top(name: str, blocked: int) -> Top:
    return Top(name=name, blocked=blocked, last_at=1.0, last_number=1)


def test_bars_are_shares_of_the_first() -> None:
    top = dict.fromkeys(TITLES, ())
    top |= {"path": (_top("/a", 200), _top("/b", 50), _top("/c", 1))}

    lists = top_lists(top, NAMES, lambda by, name: f"?{by}={name}")

    assert [one.title for one in lists] == ["Certificates", "Paths", "Hosts", "Rules"]
    assert [(one.title, one.share, one.url) for one in lists[1].rows] == [
        ("/a", 100, "?path=/a"),
        ("/b", 25, "?path=/b"),
        ("/c", 1, "?path=/c"),
    ]
    assert lists[0].rows == ()


def test_certificates_are_called_by_a_part_of_their_fingerprint() -> None:
    top = dict.fromkeys(TITLES, ())
    top |= {"certificate": (_top("ab" * 32, 1),)}

    (row,) = top_lists(top, NAMES, lambda _, name: name)[0].rows

    assert (row.title, row.name) == ("abababababab…", "ab" * 32)
