# SPDX-License-Identifier: Apache-2.0
"""Rows of the catalogue: every field is described, and says what Envoy has to be told."""

from __future__ import annotations

from authz.policy.catalogue import entry
from authz.policy.fields import CATALOGUE, SCHEME
from authz.policy.refused_fields import REFUSED
from authz.rules import Bytes


def test_a_row_is_a_field_and_what_it_takes() -> None:
    row = entry("a.b", Bytes, lambda _: b"x", "What it is.", "`somewhere`", as_hex=True)

    assert (row.field.name, row.field.type, row.field.hex) == ("a.b", Bytes, True)
    assert (row.field.doc, row.source) == ("What it is.", "`somewhere`")


def test_every_field_has_one_row_and_none_is_also_refused() -> None:
    names = [row.field.name for row in CATALOGUE]

    assert len(names) == len(set(names)) == len(SCHEME.fields)
    assert not set(names) & REFUSED.keys()


def test_every_field_is_described_in_a_sentence() -> None:
    assert not [
        row.field.name
        for row in CATALOGUE
        if not row.field.doc.endswith(".")
        or (not row.field.doc[0].isupper() and row.field.doc[0] != "`")
    ]


def test_sources_are_named_where_envoy_has_to_be_told() -> None:
    rows = {row.field.name: row.source for row in CATALOGUE}

    assert "with_request_body" in rows["http.request.body.form"]
    assert "include_tls_session" in rows["authz.tls.sni"]
    assert "metadata_context_namespaces" in rows["authz.metadata"]
