# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.deploy.translate`: make tests/e2e/generated anew, with Istio's and Envoy
Gateway's own code.

Needs the translators in .tools/bin (`make .tools/.installed`). To be run when a file of
deploy/istio or deploy/envoy-gateway has changed, or with a newer translator.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.factories.accepted import TOOLS
from tests.factories.translations import FORMS, translate


def main() -> int:
    """Write every form's file."""
    missing = sorted({form.program for form in FORMS if not (TOOLS / form.program).is_file()})
    if missing:
        print(f"not in {TOOLS}: {', '.join(missing)}; make .tools/.installed builds them")
        return 1
    for form in FORMS:
        with tempfile.TemporaryDirectory() as directory:
            made = translate(form, TOOLS / form.program, Path(directory))
        form.file.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(form.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
