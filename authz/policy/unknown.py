# SPDX-License-Identifier: Apache-2.0
"""Unknown inputs: fields whose value we cannot vouch for (architecture 4.9).

A body or a set of headers that was cut short on its way, and a form that the application may read
otherwise than we do. A rule that reads one counts as matching for `block` and as not matching for
`skip` and `log` (policy.ruleset).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.fields_body import (
    BODY_FIELDS,
    FORM_FIELDS,
    MULTIPART_FIELDS,
    MULTIPART_VALUES,
    SIZE,
    TRUNCATED,
    form_of,
    multipart_of,
)

if TYPE_CHECKING:
    from authz.policy.facts import RequestFacts
    from authz.policy.values import RequestValues

#: `max_request_bytes` of ext_authz, as a context extension of the routes it applies to.
BODY_LIMIT: Final = "authz.body_limit"

_HEADER_FIELDS = frozenset(
    {
        "http.request.headers",
        "http.request.headers.names",
        "http.request.headers.values",
        "http.request.accepted_languages",
        "http.request.cookies",
        "http.cookie",
        "http.referer",
        "http.user_agent",
        "http.x_forwarded_for",
    }
)
# Content-Type says what the body is.
_HEADER_DEPENDENT = _HEADER_FIELDS | FORM_FIELDS | MULTIPART_FIELDS
_OF_THE_BODY = BODY_FIELDS | {SIZE, TRUNCATED}
#: Every field that may be unknown: a site whose rules read none of them need not ask, and the lint
#: takes rules that read none of them for certain.
UNSURE_FIELDS: Final = _HEADER_DEPENDENT | _OF_THE_BODY
_TAKEN_APART = FORM_FIELDS | MULTIPART_FIELDS
_NONE: frozenset[str] = frozenset()


def unknown_fields(values: RequestValues, read: frozenset[str]) -> frozenset[str]:
    """Which of the fields `read` have no value that can be relied on in this request."""
    facts = values.facts
    unknown = _NONE
    if not read.isdisjoint(_HEADER_DEPENDENT) and facts.headers_truncated:
        unknown = _HEADER_DEPENDENT & read
    if facts.body_truncated:
        unknown |= BODY_FIELDS & read
        # Chunked, and cut short: there is more than we have seen, nobody knows how much.
        return unknown | ({SIZE} & read) if facts.body_size < 0 else unknown
    if not facts.body or read.isdisjoint(_OF_THE_BODY):
        return unknown
    if _end_is_uncertain(facts):
        return unknown | (_OF_THE_BODY & read)
    if read.isdisjoint(_TAKEN_APART):
        return unknown
    if not read.isdisjoint(FORM_FIELDS) and values.once(form_of) is None:
        unknown |= FORM_FIELDS & read
    if not read.isdisjoint(MULTIPART_FIELDS):
        multipart = values.once(multipart_of)
        if multipart is None:
            unknown |= MULTIPART_FIELDS & read
        elif not multipart.plain:
            unknown |= MULTIPART_VALUES & read
    return unknown


def _end_is_uncertain(facts: RequestFacts) -> bool:
    """Whether the body may go on although Envoy calls it whole.

    Envoy 1.40 (measured) asks as soon as a body fills `max_request_bytes`, and says "false" of one
    that fills it exactly, whatever follows. With content-length the rest shows. Without it (HTTP/2,
    chunked) only the limit would tell: where no context extension names it, a length that somebody
    may have written as a limit is not believed.
    """
    headers = dict(facts.headers)
    if b"x-envoy-auth-partial-body" not in headers or b"content-length" in headers:
        return False
    length = len(facts.body)
    limit = facts.context_extensions.get(BODY_LIMIT, "")
    if limit.isascii() and limit.isdecimal():
        return length >= int(limit[:18])
    return length % 1000 == 0 or length % 1024 == 0 or length.bit_count() == 1
