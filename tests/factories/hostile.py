# SPDX-License-Identifier: Apache-2.0
"""Texts that would be scripts or markup if a page did not show them as text.

    hostile_texts(1000)         # different ones, the same in every run, 64 characters at most
    shown_as_text(page_html)    # whether HOSTILE is there, as text
    is_scripted(page_html)      # what of a page none of our templates has

Each begins with a marker of its own, by which it is found where it is shown.
"""

from __future__ import annotations

import html
import random
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a script of such a text would do: a test looks for it.
EFFECT: Final = "pwned"

#: Runs in a browser that takes it for HTML, in an element, an attribute or a script.
HOSTILE: Final = '"\'><script>pwned=1</script><img src=x onerror="pwned=1">{{7*7}}'

_CALL: Final = f"{EFFECT}=1"
#: Of a common name (RFC 5280, ub-common-name): texts that fit there fit everywhere.
_MOST: Final = 64
_SEEDS: Final = (
    f"<script>{_CALL}</script>",
    f"</script><script>{_CALL}//",
    f"<img src=x onerror={_CALL}>",
    f"<svg onload={_CALL}>",
    f"<svg/onload={_CALL}//",
    f'"><img src onerror={_CALL}>',
    f"'><b onmouseover={_CALL}>",
    f'" autofocus onfocus={_CALL} x="',
    f"' autofocus onfocus={_CALL} x='",
    f"` onfocus={_CALL} `",
    f"javascript:{_CALL}",
    f"</textarea><img src onerror={_CALL}>",
    f"</title><script>{_CALL}</script>",
    f"--><script>{_CALL}</script><!--",
    f"]]><script>{_CALL}</script>",
    f"<iframe srcdoc='<script>{_CALL}'>",
    f"<a href=javascript:{_CALL}>x</a>",
    f"<details open ontoggle={_CALL}>",
    f"<input autofocus onfocus={_CALL}>",
    f"<math><mi xlink:href=data:x,{_CALL}>",
    f"<style>@import'data:,{_CALL}'</style>",
    "<base href=//x/><script src=a>",
    "<meta http-equiv=refresh content=0>",
    "<form action=//x><button>",
    f"{{{{constructor.constructor('{_CALL}')()}}}}",
    f"{{% print({_CALL}) %}}",
    f"${{{_CALL}}}",
    f"&lt;script&gt;{_CALL}&lt;/script&gt;",
    f"&#60;img src onerror={_CALL}&#62;",
    f"\\u003cscript\\u003e{_CALL}",
    f"\\x3cimg onerror={_CALL}\\x3e",
    f"%3Cscript%3E{_CALL}%3C/script%3E",
    f"\u2028{_CALL}\u2029",
    f"\u202e<script>{_CALL}</script>",
    f"<\u0130mg src onerror={_CALL}>",
    f"\uff1cscript\uff1e{_CALL}",
)
_PIECES: Final = (
    "<",
    ">",
    '"',
    "'",
    "`",
    "&",
    "/",
    "\t",
    " ",
    "=",
    "\\",
    "<!--",
    "*/",
    "';",
    "&amp;",
)


def hostile_texts(count: int, seed: int = 1) -> list[str]:
    """Different texts, the same for the same seed."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        text = _SEEDS[number % len(_SEEDS)]
        for _ in range(chance.randrange(4) if number >= len(_SEEDS) else 0):
            text = _mutated(text, chance)
        found.append(f"h{number:x}.{text}"[:_MOST].strip())
    return found


def _mutated(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text) + 1)
    kind = chance.randrange(5)
    if kind == 0:
        return text[:place] + chance.choice(_PIECES) + text[place:]
    if kind == 1:
        return text[:place] + text[place + 1 :]
    if kind == 2:
        return "".join(chance.choice((one.upper(), one.lower())) for one in text)
    if kind == 3:
        return chance.choice(_PIECES) + text
    return text.replace(" ", chance.choice(("/", "\t", "  ")))


class _Reader(HTMLParser):
    """Reads a page as a browser does, and notes what could run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in {"iframe", "object", "embed", "base", "math", "style"}:
            self.found.append(f"<{tag}>")
        if tag == "script" and not (values.get("src") or values.get("type") == "application/json"):
            self.found.append("a script in the page")
        if tag == "meta" and "http-equiv" in values:
            self.found.append("<meta http-equiv>")
        for name, value in attrs:
            self.texts.append(value or "")
            if name.startswith("on") or name in {"style", "srcdoc"}:
                self.found.append(f"<{tag} {name}>")
            is_place = name in {"href", "src", "action", "formaction", "xlink:href"}
            if is_place and not (value or "").startswith(("/", "#", "?", "data:image/")):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def is_scripted(page: str) -> list[str]:
    """What of a page could run or lead elsewhere, and none of our templates has."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.found


def shown_in(page: str) -> str:
    """Everything that a page shows as text, values of fields included."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return "\n".join(reader.texts)


def shown_as_text(page: str, text: str = HOSTILE) -> bool:
    """Whether a page has a text (HOSTILE), and only as text."""
    escaped = html.escape(text, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    return escaped in page and text not in page and "<script>pwned" not in page
