# SPDX-License-Identifier: Apache-2.0
"""What the recorded requests say about a rule before it is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from authz.dashboard.rule_editing import Editing


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the recorded requests say."""

    changes: bool = False


def replay_of(editing: Editing) -> Replayed | None:
    """Try a rule on them; None where there are none."""
    return None
