# SPDX-License-Identifier: Apache-2.0
"""The documentation as a site: it builds without a warning, and works without a network."""

from __future__ import annotations

import re
import runpy
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import absent
from tests.factories.browser import chromium, watched
from tests.factories.page_blocks import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: The environment that `make docs-site` makes.
PYTHON = ROOT / ".venv-docs" / "bin" / "python"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a warning of the generator (a link to nowhere, for one) is a failure."""
    if not PYTHON.exists():
        absent("docs", "there is no .venv-docs: make docs-site makes it")
    output = tmp_path_factory.mktemp("site") / "site"
    run = subprocess.run(
        [PYTHON, ROOT / "docs" / "build_site.py", "--output", output],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return output


def test_every_page_of_docs_is_in_it_and_in_the_navigation(site: Path) -> None:
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    front = (site / "index.html").read_text(encoding="utf-8")

    # Each section's first page is in the tabs; the pages of a section are in its own navigation.
    assert not [page for page in pages if not (site / page.with_suffix(".html")).exists()]
    for page in pages:
        folder = page.parts[0] if len(page.parts) > 1 else ""
        if folder in {"tutorial", "how-to", "reference", "explanation", "adr"}:
            section = (site / folder / "index.html").read_text(encoding="utf-8")
            name = page.relative_to(folder).with_suffix(".html").as_posix()
            assert f'href="./{name}"' in section or name == "index.html", page
    assert "how-to/index.html" in front


def test_a_page_that_nobody_named_is_in_the_navigation_all_the_same(tmp_path: Path) -> None:
    navigation = runpy.run_path(str(ROOT / "docs" / "generators" / "site_navigation.py"))
    (tmp_path / "how-to").mkdir()
    (tmp_path / "how-to" / "index.md").write_text("# G\n\n## Rules\n\n- [B](b.md)\n- [A](a.md)\n")
    pages = {
        "index.md": "Front",
        "how-to/index.md": "Guides",
        "how-to/a.md": "A",
        "how-to/b.md": "B",
        "how-to/new.md": "New",
        "files/deploy/x.yaml.md": "deploy/x.yaml",
    }

    assert navigation["navigation"](pages, tmp_path) == [
        {"Front": "index.md"},
        {
            "How-to": [
                "how-to/index.md",
                {"Rules": [{"B": "how-to/b.md"}, {"A": "how-to/a.md"}]},
                {"New": "how-to/new.md"},
            ]
        },
        {"Project": [{"deploy/x.yaml": "files/deploy/x.yaml.md"}]},
    ]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|"
        r"<link\b[^>]*\bhref=[\"']?(?:https?:)?//|@import\s+[\"']?(?:https?:)?//|"
        r"url\([\"']?(?:https?:)?//"
    )
    files = [file for file in site.rglob("*") if file.suffix in {".html", ".css"}]

    assert len(files) > 50
    assert not [
        (file.relative_to(site), found[0])
        for file in files
        if (found := loads.search(file.read_text(encoding="utf-8")))
    ]


def test_links_out_of_docs_lead_to_a_page_with_the_file(site: Path) -> None:
    page = (site / "how-to" / "behind-istio.html").read_text(encoding="utf-8")
    shown = (site / "files" / "deploy" / "istio" / "gateway.yaml.html").read_text(encoding="utf-8")

    assert "../files/deploy/istio/gateway.yaml.html" in page
    assert "OPTIONAL_MUTUAL" in shown


@pytest.mark.browser
def test_the_search_works_when_the_pages_are_opened_as_files(site: Path) -> None:
    with chromium() as browser, watched(browser.new_context()) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "how-to" / "index.html").as_uri())
        page.keyboard.press("/")
        page.get_by_role("combobox").press_sequentially("Authorino")
        results = page.get_by_role("listbox").get_by_text("Compared with others")
        results.first.wait_for()

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
