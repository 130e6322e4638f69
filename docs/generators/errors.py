# SPDX-License-Identifier: Apache-2.0
"""The page of error codes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import authz.errors
from authz.errors import AuthzError, ExpressionError
from authz.policy.fields import SCHEME
from authz.rules import parse

if TYPE_CHECKING:
    from collections.abc import Iterator


def errors_page() -> str:
    """docs/reference/errors.md."""
    assert authz.errors.__doc__ is not None
    tree = "\n".join(
        line.removeprefix("    ")
        for line in authz.errors.__doc__.splitlines()
        if line.startswith("    ")
    )
    sections = "".join(
        f"## `{error.code}`\n\n`{error.__name__}`: {_sentence(error)}\n\n"
        for error in sorted(_leaves(AuthzError), key=lambda error: error.code)
    )
    example = _example('ssl and\n  http.host = "a"')
    return (
        f"""\
# Errors

What an operator can get wrong, on standard error as `authz: error: WHERE: MESSAGE` with a hint
behind it, and as JSON with `--json`: `message`, `where`, `hint`, `code` and, for expressions,
`line` and `column`. Codes are never reused.

The place in an expression follows where it stands, as line and column in characters from 1; the
line is shown with carets under the characters that are wrong:

```text
{example}
```

What a client gets wrong is no error but a [reason](reasons.md) or a
[certificate failure](certificate-failures.md).

```text
{tree}
```

{sections}""".rstrip("\n")
        + "\n"
    )


def _example(source: str) -> str:
    """What `authz expression check` says about an expression."""
    try:
        parse(source, SCHEME)
    except ExpressionError as error:
        return f"authz: error: {error.render()}".replace("\nhint: ", "\nauthz: hint: ")
    raise ValueError(f"there is nothing wrong with {source!r}")


def _leaves(base: type[AuthzError]) -> Iterator[type[AuthzError]]:
    children = [one for one in base.__subclasses__() if one.__module__ == authz.errors.__name__]
    for child in children:
        yield from _leaves(child)
    if base is not AuthzError:
        yield base


def _sentence(error: type[AuthzError]) -> str:
    text = inspect.getdoc(error) or ""
    return " ".join(text.split("\n\n")[0].split())
