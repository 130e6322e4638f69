# SPDX-License-Identifier: Apache-2.0
"""Any bytes as a policy file are a policy that compiles, or an error of ours."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from authz.errors import CertificateError, ExpressionError, PolicyError
from authz.policy.snapshot import compile_snapshot
from authz.sources.policy_file import load_policy
from tests.factories.pki import AT

_DIRECTORY: Final = Path(tempfile.mkdtemp(prefix="authz-fuzz-"))
atexit.register(shutil.rmtree, _DIRECTORY, ignore_errors=True)
_FILE: Final = _DIRECTORY / "policy.yaml"


def run(data: bytes) -> None:
    """Load and compile it."""
    _FILE.write_bytes(data)
    with suppress(PolicyError, CertificateError, ExpressionError):
        compile_snapshot(load_policy(_FILE).model, 1, AT)
