# SPDX-License-Identifier: Apache-2.0
"""Expressions as people write them by mistake, and the hints that their errors have.

Read from tests/vectors/hints/*.txt: an expression, and `-> ` with the hint or `--` below it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from authz.errors import ExpressionError
from authz.policy.fields import SCHEME
from authz.rules import parse

_FILES: Final = sorted((Path(__file__).parents[1] / "vectors" / "hints").glob("*.txt"))


def _read(path: Path) -> tuple[tuple[str, str | None], ...]:
    lines = path.read_text(encoding="utf-8").splitlines()
    body = [line for line in lines if line and not line.startswith("# ")]
    pairs = zip(body[::2], body[1::2], strict=True)
    return tuple((source, None if hint == "--" else hint[3:]) for source, hint in pairs)


#: By what they are about: names, calls, operators, literals, between.
SLIPS: Final = {path.stem: _read(path) for path in _FILES}


def hint_of(source: str) -> str | None:
    """The hint of an expression that is wrong, in the product's scheme."""
    try:
        parse(source, SCHEME)
    except ExpressionError as error:
        return error.hint
    raise ValueError(f"there is nothing wrong with {source}")
