# SPDX-License-Identifier: Apache-2.0
"""Builds the documentation site into site/ (`make docs-site`).

    python docs/build_site.py [--output DIRECTORY]

Any warning of the generator is an error. Runs in an environment of its own (.venv-docs) that has
the generator and nothing of the service; so only the standard library is used here. What becomes
a page is generators/site_pages.py, the order of the pages generators/site_navigation.py. Why
Zensical: docs/adr/0032-the-documentation-site.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from generators.site_navigation import navigation
from generators.site_pages import Stage

ROOT = Path(__file__).resolve().parents[1]
STAGE = ROOT / ".docs-site"
NAME = "mTLS rules for Envoy"


def settings(pages: dict[str, str]) -> dict[str, Any]:
    """The generator's settings; it reads what MkDocs reads.

    Nothing is loaded from elsewhere: no fonts, no analytics; the search runs in the browser, also
    when the pages are opened as files.
    """
    return {
        "site_name": NAME,
        "site_description": "Cloudflare's mTLS rules as an external authorizer for Envoy",
        "docs_dir": "docs",
        "site_dir": "site",
        "use_directory_urls": False,
        "strict": True,
        "nav": navigation(pages),
        "theme": {
            "name": "material",
            "font": False,
            "features": [
                "navigation.indexes",
                "navigation.tabs",
                "navigation.sections",
                "navigation.top",
                "navigation.footer",
                "content.code.copy",
                "search.highlight",
            ],
            "palette": [
                {
                    "media": f"(prefers-color-scheme: {media})",
                    "scheme": scheme,
                    "toggle": {"icon": icon, "name": says},
                }
                for media, scheme, icon, says in (
                    ("light", "default", "lucide/sun", "Dark"),
                    ("dark", "slate", "lucide/moon", "Light"),
                )
            ],
        },
        "plugins": ["search", "offline"],
        # In the place of a script that the offline plugin would load from elsewhere.
        "extra": {"polyfills": ["assets/file-worker.js#iframe-worker"]},
        "markdown_extensions": [
            "attr_list",
            "md_in_html",
            "sane_lists",
            "tables",
            {"toc": {"permalink": True}},
            {"pymdownx.highlight": {"anchor_linenums": True}},
            "pymdownx.superfences",
        ],
        "validation": {
            "invalid_links": True,
            "invalid_link_anchors": True,
        },
    }


def build(output: Path) -> int:
    """Lay the pages out, run the generator: 0, or 1 when it had something to say."""
    stage = Stage(ROOT, STAGE / "docs")
    pages = stage.write()
    shutil.copytree(ROOT / "docs" / "assets", STAGE / "docs" / "assets")
    config = STAGE / "mkdocs.yml"
    # JSON is YAML.
    config.write_text(json.dumps(settings(pages), indent=2) + "\n", encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", config],
        cwd=STAGE,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    said = (run.stdout + run.stderr).strip()
    print(said)
    if run.returncode != 0:
        return 1
    # The generator writes below its own folder only.
    shutil.rmtree(output, ignore_errors=True)
    shutil.move(STAGE / "site", output)
    made = len(list(output.rglob("*.html")))
    if made < len(pages):
        print(f"{len(pages)} pages, but {made} were made", file=sys.stderr)
        return 1
    print(f"{made} pages in {os.path.relpath(output)}")
    return 0


def main(arguments: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--output", type=Path, default=ROOT / "site")
    return build(parser.parse_args(arguments).output.resolve())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
