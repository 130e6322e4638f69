# SPDX-License-Identifier: Apache-2.0
"""A recorded request for people: what was kept of it, and what was left out, each in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.services.judging import missing_of

if TYPE_CHECKING:
    from authz.store.records_activity import RecordedRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHeader:
    """A header line; `kept` is false where only its name was, and that it had a value."""

    name: str
    value: str
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedArgument:
    """A part of the query, the same way."""

    name: str
    value: str
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedView:
    """A request as it was recorded; texts of the client's, bytes that are none escaped.

    Args:
        path: without the query; `path_cut` where a part of it was left out.
        query: its parts; None where it had none.
        sni: None where it is not known, "" for none.
        body, metadata: whether there was one, which is never kept, or is not here.
        size: bytes of the whole CheckRequest that was asked, 0 when that is not known.
    """

    method: str
    scheme: str
    host: str
    path: str
    path_cut: bool
    query: tuple[RecordedArgument, ...] | None
    protocol: str
    headers: tuple[RecordedHeader, ...]
    source: str
    source_port: int
    sni: str | None
    body: bool
    metadata: bool
    size: int


def view_of(recorded: RecordedRequest, options: DecodeOptions | None = None) -> RecordedView | None:
    """What there is of a request; None when it cannot be read."""
    missing = missing_of(recorded.left_out)
    try:
        facts = decode(recorded.request, options or DecodeOptions())
        facts.insist()
    except Undecodable:
        return None
    path, mark, query = facts.path.partition(b"?")
    return RecordedView(
        method=_text(facts.method),
        scheme=_text(facts.scheme),
        host=_text(facts.host),
        path=_text(path),
        path_cut=missing.path,
        query=tuple(_arguments(query, values_missing=missing.query)) if mark else None,
        protocol=_text(facts.protocol),
        headers=tuple(
            RecordedHeader(
                name=_text(name),
                value=_text(value),
                kept=bool(value) or name not in missing.headers,
            )
            for name, value in facts.headers
        ),
        source=facts.peer_address,
        source_port=facts.peer_port,
        sni=facts.sni,
        body=missing.body,
        metadata=missing.metadata,
        size=missing.size,
    )


def _arguments(query: bytes, *, values_missing: bool) -> list[RecordedArgument]:
    found: list[RecordedArgument] = []
    for piece in query.split(b"&"):
        name, equals, value = piece.partition(b"=")
        if not piece:
            continue
        left_out = bool(equals) and not value and values_missing
        found.append(RecordedArgument(name=_text(name), value=_text(value), kept=not left_out))
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
