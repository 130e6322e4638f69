# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.deploy.translate`: make tests/e2e/generated anew, with Istio's and Envoy
Gateway's own code.

Needs the translators in .tools/bin (`make .tools/.installed`). To be run when a file of
deploy/istio or deploy/envoy-gateway has changed, or with a newer translator.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.factories.accepted import TOOLS
from tests.factories.translations import FORMS, translate


def main() -> int:
    """Write every form's file."""
    programs = {form.program: _found(form.program) for form in FORMS}
    missing = sorted(name for name, file in programs.items() if file is None)
    if missing:
        print(f"not there: {', '.join(missing)}; make .tools/.installed builds them")
        return 1
    for form in FORMS:
        program = programs[form.program]
        assert program is not None
        with tempfile.TemporaryDirectory() as directory:
            made = translate(form, program, Path(directory))
        form.file.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(form.file)
    return 0


def _found(name: str) -> Path | None:
    built = TOOLS / name
    if built.is_file():
        return built
    found = shutil.which(name)
    return None if found is None else Path(found)


if __name__ == "__main__":
    sys.exit(main())
