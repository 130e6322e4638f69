# SPDX-License-Identifier: Apache-2.0
"""The settings of `tracing`: whether checks are spans of traces, and who takes them."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from authz.settings.problems import Section, fault


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.path not in ("", "/") or parts.query or parts.username:
        raise fault(
            "the endpoint is not the address of a server",
            hint='write "http://collector:4317", or https for TLS',
        )
    return value


#: Where OTLP over gRPC is taken.
OtlpEndpoint: TypeAlias = Annotated[str, AfterValidator(_endpoint)]


class TracingSettings(Section):
    """Traces of checks, handed to an OpenTelemetry collector over OTLP (gRPC)
    ([guide](../how-to/trace-checks.md)).

    Takes the extra `otel`: `pip install 'envoy-mtls-authz[otel]'`. Where it is on, the variables of
    the OpenTelemetry SDK are read from the environment (`OTEL_SERVICE_NAME`,
    `OTEL_EXPORTER_OTLP_ENDPOINT`, …), and from nowhere else is anything; what is set here wins.
    """

    enabled: bool = Field(default=False, description="Whether spans are made.")
    endpoint: OtlpEndpoint | None = Field(
        default=None,
        description="Who takes them: `http://host:port`, or `https://` for TLS. Without it, as "
        "`OTEL_EXPORTER_OTLP_ENDPOINT` says, or `http://localhost:4317`.",
    )
    sample: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="The share of the traces that begin here. Those that began elsewhere are "
        "followed if they are sampled there. Without it, as `OTEL_TRACES_SAMPLER` says, or all.",
    )
