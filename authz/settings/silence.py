# SPDX-License-Identifier: Apache-2.0
"""How long a worker may be silent (node.supervisor, ADR-0039)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

#: `grpc.worker_silence_seconds`
WorkerSilence = Annotated[
    float,
    Field(
        ge=4,
        le=3600,
        description="Where there is more than one process: how long a worker may give no sign that "
        "it answers checks. It is asked every two seconds; then it is ended (SIGTERM, after five "
        "seconds SIGKILL), and another one is started.",
    ),
]
