# SPDX-License-Identifier: Apache-2.0
"""What a form says when what it asked for was refused: it is shown again, with what was written.

try: …
except AuthzError as error:
    return viewer.page("form.html", **about(error), values=form.values())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.problems import status_of, texts_of

if TYPE_CHECKING:
    from authz.errors import AuthzError

#: What whoever wrote a form can mend in it; the rest has a page of its own.
_MENDABLE: Final = frozenset({400, 412})


def about(error: AuthzError) -> dict[str, Any]:
    """`errors` and `status` of the page that shows a form again.

    Raises:
        AuthzError: this one, where it is not about what the form says.
    """
    status = status_of(error)
    if status not in _MENDABLE:
        raise error
    return {"errors": texts_of(error), "status": status}
