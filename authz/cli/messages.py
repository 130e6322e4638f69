# SPDX-License-Identifier: Apache-2.0
"""What the command says to people, all of it through here.

- Results go to standard output and nothing else does, so that they can be piped.
- Everything for a person goes to standard error, as `authz: error: …`, `authz: warning: …` or
  `authz: hint: …`.
- No capital at the beginning, no full stop at the end; a message states the fact, a hint what to
  do. Where something stands comes first: `policy.yaml:12: sites[0].rules[1]: …`.
- What a file or a certificate says is escaped before it reaches a terminal; in JSON and YAML, as
  those do it.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from authz.errors import AuthzError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = "authz"


def result(text: str) -> None:
    """Print a result on standard output."""
    sys.stdout.write(f"{text}\n")


def result_json(value: Any) -> None:
    """Print a result as JSON on standard output, in the order of its keys as given."""
    result(escaped_json(json.dumps(value, indent=2, ensure_ascii=False)))


def result_yaml(value: Any) -> None:
    """Print a result as YAML on standard output, in the order of its keys as given."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes text that could drive a terminal in the one style that has escapes."""

    def text_of(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = None if _is_plain(text) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, text_of)
    written = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    result("".join(c if _is_plain(c) else f"\\U{ord(c):08x}" for c in written.rstrip("\n")))


def error(text: str) -> None:
    """Say what is wrong; the command ends with a status that is not 0."""
    _say("error", text)


def warning(text: str) -> None:
    """Say what should be looked at; the command goes on."""
    _say("warning", text)


def note(text: str) -> None:
    """Say what a person may want to know about the result."""
    _say("note", text)


def hint(text: str) -> None:
    """Say what to do about the line above."""
    _say("hint", text)


@contextmanager
def reporting() -> Iterator[None]:
    """Print an error that ends the command, and exit with status 2: usage or configuration."""
    # A lone surrogate in a file's text must not turn a message into a traceback.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        yield
    except AuthzError as error:
        report(error)
        sys.exit(2)


def report(fault: AuthzError) -> None:
    """Print an error, everything else the same reading found, and the hints."""
    for one in (fault, *fault.others):
        first, *rest = one.render().split("\n")
        error(first)
        for line in rest:
            # Source lines and carets keep their columns; only the hint gets its prefix.
            if line.startswith("hint: "):
                hint(line.removeprefix("hint: "))
            else:
                sys.stderr.write(f"{printable(line)}\n")


def error_json(fault: AuthzError) -> dict[str, Any]:
    """An error as JSON: message, where, hint, code and, for expressions, line and column."""
    from authz.errors import ExpressionError

    found: dict[str, Any] = {
        "message": fault.message,
        "where": fault.where,
        "hint": fault.hint,
        "code": fault.code,
    }
    if isinstance(fault, ExpressionError):
        found |= {"line": fault.line, "column": fault.column}
    return found


def escaped_json(text: str) -> str:
    """JSON with everything that could drive a terminal as an escape of JSON's; it means the same.

    Such characters are in its strings only. RFC 8259 §7.
    """
    return "".join(c if _is_plain(c) else json.dumps(c)[1:-1] for c in text)


def printable(text: str) -> str:
    """`text` with everything that could drive a terminal as a backslash escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_plain(text: str) -> bool:
    """Whether it is printable, in lines perhaps."""
    return text.replace("\n", "").isprintable()


def _say(kind: str, text: str) -> None:
    sys.stderr.write(f"{PROGRAM}: {kind}: {printable(text)}\n")
