# SPDX-License-Identifier: Apache-2.0
"""Versions of rules: listed, compared, and put into force again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.dashboard.pages import rule_versions
from authz.services.ruleset_versions import remove_version
from tests.factories.rulesets import account_scope, in_force, put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    import pytest

    from tests.factories.dashboard import Visitor

VERSIONS = "/zones/{zone}/rules/versions"


def _basis(visitor: Visitor) -> str:
    basis = seen(visitor.bench.store)
    return f"{basis.ruleset_id}:{basis.version}"


def _three(visitor: Visitor) -> None:
    store = visitor.bench.store
    put_rules(store, rule("a", description="<b>Rule</b> A"), rule("b"))
    put_rules(
        store, rule("b"), rule("a", description="<b>Rule</b> A", expression='http.host eq "x"')
    )
    put_rules(store, rule("b"), rule("c", enabled=False))


def test_versions_are_listed_with_what_changed(visitor: Visitor) -> None:
    assert "nothing was deployed" in visitor.get(VERSIONS)
    _three(visitor)

    page = visitor.get(VERSIONS)

    assert page.count("in force</span>") == 1
    assert "&lt;b&gt;Rule&lt;/b&gt; A" in page
    for text in ("added</span> c", "removed</span> &lt;b&gt;", "changed</span> &lt;b&gt;"):
        assert text in page
    assert "order changed" in page
    assert "others" in page
    assert "Roll back to version 1" in page
    assert "Roll back" not in visitor.as_reader().get(VERSIONS).partition("<main")[2]


def test_a_name_is_cut_only_where_that_makes_it_much_shorter(visitor: Visitor) -> None:
    names = ("x" * 61, "y" * 90, "z" * 91)
    put_rules(
        visitor.bench.store,
        *(rule(one[0], description=one) for one in names),
    )

    page = visitor.get(VERSIONS)

    assert f"{names[0]}, " in page
    assert f"{names[1]}, " in page
    assert f"{'z' * 60}…" in page
    assert names[2] not in page


def test_two_versions_are_compared_word_by_word(visitor: Visitor) -> None:
    _three(visitor)

    page = visitor.get(f"{VERSIONS}/compare?from=2&to=1")

    assert "From version 1 to version 2" in page
    assert "1 changed" in page
    assert '<del><span class="visually-hidden">[removed: </span>&#34;a.example&#34;' in page
    assert '<ins><span class="visually-hidden">[added: </span>&#34;x&#34;' in page
    assert "The rules are the same" in visitor.get(f"{VERSIONS}/compare?from=1&to=1")
    last = visitor.get(f"{VERSIONS}/compare?from=2&to=3")
    assert "(disabled)" in last
    assert "was rule 2" in last
    visitor.get(f"{VERSIONS}/compare?from=1&to=9", 404)
    assert "From version 2 to version 3" in visitor.get(f"{VERSIONS}/compare")
    visitor.get(f"{VERSIONS}/compare?from=0&to=x", 400)


def test_a_version_is_shown_with_what_going_back_would_change(visitor: Visitor) -> None:
    visitor.get(f"{VERSIONS}/1", 404)
    _three(visitor)

    page = visitor.get(f"{VERSIONS}/1")

    assert "What rolling back would change" in page
    assert "Roll back to this version" in page
    now = visitor.get(f"{VERSIONS}/3")
    assert "What rolling back would change" not in now
    assert "Roll back" not in visitor.as_reader().get(f"{VERSIONS}/1").replace(
        "What rolling back", ""
    )
    visitor.get(f"{VERSIONS}/x", 400)


def test_one_click_goes_back(visitor: Visitor) -> None:
    _three(visitor)

    visitor.post(f"{VERSIONS}/1/rollback", {"basis": _basis(visitor)})

    rules = in_force(visitor.bench.store)
    assert rules.version == 4
    assert [one["ref"] for one in rules.rules] == ["a", "b"]
    page = visitor.get(VERSIONS)
    assert "The rules of version 1 are in force again, as version 4." in page
    assert "Less strict than before: rule c goes." in page
    visitor.post(f"{VERSIONS}/3/rollback", {"basis": _basis(visitor)})
    assert "Less strict than before: rule a goes." in visitor.get(VERSIONS)


def test_going_back_is_refused_where_it_should_be(visitor: Visitor) -> None:
    _three(visitor)
    old = _basis(visitor)
    put_rules(visitor.bench.store, rule("theirs"))

    assert (
        "somebody changed them" in visitor.post(f"{VERSIONS}/1/rollback", {"basis": old}, 412).text
    )
    now = {"basis": _basis(visitor)}
    assert "is in force" in visitor.post(f"{VERSIONS}/4/rollback", now, 400).text
    visitor.post(f"{VERSIONS}/9/rollback", now, 404)
    visitor.as_reader().post(f"{VERSIONS}/1/rollback", now, 403)
    assert [one["ref"] for one in in_force(visitor.bench.store).rules] == ["theirs"]


def test_many_versions_are_on_several_pages(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = visitor.bench.store
    for number in range(25):
        put_rules(store, rule(f"r{number}"))
    ruleset = in_force(store).ruleset
    assert ruleset is not None

    page = visitor.get(VERSIONS)
    assert "Page 1 of 2" in page
    assert "added</span> r5" in page
    second = visitor.get(f"{VERSIONS}?page=2")
    assert "added</span> r0" in second
    assert "Page 2 of 2" in visitor.get(f"{VERSIONS}?page=9")
    remove_version(store, zone_scope(store), ruleset.id, 1, actor="t", at=1.0)
    assert "added</span> r1<" not in visitor.get(f"{VERSIONS}?page=2")

    monkeypatch.setattr(rule_versions, "_MOST_READ", 1)
    assert "added</span>" not in visitor.get(VERSIONS)


def test_versions_of_the_account(visitor: Visitor) -> None:
    put_rules(visitor.bench.store, rule("mine"), scope=account_scope(visitor.bench.store))

    assert "added</span> mine" in visitor.get("/rules/versions")
    visitor.get("/rules/versions/1")
    visitor.get("/rules/versions/compare?from=1&to=1")
