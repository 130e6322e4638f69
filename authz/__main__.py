# SPDX-License-Identifier: Apache-2.0
"""The `authz` command, also as `python -m authz`.

What serves has its own beginning (node.launch), so nothing is imported here before it is needed.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and exit with its status."""
    if sys.argv[1:2] == ["serve"]:
        from authz.node.launch import launch, launched

        how = launched()
        if how is not None:
            from authz.app import serve_launched
            from authz.cli.messages import reporting

            with reporting():
                sys.exit(serve_launched(how))
        launch()
    from authz.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
