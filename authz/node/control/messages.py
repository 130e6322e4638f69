# SPDX-License-Identifier: Apache-2.0
"""What the supervisor and the control process say to each other. Data only, as node.messages."""

from __future__ import annotations

from authz.node.control.config import ControlConfig
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.loader_messages import Findings
from authz.node.messages import Message
from authz.observability.activity import Report

# --- supervisor to control process -----------------------------------------------------------


class InForce(Message, frozen=True, kw_only=True):
    """The workers are told to answer by this snapshot file."""

    generation: int
    file: str


class Rebuild(Message, frozen=True, kw_only=True):
    """Publish again, changed or not."""


class Tell(Message, frozen=True, kw_only=True):
    """What workers tell about checks."""

    report: Report


# --- control process to supervisor -----------------------------------------------------------


class Listening(Message, frozen=True, kw_only=True):
    """The ports that were asked for are open, with the numbers the system chose."""

    sds: str | None
    publication: str | None


class NewSnapshot(Message, frozen=True, kw_only=True):
    """There is something to enforce, in `file`, with these GeoIP databases.

    `last_good`: the store cannot be read or enforced, and this is what it said last.
    """

    generation: int
    file: str
    sites: int
    geoip_city: str | None = None
    geoip_asn: str | None = None
    last_good: bool = False


class StoreState(Message, frozen=True, kw_only=True):
    """Whether the store can be read and what it says be published; `why` not, `""` when it can."""

    why: str


ToControl = ControlConfig | InForce | Rebuild | Tell | Inquire
FromControl = Listening | NewSnapshot | StoreState | Findings | Failed | Numbers
