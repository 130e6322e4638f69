# SPDX-License-Identifier: Apache-2.0
"""Names that would be scripts are shown as text, on every page of certificates and authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from cryptography import x509

from authz.services.audit_log import latest_entries
from authz.services.authorities import rename_authority
from authz.services.rulesets import append_rule
from tests.factories.hostile import hostile_texts, is_scripted, shown_in
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/client-certificates"


@pytest.mark.parametrize("text", hostile_texts(60))
def test_a_name_is_text(visitor: Visitor, text: str) -> None:
    world = visitor.bench.world
    known = world.ca()
    world.host("api.example.com")
    fields = {"label": text, "csr": csr("plain").decode(), "request_key": "k"}
    answer = visitor.send("POST", f"{PAGE}/new", data={**fields, "csrf": visitor.csrf})
    assert not is_scripted(answer.text)
    if answer.status_code == 400:
        # Control characters and the like are refused; the form shows what was written as text.
        assert not text.isprintable()
        return
    here = str(answer.headers["Location"])
    rule = {"action": "block", "expression": "not cf.tls_client_auth.cert_verified"}
    append_rule(visitor.bench.store, "default", {**rule, "description": text}, actor="t", at=0)
    rename_authority(visitor.bench.store, known.authority.id, text, actor=text, at=0)
    authority = f"/zones/{{zone}}/authorities/{known.authority.id}"

    for path in (
        here,
        f"{here}/revoke",
        f"{here}/label",
        PAGE,
        f"{PAGE}/new",
        f"{PAGE}/hosts",
        authority,
        f"{authority}/rotate",
        f"{authority}/retire",
        f"{authority}/delete",
    ):
        page = visitor.get(path)
        assert not is_scripted(page), path
        assert text in shown_in(page), path


@pytest.mark.parametrize("text", hostile_texts(60))
def test_a_common_name_is_text(visitor: Visitor, text: str) -> None:
    fields = {"label": "plain", "csr": csr(text).decode(), "request_key": "k"}
    answer = visitor.send("POST", f"{PAGE}/new", data={**fields, "csrf": visitor.csrf})
    assert not is_scripted(answer.text)
    if answer.status_code == 400:
        # Control characters and the like are refused.
        assert not text.isprintable()
        return
    page = visitor.get(str(answer.headers["Location"]))

    assert not is_scripted(page)
    assert not is_scripted(visitor.get(PAGE))
    assert text in shown_in(visitor.get(PAGE))


def test_alternative_names_are_text(visitor: Visitor) -> None:
    names = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier("javascript:alert(1)"),
            x509.RFC822Name("'onload=x'@a.example"),
        ]
    )
    request = csr("a", extensions=[(names, False)]).decode()

    answer = visitor.post(f"{PAGE}/new", {"label": "a", "csr": request, "request_key": "k"})

    page = visitor.get(str(answer.headers["Location"]))
    assert not is_scripted(page)
    assert "javascript:alert(1)" in shown_in(page)


@pytest.mark.parametrize("text", hostile_texts(40))
def test_what_was_written_into_a_form_is_text(visitor: Visitor, text: str) -> None:
    visitor.bench.world.ca()
    before = len(latest_entries(visitor.bench.store))
    for path, fields in (
        (f"{PAGE}/new", {"csr": text, "label": text, "days": text, "authority_id": text}),
        (f"{PAGE}/hosts", {"hostname": text, "authority_id": text}),
        ("/authorities/upload", {"certificates": text, "name": text}),
        ("/zones/{zone}/authorities/new", {"name": text, "kind": text, "organization": text}),
    ):
        answer = visitor.post(path, {**fields, "request_key": text}, 400)
        assert not is_scripted(answer.text), path
    found = visitor.get(f"{PAGE}?{urlencode({'search': text})}")

    assert not is_scripted(found)
    assert text in shown_in(found)
    assert len(latest_entries(visitor.bench.store)) == before
