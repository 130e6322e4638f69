# SPDX-License-Identifier: Apache-2.0
"""`python -m authz` is the `authz` command."""

from __future__ import annotations

from authz.cli.main import main

if __name__ == "__main__":
    main()
