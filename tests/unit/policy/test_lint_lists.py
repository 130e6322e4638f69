# SPDX-License-Identifier: Apache-2.0
"""Items of named lists that a value never equals."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.policy.model import Action
from authz.rules import ListKind, ListModel
from authz.rules.lists import pack_list
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.lint import PolicyFinding

_TLS = "cf.tls_client_auth."
_SHA256, _SHA1 = _TLS + "cert_fingerprint_sha256", _TLS + "cert_fingerprint_sha1"
_COLONS = ":".join(["AB"] * 32)
_GOOD = "aB" * 32


def _list(*items: str, **changes: Any) -> ListModel:
    return replace(ListModel(name="pins", kind=ListKind.STRING, items=items), **changes)


def _found(model: ListModel, *sources: str) -> list[PolicyFinding]:
    rules = [rule(text, ref=f"r{n}", action=Action.LOG) for n, text in enumerate(sources)]
    return list(snapshot(site(*rules), lists=(model,)).findings)


def test_a_fingerprint_with_colons_is_never_found_in_a_list() -> None:
    (found,) = _found(_list(_GOOD, _COLONS, "zz"), f"{_SHA256} in $pins")

    assert (found.rule, found.code) == ("r0", "list_item_never_equal")
    assert found.message.startswith(f'list "pins", item 2: {_SHA256} is never equal to "AB:AB:')
    assert found.message.endswith('", nor to 1 more: the value has no colons or spaces')
    assert found.hint == f'write "{"AB" * 32}" in $pins'


def test_every_rule_with_the_list_is_told() -> None:
    found = _found(_list(_COLONS), f"{_SHA256} in $pins", f"{_SHA256} in $pins and ssl")

    assert [one.rule for one in found] == ["r0", "r1"]


def test_the_line_of_a_file_is_told() -> None:
    model = _list(_GOOD, "abc", file="pins.txt", lines=(3,))

    (found,) = _found(model, f"{_SHA256} in $pins")

    assert found.message.startswith('list "pins", "pins.txt" line 3: ')
    assert found.hint == f"correct $pins, or remove what is not for {_SHA256}"


def test_of_a_packed_list_the_item_is_told() -> None:
    packed = pack_list(_list(_GOOD, _COLONS))

    (found,) = _found(packed, f"{_SHA256} in $pins")

    assert found.message.startswith(f'list "pins", one of its items: {_SHA256} is never equal')


def test_other_values_have_items_that_they_never_equal_too() -> None:
    assert "http.host" in _found(_list("a", "a:80"), "http.host in $pins")[0].message
    (found,) = _found(_list("a", "B"), "any(lower(http.request.headers.names[*])[*] in $pins)")
    assert "lower() is never equal to" in found.message
    assert found.hint == 'write "b" in $pins'


def test_what_is_of_use_to_another_rule_is_no_slip() -> None:
    model = _list("ab" * 32, "ab" * 20)

    assert len(_found(model, f"{_SHA256} in $pins")) == 1
    assert _found(model, f"{_SHA256} in $pins", f"{_SHA1} in $pins") == []


def test_good_items_and_other_lists_are_fine() -> None:
    assert _found(_list(_GOOD, ""), f"{_SHA256} in $pins") == []
    assert _found(_list("A:B"), "http.cookie in $pins") == []
    names = _list("a.example", kind=ListKind.HOSTNAME)
    assert _found(names, "http.host in $pins") == []
    assert _found(_list(_COLONS), f'{_SHA256} eq "{_GOOD}"') == []
