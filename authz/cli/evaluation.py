# SPDX-License-Identifier: Apache-2.0
"""What `authz expression eval` answers to one line.

The protocol is described in docs/reference/expression-commands.md: whoever writes a co-process
against it relies on an answer for every line, whatever the line is.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from authz.errors import AuthzError, ExpressionError, SettingsError
from authz.rules import compile_expression
from authz.sources.field_values import parse_with_lists, values_of


def answer(line: bytes) -> str:
    """The answer to one line, a JSON object in ASCII without a newline."""
    echoed: dict[str, Any] = {}
    try:
        given = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        if isinstance(given, dict) and "id" in given:
            echoed = {"id": given["id"]}
        found: dict[str, Any] = {"result": _result(given)}
    except (ValueError, RecursionError) as error:
        found = {"error": _error(f"the line is not JSON: {error}", None, None, None)}
    except ExpressionError as error:
        found = {"error": _error(error.message, error.line, error.column, error.hint)}
    except AuthzError as error:
        found = {"error": _error(str(error), None, None, error.hint)}
    return json.dumps(echoed | found)


def _result(given: Any) -> bool:
    if not isinstance(given, dict) or "expression" not in given:
        raise SettingsError("the line has no expression", hint='write {"expression": "ssl"}')
    source = given["expression"]
    if not isinstance(source, str):
        raise SettingsError('"expression" is not a text', hint='write {"expression": "ssl"}')
    # Other keys are the caller's own: they are neither read nor an error.
    expression = parse_with_lists(source, given.get("lists", {}))
    values = values_of(given.get("fields", {}))
    return compile_expression(expression).matches(values)


def _error(message: str, line: int | None, column: int | None, hint: str | None) -> dict[str, Any]:
    return {"message": message, "line": line, "column": column, "hint": hint}


def _refuse(constant: str) -> NoReturn:
    # Python's own additions; what is echoed has to be JSON again (RFC 8259 section 6).
    raise ValueError(f"{constant} is no value of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number
