# SPDX-License-Identifier: Apache-2.0
"""The query of the page of events: what it means, and the addresses that change a part of it."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from authz.dashboard.event_query import EventQuery, query_of, without_filters
from authz.dashboard.spans import DEFAULT, exact_fields

NOW = 1_795_772_096.0


def _query(**given: str) -> EventQuery:
    query, error = query_of(given, NOW)
    assert error is None
    return query


def _fields(url: str) -> dict[str, str]:
    assert url.startswith("?")
    return dict(parse_qsl(url[1:]))


def test_an_empty_query_is_every_event_of_the_usual_time() -> None:
    query = _query()
    wanted = query.filter("zone")

    assert query.span.name == DEFAULT
    assert (wanted.zone_id, wanted.since, wanted.until) == ("zone", query.span.since, None)
    assert not query.is_filtered
    assert query.counted == {}
    assert query.chips() == []


def test_filters_are_those_of_the_service() -> None:
    wanted = _query(
        verdict="deny",
        action="block",
        reason="rule",
        rule="r",
        site="s",
        host="h",
        path="/p",
        certificate="aa",
    ).filter(None, timed=False)

    assert (wanted.verdict, wanted.action, wanted.reason) == ("deny", "block", "rule")
    assert (wanted.matched, wanted.site, wanted.host) == ("r", "s", "h")
    assert (wanted.path, wanted.path_prefix) == ("/p", None)
    assert (wanted.fingerprint_sha256, wanted.since) == ("aa", None)


def test_a_star_at_the_end_of_a_path_is_whatever_begins_like_it() -> None:
    wanted = _query(path="/admin/*").filter(None)

    assert (wanted.path, wanted.path_prefix) == (None, "/admin/")


def test_no_action_is_one_to_look_for() -> None:
    query = _query(action="none")

    assert query.filter(None).action == ""
    assert query.counted == {"action": ""}
    assert query.chips()[0].value == "Refused outright"


@pytest.mark.parametrize("name", ["host", "path", "certificate"])
def test_what_is_not_counted_has_no_exact_counts(name: str) -> None:
    assert _query(verdict="deny", **{name: "x"}).counted is None


def test_counts_tell_the_rest_apart() -> None:
    assert _query(verdict="deny", rule="r", site="s").counted == {
        "verdict": "deny",
        "rule": "r",
        "site": "s",
    }


def test_addresses_change_one_part_and_begin_with_the_first_page() -> None:
    query = _query(span="1h", host="a&b=c", by="rule", before="7")

    assert query.before == 7
    assert _fields(query.url(verdict="deny")) == {
        "span": "1h",
        "host": "a&b=c",
        "by": "rule",
        "verdict": "deny",
    }
    assert _fields(query.url(host=None, by=None)) == {"span": "1h"}
    assert _fields(query.url(before=3))["before"] == "3"
    assert query.fields()["before"] == "7"
    assert _fields(without_filters(query).url()) == {"span": "1h", "by": "rule"}


def test_another_time_keeps_the_filters() -> None:
    query = _query(span="1h", host="a")

    assert _fields(query.at_span(exact_fields(0, 60))) == {
        "span": "exact",
        "since": "1970-01-01T00:00",
        "until": "1970-01-01T00:01",
        "host": "a",
    }


def test_every_filter_that_is_set_can_be_taken_off() -> None:
    chips = _query(verdict="deny", reason="unknown_host", host="<b>").chips()

    assert [(one.label, one.value) for one in chips] == [
        ("Result", "Blocked"),
        ("Reason", "Unknown host"),
        ("Host", "<b>"),
    ]
    assert "verdict" not in _fields(chips[0].without)
    assert _fields(chips[0].without)["host"] == "<b>"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"span": "x"}, "there is no"),
        ({"before": "-1"}, "before: not the number"),
        ({"after": "1" * 19}, "after: not the number"),
        ({"after": "٣"}, "after: not the number"),
        ({"by": "path"}, "nothing can be told apart by"),
        ({"verdict": "maybe"}, "there is no result"),
    ],
)
def test_what_means_nothing_is_told_and_the_rest_shown(given: dict[str, str], told: str) -> None:
    query, error = query_of({"host": "a", **given}, NOW)

    assert error is not None
    assert told in error.message
    assert query.filters["host"] == "a"
    assert (query.by, query.filters["verdict"]) == ("verdict", "")


def test_texts_are_as_events_have_them() -> None:
    query = _query(path=f"  /\0{'x' * 600}")

    assert query.filters["path"].startswith("/\\x00x")
    assert len(query.filters["path"]) == 512


def test_a_page_begins_at_one_number() -> None:
    query = _query(before="5", after="3")

    assert (query.before, query.after) == (5, None)
