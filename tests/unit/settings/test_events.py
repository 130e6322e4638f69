# SPDX-License-Identifier: Apache-2.0
"""What is kept of checks is the operator's choice, and little unless they say otherwise."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from authz.settings.events import HEADERS, EventSettings


def test_nothing_that_lets_anybody_in_is_kept_by_default() -> None:
    settings = EventSettings()

    assert settings.headers == list(HEADERS)
    assert not {"authorization", "cookie", "proxy-authorization", "x-api-key"} & set(HEADERS)
    assert not settings.query
    assert not settings.metadata
    assert list(HEADERS) == sorted({name.lower() for name in HEADERS})


def test_names_of_headers_are_lower_case() -> None:
    assert EventSettings(headers=["X-Tenant", "Origin"]).headers == ["x-tenant", "origin"]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a" * 257])
def test_what_is_no_header_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name of a header"):
        EventSettings(headers=[name])
