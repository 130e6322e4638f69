# SPDX-License-Identifier: Apache-2.0
"""The settings of `log`: how the service's own lines look, which there are, and who takes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from authz.settings.problems import Section
from authz.settings.tracing import OtlpEndpoint  # noqa: TC001 - pydantic evaluates it


class LogOtlpSettings(Section):
    """Each line as a log record as well, handed to an OpenTelemetry collector over OTLP (gRPC)
    ([guide](../how-to/collect-the-log.md)).

    Takes the extra `otel`, as traces do, and reads the environment as they do
    ([tracing](#tracing)). Lines stay on standard error, whatever becomes of records.
    """

    enabled: bool = Field(default=False, description="Whether log records are sent.")
    endpoint: OtlpEndpoint | None = Field(
        default=None,
        description="Who takes them: `http://host:port`, or `https://` for TLS. Without it, as "
        "`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says, or "
        "`http://localhost:4317`.",
    )


class LogSettings(Section):
    """Log lines on standard error, and as log records."""

    format: Literal["json", "console"] = Field(
        default="json", description="For machines or for a person's eyes."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest severity that is written, or sent."
    )
    otlp: LogOtlpSettings = Field(default_factory=LogOtlpSettings)
