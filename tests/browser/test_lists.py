# SPDX-License-Identifier: Apache-2.0
"""Lists in a browser: made and filled with the keyboard alone, mended line by line, emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.factories.browser import tab_to
from tests.factories.hostile import EFFECT, HOSTILE, hostile_texts
from tests.factories.page_lists import make_list, use_list, values_in

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.factories.dashboard import Served


def test_a_list_is_made_and_filled_by_the_keyboard_alone(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/lists")
    tab_to(page, "Create list")
    page.keyboard.press("Enter")
    page.wait_for_url("**/lists/new")
    tab_to(page, "Name")
    page.keyboard.type("offices")
    tab_to(page, "Description")
    page.keyboard.type("Where we work")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The list offices is there.")

    tab_to(page, "Add items")
    page.keyboard.press("Enter")
    page.wait_for_url("**/add")
    tab_to(page, "IP addresses, one a line")
    page.keyboard.type("192.0.2.1 # desk\n10.0.0.0/8\n")
    expect(page.get_by_text("2 items are written")).to_be_visible()
    tab_to(page, "Add items")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("the list has 2 items now")
    expect(page.get_by_role("cell", name="192.0.2.1", exact=True)).to_be_visible()


def test_a_line_that_is_wrong_is_found_and_mended(page: Page, served: Served) -> None:
    list_id = make_list(served.store)
    page.goto(f"{served.url}/lists/{list_id}/add")
    page.get_by_label("IP addresses, one a line").fill("192.0.2.1\nnobody\n192.0.2.3")
    page.get_by_role("button", name="Add items").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("1 line cannot be read")

    page.get_by_role("link", name="2", exact=True).click()
    chosen = (
        "() => { const e = document.activeElement;"
        " return e.value.slice(e.selectionStart, e.selectionEnd); }"
    )
    assert page.evaluate(chosen) == "nobody"
    page.keyboard.type("192.0.2.2")
    page.get_by_role("button", name="Add items").click()

    expect(page.get_by_role("status")).to_contain_text("the list has 3 items now")


def test_items_are_chosen_and_removed_after_a_question(page: Page, served: Served) -> None:
    list_id = make_list(served.store, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    page.goto(f"{served.url}/lists/{list_id}")
    remove = page.get_by_role("button", name="Remove chosen items")
    expect(remove).to_be_disabled()
    page.get_by_label("Choose all of this page").check()
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_label("Choose 192.0.2.2").uncheck()
    remove.click()

    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(values_in(served.store, list_id)) == 3
    remove.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()

    expect(page.get_by_role("status")).to_contain_text("2 items removed")
    assert values_in(served.store, list_id) == ["192.0.2.2"]


def test_all_items_are_replaced_from_a_file(page: Page, served: Served, tmp_path: Path) -> None:
    list_id = make_list(served.store, "192.0.2.1")
    file = tmp_path / "items.txt"
    file.write_text("198.51.100.1\n198.51.100.2 # new\n")
    page.goto(f"{served.url}/lists/{list_id}")
    page.get_by_role("link", name="Replace all").click()
    page.get_by_label("Or read a text file").set_input_files(file)
    expect(page.get_by_text("2 items are written")).to_be_visible()
    page.get_by_role("button", name="Replace all").click()
    page.get_by_role("dialog").get_by_role("button", name="Replace all").click()

    expect(page.get_by_role("status")).to_contain_text("The items are replaced")
    assert values_in(served.store, list_id) == ["198.51.100.1", "198.51.100.2"]


def test_many_items_are_searched_and_paged_through(page: Page, served: Served) -> None:
    list_id = make_list(served.store, *(f"10.0.{n // 200}.{n % 200}" for n in range(120)))
    page.goto(f"{served.url}/lists/{list_id}")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("cell", name="10.0.0.50", exact=True)).to_be_visible()
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("cell", name="10.0.0.0", exact=True)).to_be_visible()

    page.get_by_label("Search").fill("10.0.0.11")
    page.keyboard.press("Enter")

    expect(page.get_by_role("row")).to_have_count(12)  # the head, .11 and .110 to .119


def test_a_list_that_a_rule_uses_is_kept(page: Page, served: Served) -> None:
    list_id = make_list(served.store, "192.0.2.1")
    use_list(served.store, served.zone_id)
    page.goto(f"{served.url}/lists/{list_id}")

    expect(page.get_by_role("button", name="Delete list")).to_have_count(0)
    expect(page.get_by_role("link", name="keep-out").first).to_be_visible()

    free = make_list(served.store, name="free")
    page.goto(f"{served.url}/lists/{free}")
    page.get_by_role("button", name="Delete list").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("The list free is deleted.")


def test_whatever_is_written_is_shown_as_text(page: Page, served: Served) -> None:
    texts = [HOSTILE, *hostile_texts(80)]
    list_id = make_list(served.store, kind="string", name="texts", description=HOSTILE)
    page.goto(f"{served.url}/lists/{list_id}/add")
    lines = "\n".join(f"{one} # {one}" for one in texts if '"' not in one[:1])
    page.get_by_label("Strings, one a line").fill(lines)
    page.get_by_role("button", name="Add items").click()
    expect(page.get_by_role("status")).to_be_visible()

    for path in ("/lists", f"/lists/{list_id}", f"/lists/{list_id}/replace"):
        page.goto(served.url + path)
        assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
    assert texts[5] in page.get_by_label("Strings, one a line").input_value()
