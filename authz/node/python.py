# SPDX-License-Identifier: Apache-2.0
"""How this program starts its own modules as processes."""

from __future__ import annotations

from pathlib import Path

import authz


def safe_path() -> list[str]:
    """Options for the interpreter so that `-m authz.…` runs this very installation."""
    # `-m` puts the working directory first on the module path, where a stray file could take a
    # module's place; but when authz is run from its own source tree, that is where it is found.
    root = Path(authz.__file__).resolve().parent.parent
    return [] if root == Path.cwd() else ["-P"]
