# SPDX-License-Identifier: Apache-2.0
"""Read by every Python under `tests.factories.faketime` when it starts.

time.sleep is clock_nanosleep(2) with a monotonic moment to wake at, which libfaketime 0.9.10
answers by EINVAL when the monotonic clock is left alone. select(2) waits as well.
"""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
