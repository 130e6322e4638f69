# SPDX-License-Identifier: Apache-2.0
"""Log lines: one event a line, whatever is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.observability.log import (
    LEVELS,
    RateLimit,
    configure_logging,
    escape,
    get_logger,
    hand_to,
    handed_on,
    hurry,
    stop_handing_on,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    configure_logging()
    hand_to(None)


def lines(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_an_event_is_one_json_object_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger().info("policy loaded", generation=3)

    (line,) = map(json.loads, lines(capsys))
    assert (line["event"], line["level"], line["generation"]) == ("policy loaded", "info", 3)
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("hostile", ["a\nb", "\x1b[2J", "\r", "\0", "\u2028", "\u202e", "\x9b"])
def test_hostile_text_stays_on_its_line_and_off_the_terminal(
    capsys: pytest.CaptureFixture[str], style: str, hostile: str
) -> None:
    """CVE-2024-45808: an SNI that wrote its own log lines."""
    configure_logging(style)

    get_logger().warning("seen", sni=hostile)

    (line,) = lines(capsys)
    assert line.isprintable()


def test_a_console_line_is_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console")

    get_logger().info("listening", address="127.0.0.1:50051", why="two words", empty="")

    (line,) = lines(capsys)
    assert line.endswith('info    listening address=127.0.0.1:50051 why="two words" empty=""')


def test_a_traceback_is_readable_on_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console")
    try:
        raise ValueError("bad \x1b text")
    except ValueError as error:
        get_logger().error("failed", exc_info=error)

    first, *trace = lines(capsys)
    assert first.endswith("failed")
    assert trace[-1] == "    ValueError: bad \\x1b text"


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "warning")
    log = get_logger()
    log.debug("no")
    log.info("no")
    log.warning("yes")
    log.error("yes")

    assert len(lines(capsys)) == 2


@pytest.mark.parametrize("level", list(LEVELS))
def test_each_level_writes_its_own_events(capsys: pytest.CaptureFixture[str], level: str) -> None:
    configure_logging("json", level)

    getattr(get_logger(), level)("event")

    assert json.loads(lines(capsys)[0])["level"] == level


def test_bound_fields_are_on_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    base = get_logger().bind(worker=1)
    base.bind(transport="native").info("one")
    base.info("two")

    one, two = map(json.loads, lines(capsys))
    assert (one["worker"], one["transport"], two["worker"]) == (1, "native", 1)
    assert "transport" not in two


def test_what_json_does_not_know_is_written_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger().info("seen", thing={1}, raw=b"\xff")

    assert json.loads(lines(capsys)[0])["thing"] == "{1}"


class Taker:
    """Who is handed lines."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, dict[str, Any]]] = []
        self.ends: list[float | str] = []

    def put(self, at: float, level: str, event: str, fields: dict[str, Any]) -> None:
        assert at > 0
        self.taken.append((level, event, dict(fields)))

    def counts(self) -> dict[str, int]:
        return {"exported": len(self.taken)}

    def hurry(self) -> None:
        self.ends.append("hurry")

    def stop(self, seconds: float) -> None:
        self.ends.append(seconds)


@pytest.mark.parametrize("style", ["json", "console"])
def test_lines_are_handed_on_beside_standard_error_but_local_ones(
    capsys: pytest.CaptureFixture[str], style: str
) -> None:
    configure_logging(style)
    taker = Taker()
    assert handed_on() == {}
    hand_to(taker)
    local = get_logger(local=True).bind(about="exports")
    local.warning("only here")
    get_logger().debug("below the level")
    get_logger().bind(worker=1).error("failed", exc_info=ValueError("why"))
    hurry()
    stop_handing_on(1.5)

    [(level, event, fields)] = taker.taken
    assert (level, event, fields["worker"]) == ("error", "failed", 1)
    assert fields["exception"] == "ValueError: why\n"
    assert handed_on() == {"exported": 1}
    assert taker.ends == ["hurry", 1.5]
    text = "\n".join(lines(capsys))
    assert "only here" in text
    assert "ValueError: why" in text


def test_where_nobody_is_handed_lines_there_is_nobody_to_wait_for() -> None:
    hurry()
    stop_handing_on(1.5)


def test_printable_text_is_left_alone() -> None:
    assert escape("Zürich \N{SNOWMAN}") == "Zürich \N{SNOWMAN}"
    assert escape("\ud800\t") == "\\ud800\\t"


def test_a_rate_limit_admits_one_and_counts_the_others() -> None:
    limit = RateLimit(10)

    assert [limit.admit(at) for at in (0, 1, 9.9, 10, 25)] == [0, None, None, 2, 0]
