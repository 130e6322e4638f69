# SPDX-License-Identifier: Apache-2.0
"""Records and rows have the same names; what is no plain value is text in its column."""

from __future__ import annotations

from authz.store.access_tables import tokens
from authz.store.records import AuthorityKind, Sources, Token
from authz.store.rows import columns_of, values_of
from tests.factories.stored import authority


def test_columns_are_named() -> None:
    names = [column.name for column in columns_of(Token, tokens, but=("scopes",))]

    assert names[:3] == ["id", "name", "sha256"]
    assert "scopes" not in names


def test_values_are_those_of_a_database() -> None:
    made = authority("a", sources=Sources(crl_urls=("http://ü",)))
    values = values_of(made, but=("id",))

    assert "id" not in values
    assert values["sources"] == '{"crl_urls":["http://ü"],"ocsp":"off"}'
    assert values["kind"] == "managed"
    assert type(values["kind"]) is str
    assert made.kind is AuthorityKind.MANAGED


def test_json_of_a_list() -> None:
    made = Token(id="a", name="b", sha256="c", scopes=({"a": 1},), created_at=0.0)

    assert values_of(made)["scopes"] == '[{"a":1}]'
