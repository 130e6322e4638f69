# SPDX-License-Identifier: Apache-2.0
"""The functions of the check path, as they stand in the files."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Final

from tests.factories.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Who decides a check. What they call besides is called by them, and broken there.
PACKAGES: Final = ("certs", "extauthz", "policy", "rules")

#: Bodies of functions have a namespace of their own (inspect, CO_NEWLOCALS), those of classes none.
_CO_NEWLOCALS: Final = 0x2
#: Parts of the function that they stand in, and of their own in some versions of Python only.
_INNER: Final = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "<generic parameters of")

#: A file below authz/, and a function by its qualified name.
Function = tuple[str, str]


def functions(source: Path = ROOT / "authz") -> dict[Function, set[tuple[str, int]]]:
    """Every `def` and `lambda` of those packages; names with where their code begins.

    Two of one name (a property's reading and writing, two lambdas of a function) stand together.
    """
    found: dict[Function, set[tuple[str, int]]] = {}
    for package in PACKAGES:
        for path in sorted((source / package).rglob("*.py")):
            file = path.relative_to(source).as_posix()
            for code in _functions_in(compile(path.read_bytes(), str(path), "exec")):
                where = str(path), code.co_firstlineno
                found.setdefault((file, code.co_qualname), set()).add(where)
    return found


def _functions_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & _CO_NEWLOCALS and not constant.co_name.startswith(_INNER):
                yield constant
            yield from _functions_in(constant)
