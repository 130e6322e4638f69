# SPDX-License-Identifier: Apache-2.0
"""Values as Terraform's language writes them: native HCL syntax, nothing but literals.

    block("resource", "cloudflare_list", "office", body={"name": "office", "items": [{…}]})

Text is never a template: `${` and `%{` are escaped. Keys stand in the order in which they are
given, so that the same values are the same text; it is laid out as `terraform fmt` does it.
https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-expressions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIMPLE: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
#: A line of a heredoc that could end it, or a template in it, is written as quoted text instead.
_HEREDOC: Final = re.compile(r"(?:[A-Za-z0-9+/=. -]*\n)+")
_END: Final = "EOT"


@dataclass(frozen=True, slots=True)
class Reference:
    """An expression that names something: `cloudflare_list.office.id`."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Text of several lines, for people to read: PEM."""

    text: str


def quoted(text: str) -> str:
    """A quoted template that is this text and nothing else."""
    parts: list[str] = []
    for index, character in enumerate(text):
        following = text[index + 1 : index + 3]
        if character in _SIMPLE:
            parts.append(_SIMPLE[character])
        elif character in "$%" and following[:1] == "{":
            parts.append(character * 2)
        elif character in "$%" and following == f"{character}{{":
            # In front of an escaped one it would be read as a part of that.
            parts.append(f"\\u{ord(character):04x}")
        elif character.isprintable():
            parts.append(character)
        else:
            code = ord(character)
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return f'"{"".join(parts)}"'


def value(given: Any, indent: str = "") -> str:
    """A literal: text, number, boolean, null, list or object.

    Args:
        indent: of the line that it stands in.
    """
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (int, float)):
        return str(given)
    if isinstance(given, Reference):
        return given.text
    if isinstance(given, Lines):
        if _HEREDOC.fullmatch(given.text) and f"{_END}\n" not in given.text:
            return f"<<{_END}\n{given.text}{_END}"
        return quoted(given.text)
    if isinstance(given, str):
        return quoted(given)
    inner = f"{indent}  "
    if isinstance(given, dict):
        if not given:
            return "{}"
        return f"{{\n{_attributes(given, inner)}{indent}}}"
    items = list(given)
    if all(isinstance(one, (str, int)) for one in items) and len(items) <= 1:
        return f"[{', '.join(value(one) for one in items)}]"
    return f"[\n{''.join(f'{inner}{value(one, inner)},' + chr(10) for one in items)}{indent}]"


def block(kind: str, *labels: str, body: Mapping[str, Any]) -> str:
    """A block with its attributes: `resource "kind" "name" { … }`."""
    head = " ".join([kind, *map(quoted, labels)])
    return f"{head} {{\n{_attributes(body, '  ')}}}\n"


def identifier(text: str, taken: Iterable[str] = ()) -> str:
    """A name for a resource, like `text` and none of those that are taken."""
    name = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_") or "unnamed"
    if name[0].isdigit():
        name = f"_{name}"
    number, free = 1, name
    used = set(taken)
    while free in used:
        number += 1
        free = f"{name}_{number}"
    return free


def _attributes(given: Mapping[str, Any], indent: str) -> str:
    """A line for each, or several; the signs of those that follow one another are in one column."""
    lines: list[str] = []
    group: list[tuple[str, str]] = []

    def end_group() -> None:
        width = max((len(name) for name, _ in group), default=0)
        lines.extend(f"{indent}{name.ljust(width)} = {text}\n" for name, text in group)
        group.clear()

    for name, one in given.items():
        text = value(one, indent)
        if "\n" in text and not text.startswith("<<"):
            end_group()
            lines.append(f"{indent}{_key(name)} = {text}\n")
        else:
            group.append((_key(name), text))
    end_group()
    return "".join(lines)


def _key(name: str) -> str:
    return name if _NAME.fullmatch(name) else quoted(name)
