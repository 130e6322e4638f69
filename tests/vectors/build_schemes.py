# SPDX-License-Identifier: Apache-2.0
"""Makes the part of tests/vectors/rules/schemes.json that says which fields the product has.

Vectors are data for any implementation, so their types are, too. What stands under "small" is
written by hand, and tests/factories/schemes.py reads it.

    python -m tests.vectors.build_schemes
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.policy.fields import SCHEME

if TYPE_CHECKING:
    from authz.rules import Scheme

OUTPUT = Path(__file__).parent / "rules" / "schemes.json"


def described(scheme: Scheme) -> dict[str, Any]:
    """A scheme as data: the types of its fields, those that hold hex digits, those refused."""
    return {
        "fields": {name: str(field.type) for name, field in scheme.fields.items()},
        "hex": [name for name, field in scheme.fields.items() if field.hex],
        "refused": dict(scheme.refused),
    }


def main() -> None:
    """Write the file."""
    data = json.loads(OUTPUT.read_text())
    data["schemes"]["product"] = described(SCHEME)
    OUTPUT.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
