# SPDX-License-Identifier: Apache-2.0
"""The settings of `events`: which checks are told one by one, and what is kept of them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from authz.settings.problems import Section, fault

#: Headers whose values are kept unless the settings name others: what kind of program asks, and
#: where from, and nothing that lets anybody in.
HEADERS: Final = (
    "accept",
    "accept-encoding",
    "accept-language",
    "origin",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
)

# RFC 9110 section 5.1.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")


def _header(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise fault(f'"{value}" is no name of a header', hint='write "user-agent"')
    return value.lower()


class EventSettings(Section):
    """Which checks are told one by one, besides being counted, and what is kept of them.

    Denials and matches of `log` rules always are, up to a thousand a second, and a sample of what
    is let through. With a store, each is kept with its request, from which the decision can be made
    again: to explain it, and to try other rules. Bodies are never kept, values of headers and of
    the query as is set here.
    """

    allowed_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=10,
        description="Of each client, and of what is decided of it, one allowed check is told "
        "in so many seconds, ten a second in all; 0: none. It costs a check nothing.",
    )
    allowed_every: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(
        default=0,
        description="Every so many allowed checks, one is told, instead of by time; 0: by time.",
    )
    requests: bool = Field(
        default=True, description="Whether requests are kept with the events, where a store is."
    )
    headers: list[Annotated[str, AfterValidator(_header)]] = Field(
        default=list(HEADERS),
        description="Headers whose values are kept. Of all others the name is, and that there was "
        "a value. Besides these, what says how long a body is and of which type, and what "
        "`client_ip` and `certificate_source` are read from.",
    )
    query: bool = Field(
        default=False,
        description="Whether the values of the query are kept; their names are in any case.",
    )
    metadata: bool = Field(
        default=False,
        description="Whether what other filters of Envoy found out is kept, claims of tokens for "
        "instance.",
    )
    keep_events: Annotated[int, Field(ge=0, le=100_000_000)] = Field(
        default=100_000, description="Events that are kept in the store, the latest."
    )
    keep_days: Annotated[int, Field(ge=0, le=3_650)] = Field(
        default=30, description="For how long."
    )
    keep_megabytes: Annotated[int, Field(ge=0, le=1_048_576)] = Field(
        default=256, description="And as far as they fit into so much, with their requests."
    )
