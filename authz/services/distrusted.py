# SPDX-License-Identifier: Apache-2.0
"""Which authorities were distrusted because of an incident, and not only retired.

The audit log says so, and never forgets it: no table has to be wider for it, it is known of what
was distrusted before, and a program of the release before, which takes such an authority for a
retired one, cannot undo it. How one is distrusted is in `distrust`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError
from authz.services.times import rfc3339_seconds

if TYPE_CHECKING:
    from authz.store.records import Authority
    from authz.store.session import Session

#: What an authority is shown as, in the place of its status.
DISTRUSTED: Final = "distrusted"

MAKE_ANOTHER: Final = "make another: authz ca create --name NEW"


def is_distrusted(authority: Authority, at: float) -> str:
    """The words of an error about one that was distrusted at that moment."""
    return (
        f"the authority {authority.name} was distrusted on {rfc3339_seconds(at)} because of an "
        "incident"
    )


def check_trusted(session: Session, authority: Authority) -> None:
    """Make sure that nobody begins to ask for an authority whose key leaked.

    Raises:
        ConflictError: it was distrusted.
    """
    at = session.audit.distrusted().get(authority.id)
    if at is not None:
        raise ConflictError(
            f"{is_distrusted(authority, at)}: whoever has its key would be let in",
            hint=f"{MAKE_ANOTHER}, and name that",
        )
