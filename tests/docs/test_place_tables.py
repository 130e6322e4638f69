# SPDX-License-Identifier: Apache-2.0
"""The tables "where you run it" of how-to pages: each has a row for every shipped deployment, and
our own command takes what it is called with there, through `docker compose exec` and the like."""

from __future__ import annotations

import re

import pytest

from tests.docs.dry_run import calls_of
from tests.docs.programs import check
from tests.factories.page_blocks import ROOT

PAGES = ("back-up-and-restore", "a-key-leaked", "rotate-a-ca")
PLACES = ["systemd", "Compose", "Kubernetes, manifests", "Kubernetes, chart"]
_PROGRAMS = ("sudo ", "docker ", "kubectl ", "openssl ")


def _rows(page: str) -> dict[str, list[str]]:
    """The commands in each row, by where they are run."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    table = text.partition("\n| where you run it |")[2].partition("\n\n")[0]
    found = {}
    for line in table.splitlines()[2:]:
        place, cells = line.removeprefix("| ").split(" | ", 1)
        found[place] = [one for one in re.findall(r"`([^`]+)`", cells) if one.startswith(_PROGRAMS)]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_there_is_a_row_for_each_deployment_and_its_commands_are_taken(page: str) -> None:
    rows = _rows(page)

    assert list(rows) == PLACES
    for commands in rows.values():
        calls = [words for command in commands for words in calls_of(command)]
        # Some row without ours would be a row that says nothing.
        assert any("authz" in words for words in calls), commands
        for words in calls:
            check(words)


def test_a_command_that_would_be_refused_is_noticed() -> None:
    (words,) = calls_of("docker compose exec -T authz authz db backup --nowhere")

    with pytest.raises(AssertionError, match="No such option"):
        check(words)
