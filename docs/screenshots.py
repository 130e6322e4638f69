# SPDX-License-Identifier: Apache-2.0
"""Pictures of every page of the dashboard, light and dark, into docs/images (`make screenshots`).

The store is the one that the browser tests have: something of everything. Pictures are as wide as
a laptop; with `--phone DIRECTORY`, those of a phone are made besides, for whoever changes a page.
"""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from authz.observability.log import configure_logging  # noqa: E402
from authz.store.engine import open_store  # noqa: E402
from tests.factories.browser import ARGUMENTS, find_chromium, sign_in  # noqa: E402
from tests.factories.dashboard import serving_pages  # noqa: E402
from tests.factories.every_page import page_routes, path_of  # noqa: E402
from tests.factories.furnished import furnish  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

    from tests.factories.dashboard import Served

IMAGES = ROOT / "docs" / "images"
WIDE: ViewportSize = {"width": 1280, "height": 860}
NARROW: ViewportSize = {"width": 390, "height": 844}


def name_of(route: str) -> str:
    """A file name for the path of a page: what is a parameter says nothing."""
    words = re.sub(r"{[^}]*}", "", route.removeprefix("/zones/{zone_id}")).strip("/")
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-") or "overview"


def take(
    browser: Browser,
    served: Served,
    names: dict[str, str],
    values: dict[str, str],
    how: tuple[Path, ViewportSize, Literal["light", "dark"]],
) -> None:
    """Pictures of every page in one width and colour."""
    directory, viewport, colours = how
    context = browser.new_context(color_scheme=colours, viewport=viewport)
    page = context.new_page()

    def keep(name: str) -> None:
        file = directory / f"{name}-{colours}.png"
        page.screenshot(path=file)

    page.goto(f"{served.url}/sign-in")
    keep("sign-in")
    sign_in(page, served.url, served.token)
    for name, route in names.items():
        page.goto(served.url + path_of(route, values), wait_until="networkidle")
        keep(name)
    context.close()


def main(arguments: list[str]) -> int:
    """Make them; the exit status."""
    phone = Path(arguments[1]) if arguments[:1] == ["--phone"] else None
    binary = find_chromium()
    if binary is None:
        print("there is no chromium: install the distribution's package", file=sys.stderr)
        return 1
    configure_logging("json", "error")
    IMAGES.mkdir(exist_ok=True)
    names: dict[str, str] = {}
    for route in page_routes():
        if route.startswith("/sign-in"):
            continue
        name = name_of(route)
        while name in names:
            name += "-one"
        names[name] = route
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.closing(open_store("sqlite", Path(directory))) as store,
        sync_playwright() as playwright,
    ):
        values = furnish(store).values
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        with serving_pages(store) as served:
            for colours in ("light", "dark"):
                take(browser, served, names, values, (IMAGES, WIDE, colours))
                if phone is not None:
                    take(browser, served, names, values, (phone, NARROW, colours))
    print(f"{len(list(IMAGES.glob('*.png')))} pictures in {IMAGES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
