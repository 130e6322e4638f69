# SPDX-License-Identifier: Apache-2.0
"""How long it takes to refuse a secret says nothing of how much of it was right.

Secrets are compared as digests or by `hmac.compare_digest`: the first tests read the code, the last
one measures, by the ratio of medians of calls that alternate.
"""

from __future__ import annotations

import ast
import contextlib
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.requests import Request

import authz
from authz.dashboard import csrf
from authz.errors import ForbiddenError, UnauthenticatedError
from authz.services.authentication import valid_token
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from tests.attack.report import tried
from tests.fuzz.targets.app import APPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(authz.__file__).parent
#: Names of values that somebody else must not be able to find out piece by piece.
SECRETS = {"secret", "csrf", "nonce", "state", "sha256", "signature", "mac", "expected", "offered"}
#: Where somebody sends a secret, and it is compared.
COMPARING = (
    "services/authentication.py",
    "services/sign_ins.py",
    "services/oidc_client.py",
    "services/id_tokens.py",
    "dashboard/csrf.py",
    "rules/functions/timed_hmac.py",
)
#: Where something of such a name is compared by == or !=: such names, and why that tells nobody
#: anything.
NO_SECRETS = {
    "ca/lints/crl.py": (1, "what a part of a CRL of ours should be"),
    "certs/ocsp.py": (1, "the nonce that was sent in the open, in an answer that is signed"),
    "cli/policy_test/running.py": (1, "what a test of a policy expects"),
    "demo/rows.py": (2, "what a row of the demo expects"),
    "demo/telling.py": (2, "the same"),
    "node/control/sharing.py": (4, "digests of fetched lists, which are public"),
    "node/section_files.py": (1, "the digest of a file of ours"),
    "node/snapshot_layout.py": (1, "the same"),
    "packed/section.py": (2, "digests of sections of a snapshot"),
    "services/model.py": (1, "a number of a state of the store"),
    "store/sign_ins.py": (2, "SQL: a session is found by the digest of its secret"),
    "store/tokens.py": (2, "SQL: a token is found by the digest of its secret"),
}

pytestmark = pytest.mark.attack


def compared(text: str) -> Iterator[str]:
    """Names of secrets that are compared by == or != with something that is no constant."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Compare):
            continue
        if not all(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        for side in sides:
            name = side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "")
            if name in SECRETS:
                yield name


def test_secrets_are_compared_in_constant_time() -> None:
    found = {}
    for path in ROOT.rglob("*.py"):
        names = list(compared(path.read_text(encoding="utf-8")))
        if names:
            found[str(path.relative_to(ROOT))] = len(names)

    # A new comparison is by `hmac.compare_digest`, or is named there with why it need not be.
    allowed = {path: times for path, (times, _) in NO_SECRETS.items()}
    wrong = {path for path in found.keys() | allowed if found.get(path) != allowed.get(path)}
    tried("rights", "modules in which a secret might be compared", len(found), wrong=len(wrong))
    assert wrong == set()


def test_a_comparison_that_leaks_would_be_found() -> None:
    assert list(compared("if token.sha256 == wanted: pass")) == ["sha256"]
    assert list(compared("if given != self.state: pass")) == ["state"]
    assert list(compared('if state == "active": pass')) == []


def test_whoever_lets_somebody_in_is_in_the_list() -> None:
    using = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if "compare_digest(" in path.read_text(encoding="utf-8")
    }

    assert using == set(COMPARING)


def ratio(first: Callable[[], None], second: Callable[[], None], times: int = 400) -> float:
    """How much longer the median of one takes than that of the other; they take turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * times):
        which = number % 2
        began = time.perf_counter()
        (first, second)[which]()
        seconds[which].append(time.perf_counter() - began)
    one, other = map(statistics.median, seconds)
    return max(one, other) / min(one, other)


def is_even(first: Callable[[], None], second: Callable[[], None]) -> bool:
    """Whether both take the same time: the best of some tries, for the machine has other work."""
    return any(ratio(first, second) < 1.15 for _ in range(5))


def test_how_much_of_a_secret_is_right_does_not_show() -> None:
    store = APPS.store
    token = create_token(store, "t", EVERYTHING, actor="t", at=time.time()).secret
    form = csrf.token_of("secret")

    def refused(secret: str) -> Callable[[], None]:
        def ask() -> None:
            with contextlib.suppress(UnauthenticatedError):
                valid_token(store, secret, at=time.time())
                raise AssertionError

        return ask

    def compared_with(given: str) -> Callable[[], None]:
        request = Request({"type": "http", "method": "POST", "headers": []})

        def check() -> None:
            with contextlib.suppress(ForbiddenError):
                csrf.check(request, "secret", given)
                raise AssertionError

        return check

    almost = token[:-1] + ("a" if token[-1] != "a" else "b")
    pairs = {
        "token": (refused("x" * len(token)), refused(almost)),
        "form": (compared_with("x" * 64), compared_with(form[:-1] + "x")),
    }
    uneven = [name for name, (first, second) in pairs.items() if not is_even(first, second)]
    tried("rights", "secrets that are almost right, timed", len(pairs), wrong=len(uneven))
    assert uneven == []


def test_a_difference_would_show() -> None:
    def adding(numbers: int) -> Callable[[], None]:
        def add() -> None:
            sum(range(numbers))

        return add

    assert not is_even(adding(1000), adding(2000))
