# SPDX-License-Identifier: Apache-2.0
"""Answering checks in this process: service, health and transport, put together and drained.

The same in a worker and in a process that does it all. Knows no policy files and no supervisor.
"""

from __future__ import annotations

import importlib
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from authz.certs.presented import CertificateLimits, CertificateSource
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.health import HealthState
from authz.extauthz.recording import Recording, RecordOptions
from authz.extauthz.service import CheckService, nothing_about
from authz.extauthz.transport import TlsFiles, TransportKind, TransportOptions, open_transport
from authz.extauthz.transport.choose import choose
from authz.node.drain import DRAIN_SECONDS, GRACE_SECONDS
from authz.node.log_export import Ending, opentelemetry
from authz.node.reporter import Reporting
from authz.node.vital import give_up, watch
from authz.observability.events import EventRecorder
from authz.observability.log import hurry
from authz.observability.metrics import Metrics
from authz.observability.seen_certificates import SeenCertificates
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from authz.extauthz.transport import Transport
    from authz.extauthz.transport.base import Caller
    from authz.node.messages import EndpointConfig, RecordConfig
    from authz.observability.decision_feed import DecisionFeed
    from authz.policy.snapshot import Snapshot


class Endpoint:
    """One listener for checks.

    Raises:
        SettingsError: traces cannot be made.

    Attributes:
        metrics: what this process counts, as worker `name`.
        health: what Envoy is told.
        events: notes what is worth telling; whoever has it drained is node.reporter.
        certificates: notes those that somebody should ask about.
        decisions: takes decisions to the decision log and into traces; None without either.
        draining: True from the moment health went to NOT_SERVING for good.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        name: str = "0",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.metrics = Metrics(name)
        self.health = HealthState()
        self.draining = False
        self._ending = False
        self._transport: Transport | None = None
        options = DecodeOptions(
            certificate_source=CertificateSource(config.certificate_source),
            xfcc_trusted_hops=config.xfcc_trusted_hops,
            client_ip_trusted_hops=config.client_ip_trusted_hops,
        )
        self.events = EventRecorder(
            lambda data: decode(data, options).source_address,
            config.events_allowed_every,
            allowed_seconds=config.events_allowed_seconds,
            record=None if config.recording is None else recording_of(config.recording, options),
        )
        self.certificates = SeenCertificates()
        self.decisions = _feed_of(config, name, self.events, options)
        self._service = CheckService(
            options,
            CertificateLimits(
                certificate_bytes=config.certificate_bytes, chain_length=config.chain_length
            ),
            self.metrics,
            clock,
            note=self.events.note if self.decisions is None else self.decisions.note,
            unanswered=self.certificates.note,
            about=nothing_about if self.decisions is None else self.decisions.about,
        )
        self._options = _transport_options(
            config, tls_failed=lambda: self.metrics.reload_failed("tls"), caller=self.decisions
        )
        self.metrics.memo = self._service.memo
        self.metrics.events = self.events
        self.metrics.certificates = self.certificates
        self.metrics.decisions = self.decisions

    @property
    def snapshot(self) -> Snapshot | None:
        """What answers checks."""
        return self._service.snapshot

    @property
    def serving(self) -> bool:
        """True while a snapshot is loaded, the transport is up and no drain has begun."""
        return self.health.serving

    def beats(self) -> int:
        """A number that goes on growing as long as checks are answered, or could be."""
        transport = self._transport
        return 0 if transport is None else transport.beats()

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        """Answer one check, as the transport has it answered."""
        return self._service.check(data, remaining)

    def swap(self, snapshot: Snapshot) -> None:
        """Answer by `snapshot` from the next check on. One assignment: nobody waits."""
        self._service.snapshot = snapshot
        self.metrics.snapshot_loaded(snapshot)

    def reporting(self) -> Reporting:
        """What there is to tell of the checks here."""
        return Reporting(self.events, self.metrics.counts, self.certificates)

    def span(self, name: str, **attributes: str | int) -> AbstractContextManager[None]:
        """What is done in this context is a span of its own, where there are traces."""
        if self.decisions is None or self.decisions.tracing is None:
            return nullcontext()
        return self.decisions.tracing.span(name, **attributes)

    def prepare(self) -> None:
        """Import what the transport needs; for when there is nothing better to do than wait.

        Raises:
            TransportError: the transport cannot do what the settings ask.
        """
        kind, _ = choose(self._options)
        importlib.import_module(f"authz.extauthz.transport.{kind.value}")

    def start(self) -> Transport:
        """Open the listener; health is SERVING afterwards. A snapshot must have been swapped in.

        From then on this process ends when a thread does without which nobody is answered
        (node.vital).

        Raises:
            TransportError: the address cannot be bound, TLS files cannot be used, or there are no
                threads for it. Where those run out later, the process ends.
        """
        self._transport = open_transport(self._options, self._service, self.health)
        self.metrics.transport = self._transport.name
        if self.decisions is not None:
            self.decisions.start()
        try:
            self._transport.start()
            watch(self._transport.threads, self.is_ending)
        except RuntimeError as error:
            give_up(error)
        self.health.set_serving(True)
        return self._transport

    def let_go(self) -> None:
        """This process ends anyway: that threads end is no fault any more."""
        self._ending = True

    def is_ending(self) -> bool:
        """Whether threads that answer may end."""
        return self._ending

    def drain(
        self,
        drain_seconds: float = DRAIN_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        *,
        wait: Callable[[float], object] = time.sleep,
        ending: Ending | None = None,
    ) -> None:
        """Tell Envoy to go elsewhere, answer whoever still comes meanwhile, then close.

        `ending` begins when no check is under way any more.
        """
        self.draining = True
        self.health.set_serving(False)
        if self._transport is None:
            return
        wait(drain_seconds)
        self.let_go()
        self._transport.stop(grace_seconds)
        self._transport = None
        # The log's records go out beside those of decisions; the last lines are still to come.
        hurry()
        if self.decisions is not None:
            self.decisions.stop((ending or Ending()).left())


def recording_of(config: RecordConfig, options: DecodeOptions) -> Recording:
    """What makes of requests what may be kept of them."""
    return Recording(
        RecordOptions(
            headers=frozenset(config.headers), query=config.query, metadata=config.metadata
        ),
        options,
    )


def _feed_of(
    config: EndpointConfig, worker: str, events: EventRecorder, options: DecodeOptions
) -> DecisionFeed | None:
    """Who is told of every decision, besides the events; None when nobody wants to know.

    Raises:
        SettingsError: OpenTelemetry refuses what the settings and the environment say.
    """
    if config.decision_log is None and config.tracing is None:
        return None
    # Not imported where it is off.
    from authz.extauthz.reading import read_request
    from authz.observability.decision_feed import DecisionFeed

    log = tracing = records = None
    if config.decision_log is not None:
        from authz.observability.decision_log import DecisionLog

        log = DecisionLog(config.decision_log, worker)
        if config.decision_log.otlp:
            with opentelemetry("log records", "decision_log.otlp"):
                from authz.observability.decision_records import DecisionRecords

                records = DecisionRecords(worker, config.decision_log.otlp_endpoint)
    if config.tracing is not None:
        with opentelemetry("traces", "tracing"):
            from authz.observability.tracing import Tracing

            tracing = Tracing(worker, config.tracing.endpoint, config.tracing.sample)
    return DecisionFeed(
        events.note, lambda data: read_request(data, options), log, tracing, records
    )


def _transport_options(
    config: EndpointConfig, *, tls_failed: Callable[[], None], caller: Caller | None
) -> TransportOptions:
    tls = None
    if config.certificate is not None and config.key is not None:
        tls = TlsFiles(
            certificate=Path(config.certificate),
            key=Path(config.key),
            client_ca=None if config.client_ca is None else Path(config.client_ca),
        )
    return TransportOptions(
        listen=parse_address(config.listen),
        kind=TransportKind(config.transport),
        tls=tls,
        reuse_port=config.reuse_port,
        tls_failed=tls_failed,
        caller=caller,
    )
