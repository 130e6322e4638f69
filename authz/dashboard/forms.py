# SPDX-License-Identifier: Apache-2.0
"""Forms as browsers post them (application/x-www-form-urlencoded), read once for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Fields of one form.
MAX_FIELDS: Final = 2000

_TYPE: Final = "application/x-www-form-urlencoded"


class Form:
    """The fields of a form; one that is missing is ""."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """A field without blanks around it; line ends are LF."""
        return self.raw(name, default).strip()

    def raw(self, name: str, default: str = "") -> str:
        """A field as it is, but for its line ends: forms have CRLF (HTML, form submission)."""
        return self._values.get(name, [default])[0].replace("\r\n", "\n")

    def many(self, name: str) -> list[str]:
        """Every value of a field, without blanks around them and without empty ones."""
        return [one.strip() for one in self._values.get(name, []) if one.strip()]

    def lines(self, name: str) -> list[str]:
        """The lines of a field that are not empty."""
        return [line.strip() for line in self.raw(name).splitlines() if line.strip()]

    def checked(self, name: str) -> bool:
        """Whether a box is checked."""
        return name in self._values

    def number(self, name: str, default: int) -> int:
        """A whole number.

        Raises:
            InvalidInputError: the field has something else.
        """
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise InvalidInputError(f"{name}: not a whole number", hint="write digits only")
        return int(text)

    def all(self) -> list[tuple[str, str]]:
        """Every value of each field, as `raw` has them."""
        return [
            (name, value.replace("\r\n", "\n"))
            for name, values in self._values.items()
            for value in values
        ]

    def values(self) -> dict[str, str]:
        """The first value of each field, to show a form again."""
        return {name: self.raw(name) for name in self._values}


def without_keys(text: str) -> str:
    """A text to show in a form again: nothing of it, if there is a private key in it."""
    return "" if "PRIVATE KEY-----" in text else text


def is_form(request: Request) -> bool:
    """Whether a request says that it posts one."""
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == _TYPE


async def form_of(request: Request) -> Form:
    """The form that a request posts; empty for every other request.

    Raises:
        InvalidInputError: it has too many fields, or is not UTF-8.
    """
    if not is_form(request):
        return Form()
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise InvalidInputError(
            f"the form is not UTF-8 text of at most {MAX_FIELDS} fields",
            hint="send it with a browser",
        ) from None
    form = Form(pairs)
    # For the page that says why it was not taken (`written`).
    request.state.form = form
    return form


Posted = Annotated[Form, Depends(form_of)]
