# SPDX-License-Identifier: Apache-2.0
"""A recorded request for people, and for programs: `authz check --request` takes what is told."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from authz.pb.ext_authz_pb2 import CheckRequest
from authz.services.judging import missing_of

if TYPE_CHECKING:
    from authz.store.records_activity import RecordedRequest


def left_out_of(recorded: RecordedRequest) -> tuple[str, ...]:
    """What is missing in a recorded request, for people, as short texts."""
    missing = missing_of(recorded.left_out)
    headers = sorted(name.decode("utf-8", "replace") for name in missing.headers)
    found = [f"the value of the header {name}" for name in headers]
    told = {
        "values of the query": missing.query,
        "parts of the query that may be names": missing.query_names,
        "a part of the path": missing.path,
        "what stood in front of the host": missing.host,
        "the body": missing.body,
        "metadata of other filters": missing.metadata,
    }
    return (*found, *(text for text, is_missing in told.items() if is_missing))


def request_object(recorded: RecordedRequest | None, unrecorded: str) -> dict[str, Any]:
    """A recorded request as JSON, or why there is none."""
    left_out: list[str] = []
    request = None
    if recorded is not None:
        # What cannot be read is none.
        with suppress(DecodeError):
            request = MessageToDict(CheckRequest.FromString(recorded.request))
            left_out = list(left_out_of(recorded))
    return {
        "recorded": request is not None,
        "unrecorded": unrecorded,
        "left_out": left_out,
        "check_request": request,
    }
