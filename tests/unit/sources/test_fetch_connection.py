# SPDX-License-Identifier: Apache-2.0
"""Connections that end in time; what goes over them is in test_fetch."""

from __future__ import annotations

import pytest

from authz.sources.fetch_connection import Deadline, PinnedConnection, as_literal, look_up
from authz.sources.fetch_url import parse_url
from tests.factories.http_server import response, serving


def test_a_deadline_passes() -> None:
    assert 0 < Deadline(60).left() <= 60
    with pytest.raises(TimeoutError):
        Deadline(0).left()


def test_the_next_address_is_tried() -> None:
    with serving(lambda _: response(b"hi")) as server:
        url = parse_url(server.url())
        # Nothing listens on that loopback address at that port.
        connection = PinnedConnection(url, ["127.0.0.2", "127.0.0.1"], Deadline(20), None)
        connection.connect()
        connection.close()


def test_no_address_at_all() -> None:
    connection = PinnedConnection(parse_url("http://x/"), [], Deadline(20), None)
    with pytest.raises(OSError, match="no address"):
        connection.connect()


def test_looking_up() -> None:
    assert look_up("127.0.0.1", 80) == ("127.0.0.1",)
    assert as_literal("127.0.0.1") == ("127.0.0.1",)
    assert as_literal("x.example") == ()
