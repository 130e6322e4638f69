# SPDX-License-Identifier: Apache-2.0
"""The service's log is for standard error, and for a collector where somebody says so."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from authz.settings.log import LogSettings


def test_it_is_on_standard_error_and_nowhere_else() -> None:
    settings = LogSettings()

    assert (settings.format, settings.level) == ("json", "info")
    assert (settings.otlp.enabled, settings.otlp.endpoint) == (False, None)


def test_a_collector_is_named_and_asked_for() -> None:
    found = LogSettings.model_validate({"otlp": {"enabled": True, "endpoint": "https://c:4317"}})

    assert (found.otlp.enabled, found.otlp.endpoint) == (True, "https://c:4317")
    # Naming one switches nothing on.
    assert not LogSettings.model_validate({"otlp": {"endpoint": "http://c:4317"}}).otlp.enabled


@pytest.mark.parametrize("endpoint", ["collector:4317", "http://a/v1/logs", "http://u:p@a"])
def test_records_go_to_the_address_of_a_server(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="not the address of a server"):
        LogSettings.model_validate({"otlp": {"endpoint": endpoint}})
