# SPDX-License-Identifier: Apache-2.0
"""When sessions were last used: by the store, and by what this process saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.errors import StoreUnavailableError
from authz.services import sign_in_use
from authz.services.permissions import EVERYTHING
from authz.services.sign_in_use import SignInUse
from authz.services.sign_ins import Browser, SessionTimes, sign_in, signed_in
from authz.services.tokens import create_token
from tests.factories.pki import AT

if TYPE_CHECKING:
    import pytest

    from authz.services.sign_ins import NewSignIn
    from authz.store.engine import Store

TIMES = SessionTimes(idle=600.0, longest=3600.0)


def begun(store: Store) -> NewSignIn:
    token = create_token(store, "ops", EVERYTHING, actor="t", at=AT)
    browser = Browser(address="192.0.2.1", agent="")
    return sign_in(store, token.secret, browser, times=TIMES, at=AT)


def last(store: Store, made: NewSignIn) -> float:
    return signed_in(store, made.secret, times=TIMES, at=AT + 500).sign_in.last_used_at


def test_use_is_noted_once_a_minute(store: Store) -> None:
    made = begun(store)
    use = SignInUse(lambda: store)

    noted = []
    for after in (0, 59, 60, 90, 120):
        use.used(made.sign_in, AT + after)
        use.settle()
        noted.append(last(store, made) - AT)

    assert noted == [0, 0, 60, 60, 120]


def test_a_store_that_is_away_makes_nothing_fail_and_nobody_idle(store: Store) -> None:
    def away() -> Store:
        raise StoreUnavailableError("away")

    made = begun(store)
    use = SignInUse(away)
    use.used(made.sign_in, AT + 300)
    use.settle()

    assert last(store, made) == AT
    assert use.last(made.sign_in) == AT + 300
    assert signed_in(store, made.secret, times=TIMES, at=AT + 800, use=use)
    use.used(made.sign_in, AT + 200)
    assert use.last(made.sign_in) == AT + 300, "of two moments, the later one"


def test_what_another_node_saw_counts_too(store: Store) -> None:
    made = begun(store)
    elsewhere, use = SignInUse(lambda: store), SignInUse(lambda: store)
    use.used(made.sign_in, AT + 10)
    elsewhere.used(made.sign_in, AT + 400)
    elsewhere.settle()

    found = signed_in(store, made.secret, times=TIMES, at=AT + 900, use=use)
    assert use.last(found.sign_in) == AT + 400


def test_only_so_many_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_use, "MOST_REMEMBERED", 1)
    one, other = begun(store), begun(store)
    use = SignInUse(lambda: store)
    use.used(one.sign_in, AT + 30)
    use.used(other.sign_in, AT + 30)

    assert use.last(one.sign_in) == AT
    assert use.last(other.sign_in) == AT + 30
