# SPDX-License-Identifier: Apache-2.0
"""All faults of a policy, and none of a good one."""

from __future__ import annotations

import pytest

from authz.errors import AuthzError
from authz.policy.model import PolicyModel
from authz.rules import ListKind, ListModel
from authz.sources.validation import validate
from tests.factories.pki import AT
from tests.factories.policies import rule, site


def faults(model: PolicyModel) -> list[str]:
    with pytest.raises(AuthzError) as caught:
        validate(model, AT)
    return [str(one) for one in (caught.value, *caught.value.others)]


def test_a_good_policy_is_compiled() -> None:
    assert [one.name for one in validate(PolicyModel(sites=(site(rule()),)), AT).sites] == ["api"]


def test_every_faulty_expression_and_list_is_reported_once() -> None:
    model = PolicyModel(
        sites=(
            site(
                rule("http.hots eq 1", ref="a", where="p:1: r[0]"),
                rule("ssl", ref="b"),
                rule("ssl and", ref="c", where="p:3: r[2]"),
                rule("ip.src in $bad", ref="d", where="p:4: r[3]"),
            ),
        ),
        lists=(ListModel(name="bad", kind=ListKind.IP, items=("x",), where="p:9: lists.bad"),),
    )

    found = faults(model)

    assert [text.partition(": ")[0] for text in found] == ["p:9", "p:1", "p:3"]
    assert len(found) == len(set(found))
