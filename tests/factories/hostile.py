# SPDX-License-Identifier: Apache-2.0
"""Texts that must be shown as text, wherever somebody can put them.

assert shown_as_text(page, HOSTILE)
"""

from __future__ import annotations

import html
from typing import Final

#: Runs in a browser that takes it for HTML, in an element, an attribute or a script.
HOSTILE: Final = (
    "\"'><script>document.title='run'</script><img src=x onerror=\"document.title='run'\">{{7*7}}"
)


def shown_as_text(page: str, text: str = HOSTILE) -> bool:
    """Whether a page has a text, and only as text."""
    escaped = html.escape(text, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    return escaped in page and text not in page and "<script>document" not in page
