# SPDX-License-Identifier: Apache-2.0
"""What is shown again of a form that was not taken."""

from __future__ import annotations

from fastapi import Request

from authz.dashboard.forms import Form
from authz.dashboard.written import MOST_CHARACTERS, MOST_FIELDS, written


def shown(fields: dict[str, str], **headers: str) -> list[tuple[str, str]]:
    given = {"host": "dashboard", "sec-fetch-site": "same-origin", **headers}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    request = Request({"type": "http", "headers": pairs})
    request.state.form = Form(fields.items())
    return [tuple(one) for one in written(request, "")]


EXPRESSION = 'not cf.tls_client_auth.cert_verified and http.host eq "a"'


def test_words_are_shown_with_the_names_of_their_fields() -> None:
    found = shown({"rule_name": "Block the admin pages", "expression": f"\r\n{EXPRESSION}"})

    assert found == [("rule name", "Block the admin pages"), ("expression", f"\n{EXPRESSION}")]


def test_secrets_and_what_has_no_words_are_not() -> None:
    fields = {
        "csrf": "c" * 64,
        "token": "a secret that is long",
        "new_password": "a secret that is long",
        "passphrase": "a secret that is long",
        "Client-Secret": "a secret that is long",
        "key": "a secret that is long",
        "content": "-----BEGIN PRIVATE KEY-----\nMC4",
        "chain": "-----BEGIN EC PRIVATE KEY-----\nMC4",
        "version": "12",
        "enabled": "on",
        "zone": "f" * 32,
        "empty": "",
        "long": "x y" * MOST_CHARACTERS,
    }
    assert shown(fields) == []


def test_only_so_many_are_shown() -> None:
    fields = {f"field {n}": "some words of it" for n in range(MOST_FIELDS + 1)}

    assert len(shown(fields)) == MOST_FIELDS


def test_what_another_site_sent_is_not_shown() -> None:
    fields = {"text": "Call this number to go on"}

    assert shown(fields)
    assert shown(fields, **{"sec-fetch-site": "cross-site"}) == []
    assert shown(fields, origin="https://evil.example") == []
    assert shown(fields, **{"sec-fetch-site": "none"}) == []
    assert written(Request({"type": "http", "headers": []}), "") == []
