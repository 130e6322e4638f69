# SPDX-License-Identifier: Apache-2.0
"""Checks that were answered by what a store says, and kept in it with their requests.

traffic = Traffic(store)
traffic.send(path="/admin")                  as tests.factories.checks.check_request takes them
traffic.send(certificate=alice.pem)
traffic.keep()                               what a worker and the control process do
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.recording import Recording, RecordOptions
from authz.extauthz.service import CheckService
from authz.observability.events import EventRecorder
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.services.activity import keep_activity
from authz.services.judging import Judge
from authz.settings.events import HEADERS
from tests.factories.checks import check_request

if TYPE_CHECKING:
    from authz.observability.events import Event
    from authz.store.engine import Store


class Traffic:
    """A node's worker and what becomes of what it tells.

    Attributes:
        now: Unix seconds; each check takes one.
    """

    def __init__(self, store: Store, *, now: float, query: bool = False) -> None:
        self.now = now
        self._store = store
        options = DecodeOptions()
        self._recorder = EventRecorder(
            lambda data: decode(data, options).source_address,
            allowed_every=1,
            record=Recording(RecordOptions(headers=frozenset(HEADERS), query=query), options),
        )
        self._judge = Judge()
        self._service = CheckService(
            options,
            DEFAULT_LIMITS,
            Metrics(),
            clock=lambda: self.now,
            note=self._recorder.note,
        )

    def send(self, **changes: Any) -> str:
        """Answer a check by the rules in force; the identifier of its event."""
        with self._store.read() as session:
            self._service.snapshot = self._judge.live(session, self.now).snapshot
        answer = self._service.check(check_request(**changes).SerializeToString())
        self.now += 1.0
        return str(CheckResponse.FromString(answer).dynamic_metadata["decision_id"])

    def keep(self, **changes: Any) -> list[Event]:
        """Keep the events of what was sent since the last time."""
        events = list(self._recorder.drain_events(1000, 10**9))
        keep_activity(self._store, {}, events, **changes)
        return events
