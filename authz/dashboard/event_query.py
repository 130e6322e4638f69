# SPDX-License-Identifier: Apache-2.0
"""What somebody asks of the page of events: which time, which events, told apart by what.

It is the query of the page's address: links change one part of it, and a form all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, get_args
from urllib.parse import urlencode

from authz.dashboard.event_words import action_word, reason_word, site_word, verdict_word
from authz.dashboard.spans import DEFAULT, Span, preset, span_of
from authz.errors import AuthzError, InvalidInputError
from authz.policy.decision import Verdict
from authz.services.check_counts import By, CountedBy
from authz.services.events import EventFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What charts tell apart, and what people call it.
GROUPS: Final[Mapping[By, str]] = {
    "verdict": "Result",
    "action": "Action",
    "reason": "Reason",
    "rule": "Rule",
    "host": "Host",
}

#: The fields that filter, and what people call them.
FILTERS: Final[Mapping[str, str]] = {
    "verdict": "Result",
    "action": "Action",
    "reason": "Reason",
    "rule": "Rule",
    "site": "Site",
    "host": "Host",
    "path": "Path",
    "certificate": "Certificate",
}

#: Instead of an action, of a decision that none made: an empty field does not matter.
NO_ACTION: Final = "none"
#: At the end of a path: whatever begins like it.
ANYTHING: Final = "*"

_MAX_TEXT: Final = 512
_WORDS: Final = {
    "verdict": verdict_word,
    "action": lambda action: action_word("" if action == NO_ACTION else action),
    "reason": reason_word,
    "site": site_word,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter that is set: what it is, and where the page is without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """What is asked.

    Args:
        filters: texts by the names of FILTERS; one that is "" does not matter.
        before, after: numbers of events, of pages.
    """

    span: Span
    filters: Mapping[str, str]
    by: By = "verdict"
    before: int | None = None
    after: int | None = None

    def filter(self, zone_id: str | None, *, timed: bool = True) -> EventFilter:
        """As the service takes it; without the time, `timed` false."""
        wanted = {name: value or None for name, value in self.filters.items()}
        path, action = wanted["path"], wanted["action"]
        is_prefix = path is not None and path.endswith(ANYTHING)
        return EventFilter(
            zone_id=zone_id,
            site=wanted["site"],
            verdict=wanted["verdict"],
            reason=wanted["reason"],
            matched=wanted["rule"],
            action="" if action == NO_ACTION else action,
            path=None if is_prefix else path,
            path_prefix=path.removesuffix(ANYTHING) if path is not None and is_prefix else None,
            host=wanted["host"],
            fingerprint_sha256=wanted["certificate"],
            since=self.span.since if timed else None,
            until=self.span.until if timed else None,
        )

    @property
    def counted(self) -> dict[CountedBy, str] | None:
        """What exact counts are asked for; None where they do not tell this apart."""
        if any(self.filters[name] for name in ("host", "path", "certificate")):
            return None
        found: dict[CountedBy, str] = {}
        for name in get_args(CountedBy):
            value = self.filters[name]
            if value:
                found[name] = "" if (name, value) == ("action", NO_ACTION) else value
        return found

    @property
    def is_filtered(self) -> bool:
        """Whether not all events of the time are wanted."""
        return any(self.filters.values())

    def fields(self, *, paged: bool = True) -> dict[str, str]:
        """The fields of the query, those that matter."""
        found = dict(self.span.fields)
        found |= {name: value for name, value in self.filters.items() if value}
        if self.by != "verdict":
            found["by"] = self.by
        if paged:
            for name, number in (("before", self.before), ("after", self.after)):
                if number is not None:
                    found[name] = str(number)
        return found

    def url(self, **changes: str | int | None) -> str:
        """The address of the page with some fields changed, on the first page of events."""
        fields = self.fields(paged=False)
        for name, value in changes.items():
            fields.pop(name, None)
            if value is not None and value != "":
                fields[name] = str(value)
        return f"?{urlencode(fields)}"

    def at_span(self, fields: Mapping[str, str]) -> str:
        """The address of the page for another time."""
        kept = self.fields(paged=False)
        for name in ("span", "since", "until"):
            kept.pop(name, None)
        return f"?{urlencode({**fields, **kept})}"

    def chips(self) -> list[Chip]:
        """The filters that are set."""
        return [
            Chip(
                label=label,
                value=_WORDS.get(name, str)(self.filters[name]),
                without=self.url(**{name: None}),
            )
            for name, label in FILTERS.items()
            if self.filters[name]
        ]


def query_of(given: Mapping[str, str], now: float) -> tuple[EventQuery, AuthzError | None]:
    """What a query means, and what is wrong with it: then it is about the usual time, or all."""
    filters = {name: _text(given.get(name, "")) for name in FILTERS}
    by = given.get("by") or "verdict"
    error: AuthzError | None = None
    span = preset(DEFAULT, now)
    before = after = None
    try:
        span = span_of(given.get("span", ""), given.get("since", ""), given.get("until", ""), now)
        before, after = _number(given, "before"), _number(given, "after")
        if by not in GROUPS:
            raise InvalidInputError(
                f'nothing can be told apart by "{by[:20]}"', hint=f"one of {', '.join(GROUPS)}"
            )
        if filters["verdict"] not in ("", *Verdict):
            raise InvalidInputError(
                f'there is no result "{filters["verdict"][:20]}"', hint="deny or allow"
            )
    except InvalidInputError as found:
        error = found
    query = EventQuery(
        span=span,
        filters=filters if error is None else {**filters, "verdict": ""},
        by=cast("By", by if by in GROUPS else "verdict"),
        before=before,
        after=None if before is not None else after,
    )
    return query, error


def without_filters(query: EventQuery) -> EventQuery:
    """The same of all events of the time."""
    return replace(query, filters=dict.fromkeys(FILTERS, ""), before=None, after=None)


def _text(value: str) -> str:
    # As events are kept: a NUL is no text of a column.
    return value.strip().replace("\0", "\\x00")[:_MAX_TEXT]


def _number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInputError(f"{name}: not the number of an event", hint="use the links")
    return int(text)
