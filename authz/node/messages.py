# SPDX-License-Identifier: Apache-2.0
"""What the supervisor and a worker say to each other.

Data only; node.channel carries it. A new kind of message is a new class here and an entry in one of
the two unions. Both sides are started from the same installation, so there is no versioning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from authz.observability.activity import Report
from authz.observability.decision_log_options import DecisionLogOptions


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every message; the class name is the tag."""


# --- supervisor to worker --------------------------------------------------------------------


class RecordConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of requests; extauthz.recording.RecordOptions as plain data."""

    headers: tuple[str, ...] = ()
    query: bool = False
    metadata: bool = False


class TracingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes spans, and of which traces (observability.tracing)."""

    endpoint: str | None = None
    sample: float | None = None


class LogOtlpConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes the lines of the service's log (observability.log_records)."""

    endpoint: str | None = None


class EndpointConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a process needs to answer checks, out of the settings (architecture 6).

    Plain data, so that a worker need not import the settings' model.
    """

    listen: str
    transport: str = "auto"
    reuse_port: bool = False
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    certificate_source: str = "envoy"
    xfcc_trusted_hops: int = 1
    client_ip_trusted_hops: int = 0
    certificate_bytes: int = 65536
    chain_length: int = 8
    events_allowed_every: int = 0
    events_allowed_seconds: float = 0.0
    #: None: requests are not recorded.
    recording: RecordConfig | None = None
    #: None: no lines are written.
    decision_log: DecisionLogOptions | None = None
    #: None: no spans are made, and nothing of OpenTelemetry is imported.
    tracing: TracingConfig | None = None


class Configure(Message, frozen=True, kw_only=True):
    """The first message: who the worker is and how it serves."""

    index: int
    endpoint: EndpointConfig
    log_format: str
    log_level: str
    #: None: lines are on standard error alone.
    log_otlp: LogOtlpConfig | None = None
    drain_seconds: float
    grace_seconds: float


class Load(Message, frozen=True, kw_only=True):
    """Compile this file, with these GeoIP databases, and swap to it."""

    generation: int
    file: str
    geoip_city: str | None = None
    geoip_asn: str | None = None


class Collect(Message, frozen=True, kw_only=True):
    """Send your metrics."""

    number: int


class Pulse(Message, frozen=True, kw_only=True):
    """Say that you are alive, if what answers checks has come round since you were asked last."""


class Heard(Message, frozen=True, kw_only=True):
    """Your report with this number has arrived."""

    number: int


class Drain(Message, frozen=True, kw_only=True):
    """Stop taking checks, finish those begun, exit with status 0."""


# --- worker to supervisor --------------------------------------------------------------------


class Ready(Message, frozen=True, kw_only=True):
    """A snapshot is loaded and the transport is up at `address`."""

    address: str
    transport: str
    why: str


class StartFailed(Message, frozen=True, kw_only=True):
    """The worker cannot serve: an operator's fault, rendered for a person."""

    message: str
    hint: str | None


class Loaded(Message, frozen=True, kw_only=True):
    """Generation `generation` answers checks from now on."""

    generation: int
    seconds: float


class LoadFailed(Message, frozen=True, kw_only=True):
    """Generation `generation` cannot be used; the worker goes on with `kept` (0: with none)."""

    generation: int
    kept: int
    message: str


class Export(Message, frozen=True, kw_only=True):
    """Counters and gauges, as observability.Metrics.export() gives them.

    `number` is that of the Collect it answers, 0 for the last word of a worker that drained.
    """

    number: int
    metrics: dict[str, Any]


class Alive(Message, frozen=True, kw_only=True):
    """What answers checks has come round since the last Pulse."""


class Reported(Message, frozen=True, kw_only=True):
    """What happened since the last report. The next one waits for its Heard."""

    number: int
    report: Report


ToWorker = Configure | Load | Collect | Pulse | Heard | Drain
ToSupervisor = Ready | StartFailed | Loaded | LoadFailed | Export | Alive | Reported
