# SPDX-License-Identifier: Apache-2.0
"""The expression builder in a browser: rows, text, the way between them, and nothing lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from authz.services.context import account_of
from authz.services.lists import create_list
from tests.browser.conftest import sign_in

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page, Route

    from tests.factories.dashboard import Served

DEFAULT: Final = 'not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}'
REVOKED: Final = (
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) "
    'and http.request.uri.path in {"/admin"}'
)


def _open(page: Page, served: Served, expression: str = "", action: str = "block") -> None:
    query = urlencode({"expression": expression, "action": action})
    page.goto(f"{served.url}/zones/{served.zone_id}/expression?{query}")
    expect(page.locator(".b-on")).to_be_visible()


def _preview(page: Page) -> Locator:
    return page.get_by_role("region", name="Expression Preview").locator("code")


def _textarea(page: Page) -> Locator:
    return page.locator("textarea[name=expression]")


def _sent(page: Page) -> str:
    """What the form would send."""
    return _textarea(page).input_value()


def _to_text(page: Page) -> Locator:
    page.get_by_role("button", name="Edit expression").click()
    expect(_textarea(page)).to_be_visible()
    return _textarea(page)


def _to_rows(page: Page) -> None:
    page.get_by_role("button", name="Use the Expression Builder").click()


def _choose_field(page: Page, number: int, search: str, name: str) -> None:
    page.get_by_role("combobox", name=f"Condition {number}: field").fill(search)
    page.get_by_role("option", name=name).first.click()


def _operator(page: Page, number: int) -> Locator:
    return page.get_by_role("combobox", name=f"Condition {number}: operator")


def test_the_default_rule_is_built_by_clicking(page: Page, served: Served) -> None:
    _open(page, served)
    _choose_field(page, 1, "verified", "cf.tls_client_auth.cert_verified")
    _operator(page, 1).select_option("is false")
    page.get_by_role("button", name="And: add a condition after 1").click()
    _choose_field(page, 2, "uri path", "URI Path")
    _operator(page, 2).select_option("is in")
    page.get_by_label("Condition 2: value: add a value").fill("/admin")
    page.keyboard.press("Enter")

    expect(_preview(page)).to_have_text(DEFAULT)
    expect(_textarea(page)).to_have_value(DEFAULT)
    # What the seed recommends is proposed, and is one click away.
    page.get_by_role("button", name="Use this").click()
    expect(_preview(page)).to_have_text(REVOKED)
    assert _sent(page) == REVOKED
    expect(page.get_by_role("group", name="Group: any of these is true")).to_be_visible()


def test_a_group_is_built_by_clicking(page: Page, served: Served) -> None:
    _open(page, served, DEFAULT)
    page.get_by_label("More for condition 1").click()
    page.get_by_role("button", name="Put into a group").click()
    _choose_field(page, 2, "revoked", "cf.tls_client_auth.cert_revoked")

    expect(_preview(page)).to_have_text(REVOKED)
    # `or` takes all that `and` has joined before.
    page.get_by_role("button", name="Or: add a condition after 3").click()
    _choose_field(page, 4, "ssl", "SSL/HTTPS")
    expect(_preview(page)).to_have_text(f"{REVOKED} or ssl")
    page.get_by_role("group", name="Conditions").get_by_role("checkbox", name="not").first.check()
    expect(_preview(page)).to_have_text(f"not ({REVOKED} or ssl)")
    page.get_by_role("button", name="Remove condition 4").click()
    expect(_preview(page)).to_have_text(f"not ({REVOKED})")


def test_rows_text_and_rows_again(page: Page, served: Served) -> None:
    _open(page, served, DEFAULT)
    text = _to_text(page)
    expect(text).to_have_value(DEFAULT)
    text.press("End")
    page.keyboard.type(' and http.host eq "api.example.com"')
    expect(page.locator(".b-layer")).to_contain_text("http.host eq")
    _to_rows(page)

    expect(page.get_by_label("Condition 3: value")).to_have_value("api.example.com")
    expect(_preview(page)).to_have_text(f'{DEFAULT} and http.host eq "api.example.com"')


def test_an_error_is_under_the_exact_characters(page: Page, served: Served) -> None:
    _open(page, served, 'http.host eq "😀"')
    text = _to_text(page)
    text.press("End")
    page.keyboard.type("\nand http.hots eq 1")

    expect(page.locator(".b-mark-error")).to_have_text("http.hots")
    told = page.locator(".b-text .b-problem")
    expect(told).to_contain_text('Line 2, column 5: Unknown field "http.hots" — did you mean "')
    expect(told).not_to_contain_text("?.")
    expect(text).to_have_attribute("aria-invalid", "true")
    assert (told.get_attribute("id") or "?") in (text.get_attribute("aria-describedby") or "")
    expect(page.locator(".builder > [role=status].visually-hidden")).to_contain_text(
        "Error: unknown"
    )
    # Under the letters of the textarea, not beside them.
    place, field = page.locator(".b-mark-error").bounding_box(), text.bounding_box()
    assert place is not None
    assert field is not None
    assert field["x"] < place["x"] < field["x"] + field["width"] / 2
    _to_rows(page)
    expect(page.locator(".b-notice")).to_contain_text("Correct the expression first")
    assert page.evaluate("getSelection().toString()") == "http.hots"
    page.keyboard.type("http.host")
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.keyboard.type('"a"')
    expect(told).to_be_hidden()
    expect(text).not_to_have_attribute("aria-invalid", "true")


def test_a_missing_end_is_marked_behind_the_text(page: Page, served: Served) -> None:
    _open(page, served, "ssl and")

    expect(page.locator(".b-mark-error")).to_have_text("\u00a0")
    expect(page.locator(".b-text .b-problem")).to_contain_text("found the end")


def test_completion_by_keyboard(page: Page, served: Served) -> None:
    with served.store.read() as session:
        account = account_of(session).id
    create_list(served.store, account, "office", "ip", actor="test", at=time.time())
    _open(page, served)
    text = _to_text(page)
    text.fill("")
    page.keyboard.type("cert_ver")
    suggestions = page.get_by_role("listbox", name="Suggestions")
    expect(suggestions).to_be_visible()
    page.keyboard.press("Enter")
    expect(text).to_have_value("cf.tls_client_auth.cert_verified")
    page.keyboard.type(" ")
    page.keyboard.press("Control+Space")
    expect(suggestions.get_by_role("option")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    chosen = suggestions.locator("[aria-selected=true]")
    expect(text).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    page.keyboard.press("Escape")
    expect(suggestions).to_be_hidden()
    page.keyboard.type("and ip.src ")
    page.keyboard.press("Control+Space")
    expect(suggestions.get_by_role("option").first).to_contain_text("in")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Space")
    expect(suggestions.get_by_role("option").first).to_contain_text("$office")
    page.keyboard.press("Enter")

    expect(text).to_have_value("cf.tls_client_auth.cert_verified and ip.src in $office")
    # What was completed can be taken back.
    page.keyboard.press("Control+z")
    expect(text).to_have_value("cf.tls_client_auth.cert_verified and ip.src in ")


def test_a_function_is_completed_with_the_caret_in_it(page: Page, served: Served) -> None:
    _open(page, served)
    text = _to_text(page)
    expect(text).to_have_value("")
    page.keyboard.type("low")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("http.host")
    page.keyboard.press("Escape")

    expect(text).to_have_value("lower(http.host)")


def test_what_rows_cannot_show_stays_text(page: Page, served: Served) -> None:
    source = 'ssl and\n  concat(http.host, http.cookie)   eq "a"'
    _open(page, served, source)

    expect(_textarea(page)).to_be_visible()
    expect(page.locator(".b-notice")).to_contain_text("stays a text: concat() of two")
    _to_rows(page)
    assert page.evaluate("getSelection().toString()") == "concat(http.host, http.cookie)"
    assert _sent(page) == source


def test_looking_at_the_rows_leaves_the_text_as_it_was_written(page: Page, served: Served) -> None:
    source = 'ssl\n  && http.host == "a"'
    _open(page, served, source)

    expect(_preview(page)).to_have_text('ssl and http.host eq "a"')
    assert _sent(page) == source
    expect(_to_text(page)).to_have_value(source)


ROUND_TRIPS: Final = (
    DEFAULT,
    REVOKED,
    'not (ssl and cf.tls_client_auth.cert_fingerprint_sha256 eq "253e08c1")',
    "ssl",
    "not ssl",
    "ssl xor cf.tls_client_auth.cert_presented",
    'http.host ne "a" or not http.host eq "b"',
    'http.host in {"a" "b, c" "d\\"e"}',
    "cf.edge.server_port in {80 443 8000..9000}",
    "ip.src in {10.0.0.0/8 2001:db8::/32} and not ip.src eq 10.0.0.1",
    'http.request.uri.path matches "^/v[0-9]+/\\\\"',
    'http.request.uri.path wildcard r"/a\\**"',
    'not starts_with(lower(http.request.uri.path), "/api/")',
    'any(http.request.headers["x-team"][*] eq "core")',
    'not any(lower(http.request.headers["x-team"][*])[*] in {"core" "ops"})',
    'http.request.headers["x-team"][1] contains "a"',
    'all(authz.cert.san.dns[*] strict wildcard "*.example.com")',
    'any((authz.cert.san.dns[*] eq "a" or authz.cert.san.dns[*] eq "b"))',
    'has_key(http.request.headers, "x-debug") or len(http.request.uri.query) gt 100',
    'substring(http.host, 0, 3) eq "api" and (ssl or ssl and not (ssl or ssl))',
    'http.user_agent eq "a\\x0ab" or http.user_agent eq "<b>&amp;</b>"',
    'http.request.body.multipart.names[*][0] eq "a"'.join(("any(", ")")),
)


def test_rows_are_the_same_expression(page: Page, served: Served) -> None:
    """A row that is added and removed has all of them written again."""
    for source in ROUND_TRIPS:
        _open(page, served, source)
        page.get_by_role("button", name="And: add a condition after 1").click()
        expect(_preview(page)).to_contain_text("…")
        page.get_by_role("button", name="Remove condition 2").click()

        expect(_preview(page)).to_have_text(source)
        expect(_textarea(page)).to_have_value(source)


def test_the_keyboard_is_enough(page: Page, served: Served) -> None:
    _open(page, served)
    page.get_by_role("button", name="Edit expression").focus()
    keys = page.keyboard
    keys.press("Tab")
    keys.type("hostname")
    keys.press("Enter")
    keys.type("contains")
    keys.press("Tab")
    keys.type("api")
    keys.press("Tab")
    keys.press("Enter")
    keys.type("client ip")
    page.get_by_role("combobox", name="Condition 2: field").fill("ip source")
    keys.press("Enter")
    keys.type("is in")
    keys.press("Tab")
    keys.type("10.0.0.0/8 192.0.2.1 ")
    expect(_preview(page)).to_have_text(
        'http.host contains "api" and ip.src in {10.0.0.0/8 192.0.2.1}'
    )
    keys.press("Backspace")
    keys.press("Backspace")
    keys.type("2")
    keys.press("Alt+Shift+ArrowUp")

    expect(_preview(page)).to_have_text(
        'ip.src in {10.0.0.0/8 192.0.2.2} and http.host contains "api"'
    )
    expect(page.get_by_role("group", name="Condition 1")).to_contain_text("192.0.2.2")


def test_what_is_wrong_in_a_row_is_told_there(page: Page, served: Served) -> None:
    _open(page, served, 'ssl and ip.src in {10.0.0.0/8} and http.host matches "a"')
    page.get_by_label("Condition 2: value: add a value").fill("10.0.0.1/8")
    page.keyboard.press("Enter")
    row = page.get_by_role("group", name="Condition 2")
    expect(row).to_contain_text("has bits set beyond its prefix length — write 10.0.0.0/8.")
    expect(row.locator(".b-wrong")).to_have_text("10.0.0.1/8")
    row.get_by_role("button", name="Remove 10.0.0.1/8").click()
    page.get_by_label("Condition 3: value").fill("(")
    expect(page.get_by_role("group", name="Condition 3")).to_contain_text("regular expression")

    page.get_by_role("button", name="Check").click()
    expect(page.get_by_label("Condition 3: value")).to_be_focused()
    expect(page.get_by_label("Condition 3: value")).to_have_attribute("aria-invalid", "true")


def test_a_form_is_sent_with_what_was_typed_last(page: Page, served: Served) -> None:
    """The server writes the expression: the form waits for it."""
    _open(page, served, 'http.host eq "a"')
    page.get_by_label("Condition 1: value").fill("last.example.com")
    page.get_by_role("button", name="Check").click()

    page.wait_for_url("**last.example.com**")
    expect(_preview(page)).to_have_text('http.host eq "last.example.com"')


def test_a_server_that_cannot_be_reached(context: BrowserContext, served: Served) -> None:
    # The browser itself complains about what it cannot load.
    page = context.new_page()
    sign_in(page, served)
    _open(page, served, 'http.host eq "a"')

    def lost(route: Route) -> None:
        route.abort()

    page.route("**/expression/*", lost)
    page.get_by_label("Condition 1: value").fill("b")
    expect(page.locator(".b-notice")).to_contain_text("cannot be reached")
    where = page.url
    page.get_by_role("button", name="Check").click()
    assert page.url == where
    expect(page.get_by_label("Condition 1: value")).to_have_value("b")
    page.unroute("**/expression/*", lost)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator(".b-notice")).to_be_hidden()
    expect(_preview(page)).to_have_text('http.host eq "b"')

    text = _to_text(page)
    page.route("**/expression/*", lost)
    text.press("End")
    page.keyboard.type(" and ssl")
    expect(page.locator(".b-notice")).to_contain_text("Your expression is kept")
    expect(text).to_have_value('http.host eq "b" and ssl')
    page.unroute("**/expression/*", lost)
    # It is asked again by itself.
    expect(page.locator(".b-notice")).to_be_hidden()


def test_an_answer_that_does_not_come_holds_up_nothing(page: Page, served: Served) -> None:
    _open(page, served, 'http.host eq "a"')
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/expression/write", hold_the_first)
    value = page.get_by_label("Condition 1: value")
    with page.expect_request("**/expression/write"):
        value.fill("first")
    value.fill("second")

    expect(_preview(page)).to_have_text('http.host eq "second"')
    assert _sent(page) == 'http.host eq "second"'


HOSTILE: Final = (
    "<img src=x onerror=alert(1)>",
    "</code><script>alert(1)</script>",
    '" onfocus=alert(1) autofocus x="',
    "{{7*7}}${7*7}javascript:alert(1)",
    "'-alert(1)-'",
)


def test_what_people_write_is_shown_as_text(page: Page, served: Served) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"{dialog.message}"))
    for value in HOSTILE:
        _open(page, served, 'http.host in {"a"} or http.referer eq "b"')
        page.get_by_label("Condition 1: value: add a value").fill(value)
        page.keyboard.press("Enter")
        page.get_by_label("Condition 2: value").fill(value)
        quoted = value.replace('"', '\\"')

        expect(_preview(page)).to_have_text(
            f'http.host in {{"a" "{quoted}"}} or http.referer eq "{quoted}"'
        )
        expect(page.locator(".b-tag").nth(1)).to_have_text(value)
        text = _to_text(page)
        expect(page.locator(".b-layer")).to_contain_text(quoted)
        text.press("End")
        page.keyboard.type(f" {value}")
        expect(page.locator(".b-text .b-problem")).to_be_visible()
        assert page.locator(".builder img, .builder script").count() == 0


def test_without_scripts_there_is_the_text(served: Served, page: Page) -> None:
    context = page.context.browser
    assert context is not None
    plain = context.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    other = plain.new_page()
    query = urlencode({"expression": "ssl and http.hots"})
    other.goto(f"{served.url}/zones/{served.zone_id}/expression?{query}")
    text = other.get_by_label("Expression", exact=True)
    expect(text).to_have_value("ssl and http.hots")
    expect(other.locator(".builder-errors")).to_contain_text("Line 1, column 9: Unknown field")
    text.fill(DEFAULT)
    other.get_by_role("button", name="Check").click()

    expect(other.get_by_role("heading", name="This expression can be used")).to_be_visible()
    expect(other.get_by_text("A revoked certificate counts as verified")).to_be_visible()
    plain.close()


#: Conditions `a`, `b` and so on, groups with their logic; what is done to one; what it gives.
STRUCTURES: Final = (
    ("a", "join a and", "and(a,new)"),
    ("a", "join a or", "or(a,new)"),
    ("and(a,b)", "join a and", "and(a,new,b)"),
    ("and(a,b)", "join a or", "or(and(a,b),new)"),
    ("or(a,b)", "join b and", "or(a,and(b,new))"),
    ("or(and(a,b),c)", "join a or", "or(and(a,b),new,c)"),
    ("and(or(a,b),c)", "join b or", "and(or(a,b,new),c)"),
    ("and(and(a,b),c)", "join a or", "and(or(and(a,b),new),c)"),
    ("xor(a,b)", "join a or", "or(xor(a,b),new)"),
    ("and(a,b)", "wrap a", "and(or(a,new),b)"),
    ("and(or(a,b),c)", "leave a", "and(b,a,c)"),
    ("and(or(a,b),c)", "dissolve a", "and(a,b,c)"),
    ("and(or(a,b),c)", "remove a", "and(b,c)"),
    ("and(or(a,b),c)", "remove c", "or(a,b)"),
    ("and(or(a,and(b,c)),d)", "remove a", "and(and(b,c),d)"),
    ("a", "remove a", "and(new)"),
    ("and(a,b,c)", "up c", "and(a,c,b)"),
    ("and(a,b,c)", "down c", "and(a,b,c)"),
)
_RUN: Final = """async ([structures, url]) => {
  const model = await import(url);
  const read = (text) => {
    let at = 0;
    const item = () => {
      const name = /^[a-z]+/.exec(text.slice(at))[0];
      at += name.length;
      if (text[at] !== "(") {
        return { ...model.emptyRow(), field: name };
      }
      const rows = [];
      do {
        at += 1;
        rows.push(item());
      } while (text[at] === ",");
      at += 1;
      return model.group(name, rows);
    };
    const found = item();
    return found.kind === "group" ? found : model.group("and", [found]);
  };
  const show = (item) =>
    item.kind === "row" ? item.field ?? "new" : `${item.logic}(${item.rows.map(show).join(",")})`;
  return structures.map(([before, act, after]) => {
    const root = read(before);
    const [verb, name, logic] = act.split(" ");
    const row = [...model.rowsOf(root)].find((one) => one.field === name);
    const acts = {
      join: () => model.join(root, row, logic),
      wrap: () => model.wrap(root, row),
      leave: () => model.leave(root, row),
      dissolve: () => model.dissolve(root, model.parentOf(root, row)),
      remove: () => model.remove(root, row),
      up: () => model.move(root, row, -1),
      down: () => model.move(root, row, 1),
    };
    acts[verb]();
    return [before, act, show(root), after];
  });
}"""


def test_what_buttons_do_to_the_tree(page: Page, served: Served) -> None:
    _open(page, served)
    url = page.evaluate("document.querySelector('script[src*=mount]').src").replace(
        "mount", "model"
    )

    found = page.evaluate(_RUN, [[list(one) for one in STRUCTURES], url])

    assert not [one for one in found if one[2] != one[3]]


def test_accessibility(page: Page, served: Served) -> None:
    wrong = 'ssl and any(http.request.headers["a"][*] eq "b") and ip.src in {10.0.0.0/8} and'
    _open(page, served, wrong.removesuffix(" and"))
    found = Axe().run(page).response["violations"]
    page.get_by_role("combobox", name="Condition 1: field").click()
    found += Axe().run(page).response["violations"]
    _open(page, served, wrong)
    found += Axe().run(page).response["violations"]
    page.locator("textarea").press("End")
    page.keyboard.type(" cer")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    found += Axe().run(page).response["violations"]

    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["nodes"][0]["html"]) for one in serious]
