# SPDX-License-Identifier: Apache-2.0
"""The guides about the dashboard, followed in a browser at a running service behind the real Envoy.

What is pressed is called as the page calls it, or the test fails.
"""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from authz.demo.processes import Children
from authz.demo.upstream import Upstream
from tests.factories.accepted import followed
from tests.factories.browser import sign_in
from tests.factories.envoy import envoy_name, require_envoy
from tests.factories.page_session import follow
from tests.factories.pages import DOCS
from tests.guides.installation import Installation, install, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, pytest.mark.deploy]

ADMIN = "https://api.example.com/admin"
ALICE = "--cert alice/client.pem --key alice/client.key"
BEFORE = """\
authz ca create --name Acme
authz host add api.example.com --ca Acme
authz cert issue --label alice --days 9 --out alice
"""


#: Seconds for what takes a moment.
PATIENCE = 30.0


def said(page: str, text: str) -> str:
    """The text of a control, which the page has in bold or italics."""
    shown = (DOCS / page).read_text(encoding="utf-8")
    assert re.search(rf"\*{re.escape(text)}\*", shown), f"{page} has no {text!r}"
    return text


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A service with the dashboard, and a host that asks for certificates."""
    require_envoy()
    with Upstream() as upstream, Children() as children:
        made = install(
            children,
            tmp_path_factory.mktemp("dashboard"),
            upstream,
            {"admin": {"enabled": True, "listen": "127.0.0.1:0"}},
        )
        shell(BEFORE, made.directory, made.asking())
        yield made


@pytest.fixture(scope="module")
def environment(installation: Installation) -> dict[str, str]:
    """That of commands which ask its Envoy."""
    return installation.asking(installation.envoy())


@pytest.fixture
def page(visited: Page, installation: Installation) -> Page:
    """Signed in with the first token, at the zone's overview."""
    token = installation.directory / "authz-data" / "admin-token"
    sign_in(visited, url(installation), token.read_text().strip())
    return visited


def url(installation: Installation) -> str:
    return f"http://{installation.authz.admin}"


def zone(installation: Installation) -> str:
    """The address of the zone `default`."""
    command = "authz zone list --json | jq -r '.[0].id'"
    found = shell(command, installation.directory, installation.asking())
    return f"{url(installation)}/zones/{found.strip()}"


def test_a_rule_is_made_its_events_are_seen_and_simulated(
    page: Page, installation: Installation, environment: dict[str, str]
) -> None:
    """One story over three pages: the second and the third begin where the one before ends."""
    directory = installation.directory
    at = zone(installation)
    shell(f"answers 200 {ADMIN}", directory, environment)

    guide = "how-to/change-rules-in-the-dashboard.md"
    page.goto(f"{at}/rules")
    main = page.get_by_role("main")
    main.get_by_role("link", name=said(guide, "Create a mTLS rule")).click()
    page.get_by_label("URI Path, value").fill("/admin")
    # "Those that ask for client certificates are proposed."
    page.get_by_role("button", name="Add api.example.com").click()
    expect(page.get_by_text(said(guide, "Expression Preview"))).to_be_visible()
    expect(page.get_by_label("Choose action").locator("option:checked")).to_have_text(
        said(guide, "Block")
    )
    for other in ("Deploy with action Log first", "Save as draft", "Replay"):
        expect(page.get_by_role("button", name=said(guide, other), exact=True)).to_be_visible()
    page.get_by_role("button", name=said(guide, "Deploy"), exact=True).click()
    again = page.get_by_role("button", name=said(guide, "Deploy now"))
    done = page.get_by_text("is deployed")
    expect(again.or_(done).first).to_be_visible()
    if again.is_visible():
        # It replayed the request of before, which would be decided differently.
        again.click()
    expect(done.first).to_be_visible()
    shell(
        f"answers 403 {ADMIN} && answers 200 {ADMIN} {ALICE} && answers 200 {ADMIN}/users",
        directory,
        environment,
    )
    page.goto(f"{at}/rules")
    main.get_by_role("link", name=said(guide, "Versions")).first.click()
    expect(page.get_by_role("main")).to_contain_text("admin")
    followed(guide, envoy_name(), "followed in Chromium; the rule is in force")

    guide = "how-to/look-at-events.md"
    page.goto(f"{at}/events")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Path", exact=True).fill("/admin")
    page.get_by_role("combobox", name="Result", exact=True).select_option("Blocked")
    page.get_by_role("button", name="Show").click()
    # "What is filtered is in the address of the page."
    expect(page).to_have_url(re.compile("verdict="))
    rows = page.locator("table.events tbody tr")
    # An event is written after the answer: on a busy machine after the page, too.
    until = time.monotonic() + PATIENCE
    while not rows.count() and time.monotonic() < until:
        page.reload()
    expect(rows.first).to_contain_text("Blocked")
    rows.first.get_by_role("link").first.click()
    why = page.get_by_role("region", name=said(guide, "Why"), exact=True)
    expect(why.get_by_text("matches, and decides")).to_be_visible()
    page.get_by_role("link", name="Try it in the simulator").click()
    expect(page.locator("[name=path]")).to_have_value("/admin")
    followed(guide, envoy_name(), "followed in Chromium, from a blocked request to the simulator")

    guide = "how-to/simulate-a-request.md"
    page.goto(f"{at}/simulator")
    page.get_by_label("A curl command").fill(f"curl '{ADMIN}?x=1'")
    page.get_by_role("button", name=said(guide, "Fill in the form from this")).click()
    expect(page.get_by_label("Path and query")).to_have_value("/admin?x=1")
    page.get_by_role("button", name="Simulate", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_role("heading", name="Blocked 403")).to_be_visible()
    result.get_by_text(said(guide, "CheckRequest, as Envoy would send it")).click()
    request = result.get_by_label("CheckRequest", exact=True).inner_text()
    (directory / "request.json").write_text(request, encoding="utf-8")
    (ran,) = follow(
        guide,
        cwd=directory,
        environment=environment,
        # As `authz check` ends where the request is denied.
        change=lambda command: f"{command}; [ $? = 1 ]",
    )
    decided = json.loads(ran.printed)
    assert decided["verdict"] == "deny"
    followed(guide, envoy_name(), "followed in Chromium, and its command with what is shown there")
