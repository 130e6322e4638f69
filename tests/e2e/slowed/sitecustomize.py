# SPDX-License-Identifier: Apache-2.0
"""Makes an authz take its time: so many seconds for a path with `slow=SECONDS` in it.

The interpreter reads this when it starts with this directory on PYTHONPATH, in whichever process of
the service; all else is the real program. The file AUTHZ_SLOWED is made when such a check begins.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from authz.extauthz import service

_SLOW = re.compile(rb"slow=([0-9.]+)")
_authorize = service.authorize


def _authorize_slowly(snapshot: Any, facts: Any, *more: Any) -> Any:
    found = _SLOW.search(facts.path)
    if found:
        Path(os.environ["AUTHZ_SLOWED"]).touch()
        # Not to wait for anything: that it takes this long is what is tested.
        time.sleep(float(found[1]))
    return _authorize(snapshot, facts, *more)


service.authorize = _authorize_slowly
