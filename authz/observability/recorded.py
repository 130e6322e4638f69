# SPDX-License-Identifier: Apache-2.0
"""A request as it is kept with its event, or why it is not.

Data only. What may be kept is decided in extauthz.recording, who records in events.py.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a recorded request does not have of the one that was sent (extauthz.recording).

    Args:
        headers: names whose values were left out, lower case.
        query: whether values of the query were.
        query_names: whether parts of the query were that may be names.
        path: whether a part of the path was: what stood behind a `#`.
        host: whether something in front of an `@` in the host was.
        body: whether there was a body; it is never kept.
        cut: fields of the body that were unknown then: it was cut short, or can be read in several
            ways (policy.unknown).
        metadata: whether there was metadata of other filters, which was left out.
        size: bytes of the whole CheckRequest.
    """

    headers: tuple[str, ...] = ()
    query: bool = False
    query_names: bool = False
    path: bool = False
    host: bool = False
    body: bool = False
    cut: tuple[str, ...] = ()
    metadata: bool = False
    size: int = 0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A serialised CheckRequest without what is not to be kept, and what that is."""

    request: bytes
    left_out: LeftOut = LeftOut()


class Unrecorded(StrEnum):
    """Why an event comes without its request."""

    #: The settings say so.
    OFF = "off"
    #: It was too large, or all that waited were together.
    TOO_LARGE = "too_large"
    #: There were too many in one second.
    TOO_MANY = "too_many"
    #: Nobody could read it, or there was no time to.
    UNREADABLE = "unreadable"
