# SPDX-License-Identifier: Apache-2.0
"""What every process that is kept alive beside the workers says and is told (node.keeper).

Data only, as node.messages. What else there is to say, each of them defines for itself.
"""

from __future__ import annotations

import msgspec

from authz.node.messages import Message


class Inquire(Message, frozen=True, kw_only=True):
    """Send your metrics; who does not is taken for dead."""

    number: int


class Numbers(Message, frozen=True, kw_only=True):
    """Metrics in the Prometheus text format; `number` is that of the Inquire it answers.

    What became of lines of the log (log.handed_on) is counted for the node and not for a process.
    """

    number: int
    text: bytes
    log_records: dict[str, int] = msgspec.field(default_factory=dict)


class Failed(Message, frozen=True, kw_only=True):
    """It cannot do what the settings ask: an operator's fault, for a person."""

    message: str
    hint: str | None
