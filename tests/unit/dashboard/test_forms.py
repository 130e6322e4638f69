# SPDX-License-Identifier: Apache-2.0
"""Forms as browsers post them, and as others do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import Request

from authz.dashboard.forms import MAX_FIELDS, Form, form_of
from authz.errors import InvalidInputError


def posted(body: bytes, kind: str = "application/x-www-form-urlencoded") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", kind.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def read(body: bytes, *kind: str) -> Form:
    return asyncio.run(form_of(posted(body, *kind)))


def test_fields_as_they_are_and_without_blanks() -> None:
    form = read(b"a=+one+&b=x%0D%0A%0D%0Ay%0A&c=&a=two&d=%C3%A9&e=+")

    assert (form.text("a"), form.raw("a")) == ("one", " one ")
    assert form.many("a") == ["one", "two"]
    assert (form.raw("b"), form.lines("b")) == ("x\n\ny\n", ["x", "y"])
    assert (form.text("c"), form.text("none"), form.text("none", "x")) == ("", "", "x")
    assert form.text("d") == "é"
    assert (form.checked("c"), form.checked("none"), "c" in form) == (True, False, True)
    assert (form.many("e"), form.many("none"), form.lines("none")) == ([], [], [])
    assert form.values() == {"a": " one ", "b": "x\n\ny\n", "c": "", "d": "é", "e": " "}
    assert form.all()[:2] == [("a", " one "), ("a", "two")]


def test_numbers() -> None:
    form = read(b"a=+12+&b=&c=1.5&d=-1&e=%D9%A1&f=1234567890")

    assert (form.number("a", 0), form.number("b", 7), form.number("none", 7)) == (12, 7, 7)
    for name in "cdef":
        with pytest.raises(InvalidInputError, match=f"{name}: not a whole number"):
            form.number(name, 0)


@pytest.mark.parametrize("kind", ["application/json", "", "multipart/form-data; boundary=x"])
def test_what_is_no_form_has_no_fields(kind: str) -> None:
    assert read(b"a=1", kind).values() == {}


def test_the_type_may_have_a_character_set() -> None:
    assert read(b"a=1", "Application/X-WWW-Form-Urlencoded; charset=UTF-8").text("a") == "1"


@pytest.mark.parametrize("body", [b"a=%FF", b"\xff=1", b"&".join([b"a=1"] * (MAX_FIELDS + 1))])
def test_a_form_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="the form is not"):
        read(body)


def test_it_is_kept_for_the_page_that_refuses_it() -> None:
    request = posted(b"a=1")

    assert asyncio.run(form_of(request)) is request.state.form
