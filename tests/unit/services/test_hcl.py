# SPDX-License-Identifier: Apache-2.0
"""Text in Terraform's language is that text, whatever is in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authz.services.hcl import Lines, Reference, block, identifier, quoted, value

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_PART = re.compile(
    r"""\$\$\{ | %%\{                          # an escaped template
      | \\u[0-9a-f]{4} | \\U[0-9a-f]{8} | \\[nrt"\\]
      | [$%](?!\{)                             # no template
      | [^"\\$%\x00-\x1f\x7f]                  # anything else but a line end
    """,
    re.VERBOSE,
)


def read_quoted(text: str) -> str:
    """The text that a quoted template stands for; a template in it, or a line end, is refused."""
    assert text[0] == text[-1] == '"', text
    inner, place, found = text[1:-1], 0, []
    while place < len(inner):
        part = _PART.match(inner, place)
        assert part is not None, f"not at {place}: {inner[place:]!r}"
        word = part[0]
        if word in ("$${", "%%{"):
            found.append(word[1:])
        elif word[0] == "\\":
            digits = word[2:]
            found.append(chr(int(digits, 16)) if digits else _ESCAPES[word[1]])
        else:
            found.append(word)
            # A reader may take a pair of signs for the beginning of an escape.
            assert inner[place : place + 4] not in ("$$${", "%%%{")
        place = part.end()
    return "".join(found)


@given(st.text(st.characters(codec="utf-8")) | st.text('${}%"\\\n\t\x00u EOT', max_size=12))
@example("$${")
@example("$$${a}")
@example("%${")
@example("${${")
@example('"\\${a}\r\n')
def test_quoted_text_is_read_as_it_was(text: str) -> None:
    assert read_quoted(quoted(text)) == text


@given(st.text('ABC+/=- \nEOT${}"', max_size=40))
def test_lines_are_text_or_a_heredoc_without_templates(text: str) -> None:
    written = value(Lines(text))
    if written.startswith("<<"):
        begin, *lines, end = written.split("\n")
        assert (begin, end) == ("<<EOT", "EOT")
        assert "EOT" not in lines
        assert "${" not in written
        assert "".join(f"{line}\n" for line in lines) == text
    else:
        assert read_quoted(written) == text


def test_a_pem_is_a_heredoc() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----\n"

    assert value(Lines(pem)) == f"<<EOT\n{pem}EOT"


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        ([], "[]"),
        (["a"], '["a"]'),
        (["a", "b"], '[\n  "a",\n  "b",\n]'),
        ({}, "{}"),
        ({"a": {"b-c": 1}}, '{\n  a = {\n    "b-c" = 1\n  }\n}'),
        (Reference("cloudflare_zone.it.id"), "cloudflare_zone.it.id"),
    ],
)
def test_values(given_value: object, text: str) -> None:
    assert value(given_value) == text


def test_a_block() -> None:
    assert block("resource", "kind", "name", body={"a": [{"b": 1}]}) == (
        'resource "kind" "name" {\n  a = [\n    {\n      b = 1\n    },\n  ]\n}\n'
    )


def test_signs_are_in_one_column_until_something_has_several_lines() -> None:
    body = {"a": 1, "long": Lines("x\n"), "bc": [], "list": [1, 2], "d": 4, "efg": {}}

    assert block("x", body=body) == (
        "x {\n"
        "  a    = 1\n"
        "  long = <<EOT\nx\nEOT\n"
        "  bc   = []\n"
        "  list = [\n    1,\n    2,\n  ]\n"
        "  d   = 4\n"
        "  efg = {}\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [("example.com", "example_com"), ("1st", "_1st"), ("Ü!", "unnamed"), ("taken", "taken_3")],
)
def test_identifiers(text: str, name: str) -> None:
    assert identifier(text, ("taken", "taken_2")) == name
