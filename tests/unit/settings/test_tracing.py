# SPDX-License-Identifier: Apache-2.0
"""Where spans go is an address, and everything else is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from authz.settings.tracing import TracingSettings


def test_it_is_off_and_says_nothing_of_its_own() -> None:
    settings = TracingSettings()

    assert (settings.enabled, settings.endpoint, settings.sample) == (False, None, None)


@pytest.mark.parametrize(
    "endpoint", ["http://collector:4317", "https://[::1]:4317", "http://127.0.0.1:4317/"]
)
def test_an_endpoint_is_the_address_of_a_server(endpoint: str) -> None:
    assert TracingSettings(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "collector:4317",
        "ftp://collector",
        "http://",
        "http://collector:4317/v1/traces",
        "http://collector:4317?a=b",
        "http://user:secret@collector:4317",
        "http://collector:0",
        "http://collector:99999",
        "http://[::1",
    ],
)
def test_what_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="not the address of a server"):
        TracingSettings(endpoint=endpoint)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ValidationError):
        TracingSettings(sample=share)
