# SPDX-License-Identifier: Apache-2.0
"""What events say, in words."""

from __future__ import annotations

from typing import Any

import pytest

from authz.certs.failure import VerifyFailure
from authz.dashboard.event_words import (
    FAILURES,
    REASONS,
    VERDICTS,
    action_word,
    certificate_state,
    reason_sentence,
    reason_word,
    series_word,
    site_word,
    verdict_word,
)
from authz.policy.decision import Reason, Verdict


def test_there_are_words_for_everything_that_is_decided() -> None:
    assert set(REASONS) == {one.value for one in Reason}
    assert set(VERDICTS) == {one.value for one in Verdict}
    assert set(FAILURES) == {one.value for one in VerifyFailure}


def test_what_a_later_release_says_is_shown_as_it_is() -> None:
    assert (verdict_word("maybe"), action_word("wait"), reason_word("moon")) == (
        "maybe",
        "wait",
        "moon",
    )
    assert reason_sentence("moon") == ""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"presented": False}, ("None", "plain")),
        ({"revoked": True, "verified": True}, ("Revoked", "bad")),
        ({"verified": True}, ("Verified", "good")),
        ({"failure": "expired"}, ("Not verified: expired", "warn")),
        ({"failure": "moon"}, ("Not verified: moon", "warn")),
        ({}, ("Not looked at", "plain")),
    ],
)
def test_certificates(event: dict[str, Any], words: tuple[str, str]) -> None:
    plain = {"presented": True, "revoked": False, "verified": False, "failure": ""}

    assert certificate_state({**plain, **event}) == words


def test_sites_are_hosts_or_all_others_of_a_zone() -> None:
    assert site_word("api.example.com") == "api.example.com"
    assert site_word("default (other hosts)") == "Other hosts of default"
    assert site_word("default (other hosts) (store)") == "Other hosts of default"
    assert site_word("") == "No host of ours"


@pytest.mark.parametrize(
    ("by", "name", "word"),
    [
        ("verdict", "deny", "Blocked"),
        ("action", "", "Refused outright"),
        ("reason", "rule", "Rule"),
        ("rule", "", "No rule"),
        ("rule", "r", "r"),
        ("host", "a.example", "a.example"),
        ("host", "*", "All others"),
    ],
)
def test_lines_of_charts(by: str, name: str, word: str) -> None:
    assert series_word(by, name) == word
