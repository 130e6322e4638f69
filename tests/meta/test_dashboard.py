# SPDX-License-Identifier: Apache-2.0
"""What every page of the dashboard keeps to, whoever writes it: templates, scripts and routes."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from authz.dashboard.csrf import SAFE
from authz.dashboard.viewers import viewer
from tests.factories.dashboard_routes import OPEN, routes
from tests.factories.layout import MAX_LINES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi.dependencies.models import Dependant
    from fastapi.routing import APIRoute

HERE = ROOT / "authz" / "dashboard"
TEMPLATES = sorted((HERE / "templates").rglob("*.html"))
SCRIPTS = sorted((HERE / "static").rglob("*.js"))
STYLES = sorted((HERE / "static").rglob("*.css"))

#: The first line of a file, by how its name ends.
HEADS = {
    ".html": "{# SPDX-License-Identifier: Apache-2.0 #}",
    ".js": "// SPDX-License-Identifier: Apache-2.0",
    ".css": "/* SPDX-License-Identifier: Apache-2.0 */",
}

#: Templates that are no page: parts that others import or include.
_PART = re.compile(r"^\{% macro |^<(?!!doctype)", re.MULTILINE)
_EXTENDS = re.compile(r'^\{% extends "(base|bare)\.html" %\}$', re.MULTILINE)
FRAMES = {"base.html", "bare.html"}

#: What makes HTML, or code, of text.
_DANGEROUS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|createContextualFragment|DOMParser|"
    r"setHTMLUnsafe|parseHTMLUnsafe|eval|execScript|document\s*\.\s*write(ln)?)\b"
    r"|\bnew\s+Function\b|\bFunction\s*\(|\bset(Timeout|Interval)\s*\(\s*[\"'`]"
    r"|setAttribute\s*\(\s*[\"'`](on|style|srcdoc)|javascript:"
)

#: What asks another server.
_ELSEWHERE = re.compile(
    r"""\b(?:fetch|import|from|Worker|WebSocket|EventSource|XMLHttpRequest|open|sendBeacon|src|href)"""
    r"""\s*[(=]?\s*["'`](?:https?:|wss?:)?//"""
)


def _name(path: Path) -> str:
    return str(path.relative_to(HERE))


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS, *STYLES], ids=_name)
def test_a_file_is_small_and_headed(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()

    assert lines[0] == HEADS[path.suffix]
    assert len(lines) <= MAX_LINES, f"{len(lines)} lines: which one is the second job?"


#: In the place of what is filled in.
_FILLED = "filled"


class _Markup(HTMLParser):
    """What a template has that its policy, or an escape, would have to catch."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._script = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag if tag == "script" else ""
        if tag in {"style", "base", "object", "embed", "iframe"}:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and "src" not in given:
            self.wrong.append("a script in the page")
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc"}:
                self.wrong.append(f"{name}= of <{tag}>")
            if name in {"href", "src", "action", "formaction"}:
                self._place(tag, name, value or "")

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.wrong.append("a script in the page")

    def handle_endtag(self, tag: str) -> None:
        self._script = ""

    def _place(self, tag: str, name: str, value: str) -> None:
        loaded = name == "src" or tag == "link"
        if loaded and not value.startswith(_FILLED):
            self.wrong.append(f"{name}={value} of <{tag}>: only static() knows its digest")
        if re.match(r"(https?:)?//|javascript:|data:", value.strip(), re.IGNORECASE):
            self.wrong.append(f"{name}={value} of <{tag}> leads elsewhere")


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_has_nothing_inline_and_escapes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    markup = _Markup()
    # Blocks stand inside of tags, where a parser would take their words for attributes.
    plain = re.sub(r"\{%.*?%\}|\{#.*?#\}", " ", text, flags=re.DOTALL)
    markup.feed(re.sub(r"\{\{.*?\}\}", _FILLED, plain, flags=re.DOTALL))

    assert not markup.wrong
    assert not re.findall(r"\|\s*safe\b|\bautoescape\b|\bMarkup\b", text)
    assert not re.findall(r"(?:href|src|action|value|title)=\{\{", text), "attributes have quotes"


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_page_has_one_of_the_two_frames(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    body = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL).strip()
    if path.name in FRAMES:
        assert body.startswith("<!doctype html>")
    elif "<h1" in text or "{% block" in text:
        assert _EXTENDS.search(text), "a page extends base.html or bare.html"
    else:
        assert _PART.search(body), "neither a page nor parts of one"


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_form_that_posts_has_the_token_of_the_session(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for form in re.findall(r"<form\b.*?</form>", text, re.DOTALL):
        # There is no session yet where somebody signs in.
        if re.search(r'method="post"', form, re.IGNORECASE) and path.name != "sign_in.html":
            assert re.search(r"\{\{[^}]*\bcsrf\b", form), form[:200]


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_makes_no_html_and_no_code_of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = re.sub(r"^\s*(//|\*|/\*).*$", "", text, flags=re.MULTILINE)

    assert not [found[0] for found in _DANGEROUS.finditer(code)]
    assert not _ELSEWHERE.findall(code), "nothing is loaded from elsewhere"
    for imported in re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""", code):
        assert imported.startswith(("./", "../")), imported
        assert (path.parent / imported).resolve().is_relative_to(HERE / "static")
        assert (path.parent / imported).exists(), imported


@pytest.mark.parametrize("path", STYLES, ids=_name)
def test_a_style_loads_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert not re.findall(r"@import|url\(|expression\(", text)


def test_what_the_tests_look_for_is_found() -> None:
    bad = _Markup()
    bad.feed(
        '<p onclick="x" style="y"></p><script>z</script><script src="a.js"></script>'
        '<style></style><a href="https://elsewhere.example/">x</a>'
    )

    assert len(bad.wrong) == 7
    for text in ("a.innerHTML = b", "eval(a)", "new Function(a)", "document.write(a)"):
        assert _DANGEROUS.search(text)
    assert not _DANGEROUS.search("element.style.left = x; evaluate(y)")
    for text in ('fetch("https://a")', "import('//a')", "x.src = `http://a`", 'from "https://a"'):
        assert _ELSEWHERE.search(text)
    assert not _ELSEWHERE.search('const SVG = "http://www.w3.org/2000/svg"; fetch("/a")')


def _depends_on_viewer(dependant: Dependant) -> bool:
    return any(one.call is viewer or _depends_on_viewer(one) for one in dependant.dependencies)


@pytest.mark.parametrize(
    ("method", "route"), [pytest.param(m, r, id=f"{m} {r.path}") for m, r in routes()]
)
def test_a_route_is_for_somebody_who_is_signed_in(method: str, route: APIRoute) -> None:
    is_open = (method, route.path) in OPEN

    assert _depends_on_viewer(route.dependant) is not is_open
    assert method in SAFE or method == "POST", "forms know no other"
    assert not route.path.endswith("/") or route.path == "/"
