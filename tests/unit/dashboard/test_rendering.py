# SPDX-License-Identifier: Apache-2.0
"""Templates escape, miss nothing quietly, and name files by what is in them."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, UndefinedError

from authz.dashboard.rendering import Renderer


def rendered(template: str, **values: object) -> str:
    renderer = Renderer()
    renderer._environment.loader = DictLoader({"x.html": template})
    return renderer.render("x.html", values)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '" onload="x', "' x", "a&b"])
def test_what_others_wrote_is_text(text: str) -> None:
    made = rendered('<p title="{{ text }}">{{ text }}</p>', text=text)

    assert not set("<>\"'") & set(made.removeprefix('<p title="').replace('">', "", 1)[:-4])


def test_what_is_not_there_is_a_defect() -> None:
    for template in ("{{ missing }}", "{{ text.missing }}", "{% if missing %}{% endif %}"):
        with pytest.raises(UndefinedError):
            rendered(template, text="x")


def test_files_are_served_under_their_digest() -> None:
    renderer = Renderer()
    url = renderer.url_of("app.css")

    assert url == f"/static/{renderer.digest}/app.css"
    assert len(renderer.digest) == 16
    assert Renderer().digest == renderer.digest
    with pytest.raises(LookupError):
        renderer.url_of("missing.css")


def test_files_say_what_they_are() -> None:
    renderer = Renderer()
    kinds = {
        "app.css": "text/css; charset=utf-8",
        "app.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    for name, kind in kinds.items():
        file = renderer.file(name)
        assert file is not None
        assert file.media_type == kind
        assert file.body
    assert renderer.file("../app.py") is None
    assert renderer.file("") is None


def test_no_template_is_found_outside() -> None:
    from jinja2 import TemplateNotFound

    with pytest.raises(TemplateNotFound):
        Renderer().render("../app.py", {})
