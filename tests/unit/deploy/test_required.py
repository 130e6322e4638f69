# SPDX-License-Identifier: Apache-2.0
"""What `make test` and `make verify-deploy` insist on is what tests say is absent, and no less."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from tests.factories.accepted import ROOT
from tests.factories.translations import EGCTL, ISTIO

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Each takes the name that AUTHZ_REQUIRE may have; of a Go module, that is the last part.
CALLS: Final = {"absent", "tool", "go_module"}
#: Names that a test has from elsewhere.
NAMED: Final = {
    "EGCTL": (EGCTL,),
    "ISTIO": (ISTIO,),
    "OPERATOR": ("prometheus-operator",),
    "needed": ("curl", "bash"),
}
#: Where `tool` and `go_module` themselves say it, and where another function has one of the names.
ELSEWHERE: Final = {"tests/factories/accepted.py", "tests/deploy/test_image.py:go_module"}


def lists() -> dict[str, set[str]]:
    """The lists of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+_REQUIRE) [?:]= (\S+)$", text, re.MULTILINE)
    return {name: set(names.split(",")) for name, names in found}


def asked() -> Iterator[str]:
    """Every name that a test gives to one of the calls."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        name = str(file.relative_to(ROOT))
        if name in ELSEWHERE:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in CALLS or f"{name}:{node.func.id}" in ELSEWHERE:
                continue
            (first, *_) = node.args
            if isinstance(first, ast.Constant):
                yield str(first.value).rpartition("/")[2]
            else:
                assert isinstance(first, ast.Name), f"{name}:{node.lineno}: a literal, or NAMED"
                yield from NAMED[first.id]


def test_everything_that_may_be_absent_is_insisted_on() -> None:
    required = lists()

    assert set(required) == {"AUTHZ_REQUIRE", "DEPLOY_REQUIRE", "ATTACK_REQUIRE"}
    once = [name for names in required.values() for name in names]
    assert len(once) == len(set(once))
    assert set(asked()) == set(once)


def test_verify_deploy_is_given_both() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")

    (command,) = re.findall(r"^\t(.*-m tests\.deploy\.run)$", text, re.MULTILINE)
    (attack,) = re.findall(r"^\t(.*-m tests\.attack\.run)$", text, re.MULTILINE)
    assert attack.startswith("AUTHZ_REQUIRE=$(AUTHZ_REQUIRE),$(ATTACK_REQUIRE) ")
    assert command.startswith("AUTHZ_REQUIRE=$(AUTHZ_REQUIRE),$(DEPLOY_REQUIRE) ")
