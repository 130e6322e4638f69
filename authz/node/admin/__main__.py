# SPDX-License-Identifier: Apache-2.0
"""`python -m authz.node.admin FD LISTENER`: the process that serves the API."""

from __future__ import annotations

import sys

from authz.node.admin.process import end, main

if __name__ == "__main__":
    end(main(sys.argv[1:]))
