# SPDX-License-Identifier: Apache-2.0
"""A policy file on its way into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import PolicyError
from authz.sources.policy_import import import_policy

if TYPE_CHECKING:
    from pathlib import Path

    from authz.sources.policy_import import ImportedPolicy


def _import(tmp_path: Path, text: str) -> ImportedPolicy:
    (tmp_path / "policy.yaml").write_text(text)
    return import_policy(tmp_path / "policy.yaml")


def test_rules_are_what_was_written_with_their_names(tmp_path: Path) -> None:
    policy = _import(
        tmp_path,
        """
sites:
  - name: api
    hosts: ["*"]
    rules:
      - {expression: ssl, action: block}
      - {ref: s, expression: ssl, action: skip, action_parameters: {products: [waf]}}
""",
    )

    assert policy.rules == (
        {"ref": "api-rule-1", "expression": "ssl", "action": "block"},
        {
            "ref": "s",
            "expression": "ssl",
            "action": "skip",
            "action_parameters": {"products": ["waf"]},
        },
    )
    assert [one.ref for one in policy.models] == ["api-rule-1", "s"]
    assert policy.hosts == ("*",)


def test_lists_have_every_item_also_large_ones(tmp_path: Path) -> None:
    (tmp_path / "items").write_text("# a comment\n" + "\n".join(f"h{n}" for n in range(2000)))
    policy = _import(
        tmp_path,
        """
sites: [{name: api, hosts: ["*"]}]
lists:
  a: {kind: hostname, items: ["*.example"], items_file: items}
  b: {kind: integer, items: [1]}
""",
    )

    assert len(policy.lists[0].items) == 2001
    assert policy.lists[0].items[:2] == ("*.example", "h0")
    assert policy.lists[1].items == ("1",)


def test_sites_that_say_the_same_are_one(tmp_path: Path) -> None:
    policy = _import(
        tmp_path,
        """
sites:
  - {name: a, hosts: [a.example], rules: [{expression: ssl, action: log}]}
  - {name: b, hosts: [b.example], rules: [{expression: ssl, action: log}]}
""",
    )

    assert policy.hosts == ("a.example", "b.example")
    assert len(policy.rules) == 1


def test_sites_that_differ_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"the sites differ \(paths\)") as caught:
        _import(
            tmp_path,
            "sites: [{name: a, hosts: [a.example]}, {name: b, hosts: ['*'], paths: refuse}]",
        )

    assert "sites[1]" in str(caught.value.where)
    assert "policy apply --zone" in str(caught.value.hint)


def test_trust_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.factories.pki import root

    (tmp_path / "ca.pem").write_bytes(root().pem)
    with pytest.raises(PolicyError, match="trust cannot be loaded") as caught:
        _import(
            tmp_path,
            "sites: [{name: a, hosts: ['*'], trust: [{name: t, certificates: [ca.pem]}]}]",
        )

    assert "authz ca upload" in str(caught.value.hint)


def test_what_is_wrong_with_the_file_comes_first(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="hosts"):
        _import(tmp_path, "sites: [{name: a, hots: ['*']}]")
