# SPDX-License-Identifier: Apache-2.0
"""A recorded request for people: what was left out is said to be, in its place."""

from __future__ import annotations

from typing import Any

from authz.extauthz.decode import DecodeOptions
from authz.extauthz.recording import Recording, RecordOptions
from authz.services.recorded_view import RecordedView, view_of
from authz.store.records_activity import RecordedRequest
from tests.factories.checks import check_request


def _view(options: RecordOptions | None = None, **changes: Any) -> RecordedView:
    recording = Recording(options or RecordOptions(), DecodeOptions())
    recorded = recording(check_request(**changes).SerializeToString())
    left_out = recorded.left_out
    kept = RecordedRequest(
        request=recorded.request,
        left_out={name: getattr(left_out, name) for name in left_out.__struct_fields__},
    )
    found = view_of(kept)
    assert found is not None
    return found


def test_values_that_were_left_out_are_told_from_empty_ones() -> None:
    view = _view(
        RecordOptions(headers=frozenset({"accept"})),
        headers=(("accept", "*/*"), ("cookie", "session=secret"), ("x-empty", "")),
    )

    assert [(one.name, one.value, one.kept) for one in view.headers if one.name != "host"] == [
        ("accept", "*/*", True),
        ("cookie", "", False),
        ("x-empty", "", True),
    ]


def test_of_the_query_names_are_shown() -> None:
    view = _view(path="/orders?id=7&&flag&empty=")

    assert (view.path, view.path_cut) == ("/orders", False)
    assert view.query is not None
    # Whether a value that is empty was so nobody knows: it is not claimed to be.
    assert [(one.name, one.kept) for one in view.query] == [("id", False), ("empty", False)]
    assert _view(path="/orders").query is None
    kept = _view(RecordOptions(query=True), path="/?a=b%20c&d").query
    assert kept is not None
    assert [(one.name, one.value, one.kept) for one in kept] == [
        ("a", "b%20c", True),
        ("d", "", True),
    ]


def test_the_rest_of_it() -> None:
    view = _view(method="POST", path="/a#b", body="secret", sni="", host="b.example.com")

    assert (view.method, view.scheme, view.host) == ("POST", "https", "b.example.com")
    assert (view.source, view.source_port, view.sni) == ("198.51.100.7", 41234, "")
    assert (view.body, view.metadata, view.path_cut) == (True, False, True)
    assert view.protocol == "HTTP/2"
    assert view.size > 0


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert _view(path=b"/\xff").path == "/\\xff"


def test_what_nobody_can_read_is_nothing() -> None:
    assert view_of(RecordedRequest(request=b"\xff\xff")) is None
