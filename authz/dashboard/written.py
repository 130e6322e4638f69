# SPDX-License-Identifier: Apache-2.0
"""What somebody wrote into a form that could not be taken: so that it is not lost.

Shown as text to copy, and only where the browser says that the form is one of our own pages': what
another site makes a browser send is not for us to show. No secrets, and nothing without a word of
the person's in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from authz.dashboard import csrf
from authz.dashboard.forms import Form

if TYPE_CHECKING:
    from fastapi import Request

#: Fields of one form that are shown, and characters of one field.
MOST_FIELDS: Final = 50
MOST_CHARACTERS: Final = 65_536

#: What fields with secrets are called, or begin with.
_SECRET: Final = re.compile(r"csrf|token|secret|pass|key|pin|p12|pkcs", re.IGNORECASE)
_PRIVATE: Final = "PRIVATE KEY"
#: Identifiers, numbers, boxes and choices: a page has them again when it is opened.
_NO_WORDS: Final = re.compile(r"[0-9a-f]{32,}|[\w.-]{0,12}")


class Written(NamedTuple):
    """A field: its name for people, and what was written into it."""

    name: str
    value: str


def written(request: Request, own_url: str) -> list[Written]:
    """The words of the form that a request posted, nothing for every other request."""
    form = getattr(request.state, "form", None)
    if not isinstance(form, Form) or not csrf.is_ours(request, own_url):
        return []
    found = [
        Written(name.replace("_", " ").replace("-", " "), value)
        for name, value in form.all()
        if not (_SECRET.search(name) or _PRIVATE in value or _NO_WORDS.fullmatch(value.strip()))
        and len(value) <= MOST_CHARACTERS
    ]
    return found[:MOST_FIELDS]
