# SPDX-License-Identifier: Apache-2.0
"""A thousand texts that would be scripts, in every place that somebody writes into: shown as text.

Each of them is the label and common name of a certificate, the description and answer of a rule,
the comment of a list's item, the name of a token, and path, host, detail and headers of a request.
Then every page is looked at that links lead to. `make test` does a part, `make acceptance` all.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.names import AlternativeNames, Subject
from authz.errors import AuthzError
from authz.rules.list_items import ListKind
from authz.services.activity import keep_activity
from authz.services.context import account_of
from authz.services.issuance import NewKey, issue_certificate
from authz.services.list_items import append_items
from authz.services.list_values import GivenItem, judge_items
from authz.services.lists import create_list
from authz.services.permissions import EVERYTHING
from authz.services.rulesets import replace_rules
from authz.services.tokens import create_token
from tests.factories.dashboard import visiting
from tests.factories.events import blocked, with_request
from tests.factories.hostile import hostile_texts, is_scripted, shown_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.dashboard import Visitor

COUNT = 1000
TOGETHER = 25
#: Links that lead out of the session, or to files.
_NO_PAGES = re.compile(r"/static/|/sign-|\.(pem|crl|txt|json|yaml)")
#: Of one page, the parts are looked at, and not each filter that a link sets.
_PARTS = re.compile(r"[?&](page|after|before|cursor|newer|older)=")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href and href.startswith("/") and not _NO_PAGES.search(href):
            self.found.append(href.partition("#")[0])


def _certificates(visitor: Visitor, texts: list[str]) -> None:
    world = visitor.bench.world
    world.protect()
    for text in texts:
        names = AlternativeNames()
        common = text if text.isprintable() else "plain"
        for kind in ("uri", "email", "dns"):
            try:
                names = AlternativeNames(**{kind: (text,)})
            except AuthzError:
                continue  # what is refused is shown nowhere
        issue_certificate(
            visitor.bench.store,
            NewKey(subject=Subject.of(common), names=names),
            zone="default",
            label=common,
            encryption=world.encryption,
            actor=common,
            at=visitor.bench.now,
        )


def _rest(visitor: Visitor, texts: list[str]) -> None:
    store, at = visitor.bench.store, visitor.bench.now
    rules: list[dict[str, Any]] = [
        {
            "ref": f"r{number}",
            "description": text,
            "expression": f'http.request.uri.path eq "/{number}"',
            "action": "block",
            "action_parameters": {
                "response": {"status_code": 403, "content_type": "text/html", "content": text}
            },
        }
        for number, text in enumerate(texts)
    ]
    replace_rules(store, "default", rules, actor="test", at=at)
    with store.read() as session:
        account = account_of(session).id
    made = create_list(store, account, "hosts", "string", actor="test", at=at).list.id
    items = [GivenItem(string=text, comment=text) for text in texts]
    append_items(store, account, made, judge_items(ListKind.STRING, items), actor="test", at=at)
    events = []
    for number, text in enumerate(texts):
        # Control characters are refused in names, and so are shown nowhere.
        name = text if text.isprintable() else "plain"
        create_token(store, name, EVERYTHING, actor=name, at=at)
        event = blocked(
            id=f"h{number}",
            at=at - number,
            site="api.example.com",
            host=text,
            path=f"/{text}",
            detail=text,
            rule=f"r{number}",
            logged=(text,),
            client_ip=text,
        )
        headers = (("user-agent", text), (f"x-{number}", text))
        events.append(with_request(event, headers=headers, path=f"/{text}?{text}=1", host="a"))
    keep_activity(store, {}, events)


def _crawled(visitor: Visitor) -> str:
    """Everything that is shown on pages that links lead to."""
    waiting, seen, shown = ["/", f"/zones/{visitor.bench.zone_id}"], set(), []
    while waiting:
        path = waiting.pop()
        page = path if _PARTS.search(path) else path.partition("?")[0]
        if page in seen:
            continue
        seen.add(page)
        answer = visitor.send("GET", path)
        assert answer.status_code in {200, 303}, f"{path}: {answer.status_code}"
        if answer.status_code == 303:
            waiting.append(answer.headers["Location"])
            continue
        assert not is_scripted(answer.text), path
        shown.append(shown_in(answer.text))
        links = _Links()
        links.feed(answer.text)
        waiting += links.found
    assert len(seen) > 4 * TOGETHER
    return "\n".join(shown)


def _every_place(directory: Path, empty_store: Path, first: int) -> None:
    texts = hostile_texts(COUNT)[first : first + TOGETHER]
    with visiting(directory, empty_store) as visitor:
        _certificates(visitor, texts)
        _rest(visitor, texts)
        shown = _crawled(visitor)
    for text in texts:
        if text.isprintable():
            assert text in shown


def test_some_texts_are_text_on_every_page(tmp_path: Path, empty_store: Path) -> None:
    _every_place(tmp_path, empty_store, 0)


@pytest.mark.acceptance
@pytest.mark.parametrize("first", range(TOGETHER, COUNT, TOGETHER))
def test_a_thousand_texts_are_text_on_every_page(
    tmp_path: Path, empty_store: Path, first: int
) -> None:
    _every_place(tmp_path, empty_store, first)
