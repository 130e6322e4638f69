# SPDX-License-Identifier: Apache-2.0
"""Pages about rules, as tests read them: the fields of a form, and what is where."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


def fields_of(page: str, form: str) -> dict[str, Any]:
    """What a browser would send of the form of this `id`, or that goes to this address; without a
    button. A name with several values has a list of them."""
    reader = _Form(form)
    reader.feed(page)
    assert reader.found, f"there is no form {form}"
    return {name: some[0] if len(some) == 1 else some for name, some in reader.values.items()}


class _Form(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.found = False
        self.values: dict[str, list[str]] = {}
        self._form = form
        self._in = False
        self._area: str | None = None
        self._text = ""
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self._form in (given.get("id"), given.get("action")):
            self.found = self._in = True
        if not self._in:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            is_box = given.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in given:
                self._add(name, given.get("value", "on" if is_box else ""))
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self._add(self._select, given.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            # HTML: a line end behind the tag is not of the text.
            self._add(self._area, self._text.removeprefix("\n"))
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "form":
            self._in = False

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)
