# SPDX-License-Identifier: Apache-2.0
"""How long a process that stops goes on answering. Constants only: the supervisor needs no more."""

from __future__ import annotations

#: From NOT_SERVING to closing. The shipped cluster asks for health every 0.4 s and waits 0.4 s for
#: the answer; one NOT_SERVING takes the worker out, whatever unhealthy_threshold says (it counts
#: time-outs and lost connections), so Envoy knows within 0.8 s. Measured with Envoy 1.40: out after
#: the first such answer, or after two time-outs (1.4 s). 2 s lost 0 of 48,000 requests in rolling
#: restarts; closing at once lost some in every one.
DRAIN_SECONDS = 2.0

#: From closing to the end, for checks under way. They take microseconds; Envoy's own timeout for
#: one (0.5 s as shipped) is over long before.
GRACE_SECONDS = 2.0
