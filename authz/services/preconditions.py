# SPDX-License-Identifier: Apache-2.0
"""What must still be there for a change to be made: nobody undoes what they have not seen.

Rulesets have versions for it (ruleset_management.check_version); here is what has none.
https://www.rfc-editor.org/rfc/rfc9110#name-if-match
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import PreconditionError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """Which state a change was made from.

    Args:
        tags: entity tags, without quotes, of which one must be that of what is there; None: any.
    """

    tags: frozenset[str] | None

    def check(self, tag: str, what: str) -> None:
        """Make sure that it holds for what is there, in the transaction that changes it.

        Args:
            what: is not as it was ("the hostnames").

        Raises:
            PreconditionError: it does not.
        """
        if self.tags is not None and tag not in self.tags:
            raise PreconditionError(
                f"{what} are not those that the change was made from",
                hint="somebody changed them: read them again, and repeat the change",
            )


def tag_of(names: Sequence[str]) -> str:
    """The entity tag of names in their order: the same for the same ones."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:32]
