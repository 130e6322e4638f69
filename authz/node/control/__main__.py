# SPDX-License-Identifier: Apache-2.0
"""`python -m authz.node.control FD`: the control process."""

from __future__ import annotations

import sys

from authz.node.control.process import end, main

if __name__ == "__main__":
    end(main(sys.argv[1:]))
