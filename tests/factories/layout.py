# SPDX-License-Identifier: Apache-2.0
"""Where the repository is, and how long its files may be, for tests that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: A file that grows beyond this has usually taken on a second responsibility.
MAX_LINES: Final = 400
