# SPDX-License-Identifier: Apache-2.0
"""Write what the chart has of other files: `python -m deploy.helm.generate`, or with `--check` exit
1 when one of them is something else.

A chart is packed alone, so it has copies of Envoy's configuration, of the rules of Prometheus and
of the dashboards of Grafana; and its README has a table of its values. A test compares. Edit the
originals, values.yaml and values.schema.json instead.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[1]
CHART = DEPLOY / "helm" / "envoy-mtls-authz"
README = CHART / "README.md"

#: Directory of originals, what they are called, and where copies are in the chart.
COPIED = (
    (DEPLOY, "envoy.yaml", CHART / "files"),
    (DEPLOY / "prometheus" / "rules", "*.yml", CHART / "files" / "rules"),
    (DEPLOY / "grafana" / "dashboards", "*.json", CHART / "files" / "dashboards"),
)
#: Where the table is in the README.
_TABLE = re.compile(r"(?<=<!-- values -->\n).*(?=<!-- end of values -->)", re.DOTALL)


def originals() -> dict[Path, Path]:
    """Every copy in the chart, and the file that it is a copy of."""
    return {
        target / file.name: file
        for directory, pattern, target in COPIED
        for file in sorted(directory.glob(pattern))
    }


def copies() -> list[Path]:
    """Every copy that is there."""
    return sorted(file for _, pattern, target in COPIED for file in target.glob(pattern))


def readme() -> str:
    """README.md with the table of the values as they are."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = ["| value | default | what it is |", "|---|---|---|", *_rows(schema, values)]
    text = README.read_text(encoding="utf-8")
    return _TABLE.sub(lambda _: "\n" + "\n".join(rows) + "\n\n", text)


def _rows(schema: Any, values: Any, path: str = "") -> Iterator[str]:
    for key, one in schema["properties"].items():
        if key not in values:
            continue
        name, default = f"{path}{key}", values[key]
        if "properties" in one:
            yield f"| **`{name}`** | | {one['description']} |"
            yield from _rows(one, default, f"{name}.")
        else:
            choices = one.get("enum")
            kinds = f" One of {', '.join(f'`{item}`' for item in choices)}." if choices else ""
            yield f"| `{name}` | {_shown(default)} | {one['description']}{kinds} |"


def _shown(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return "see values.yaml"
    return f"`{json.dumps(value)}`"


def main(check: bool) -> int:
    """Write all of it and remove copies of what is gone, or compare; the exit status."""
    wanted = {copy: original.read_bytes() for copy, original in originals().items()}
    wanted[README] = readme().encode()
    gone = [copy for copy in copies() if copy not in wanted]
    stale = [
        file for file, data in wanted.items() if not file.is_file() or file.read_bytes() != data
    ]
    if check:
        for file in (*gone, *stale):
            sys.stderr.write(f"{file.relative_to(CHART)} is not what it is made of\n")
        return 1 if gone or stale else 0
    for file in gone:
        file.unlink()
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wanted[file])
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
