# SPDX-License-Identifier: Apache-2.0
"""Whose token it is, and when nobody's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.errors import UnauthenticatedError
from authz.services.authentication import authenticate, status_of, valid_token
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token

if TYPE_CHECKING:
    from authz.store.engine import Store

NOW = 1_800_000_000.0


def test_a_token_is_its_owners(store: Store) -> None:
    secret = create_token(store, "ci", EVERYTHING, actor="t", at=NOW).secret

    principal = authenticate(store, secret, at=NOW)

    assert principal.name == "ci"
    assert all(principal.may(one.resource, one.level, one.place) for one in EVERYTHING)
    assert principal.actor == f"token ci ({principal.token_id[:8]})"


@pytest.mark.parametrize("secret", ["", "x" * 43, "\u00e9"])
def test_of_nobody(store: Store, secret: str) -> None:
    create_token(store, "ci", EVERYTHING, actor="t", at=NOW)

    with pytest.raises(UnauthenticatedError, match="the token is not known"):
        authenticate(store, secret, at=NOW)


def test_from_its_beginning_and_until_its_end(store: Store) -> None:
    secret = create_token(
        store, "ci", EVERYTHING, actor="t", at=NOW, not_before=NOW + 10, expires_at=NOW + 20
    ).secret

    for at, message in ((NOW + 9, "not valid yet"), (NOW + 20, "has expired")):
        with pytest.raises(UnauthenticatedError, match=message):
            authenticate(store, secret, at=at)
    assert authenticate(store, secret, at=NOW + 10)
    assert authenticate(store, secret, at=NOW + 19)


@pytest.mark.parametrize(
    ("change", "message"),
    [("revoked_at", "the token was revoked"), ("disabled_at", "the token is disabled")],
)
def test_no_longer(store: Store, change: str, message: str) -> None:
    secret = create_token(store, "ci", EVERYTHING, actor="t", at=NOW).secret
    token = valid_token(store, secret, at=NOW)
    with store.write() as session:
        session.tokens.update(replace(token, **{change: NOW}))

    with pytest.raises(UnauthenticatedError, match=message):
        authenticate(store, secret, at=NOW)


def test_the_status_of_a_token(store: Store) -> None:
    secret = create_token(store, "ci", EVERYTHING, actor="t", at=NOW, expires_at=NOW + 20).secret
    token = valid_token(store, secret, at=NOW)

    assert status_of(token, NOW) == "active"
    assert status_of(token, NOW + 20) == "expired"
    assert status_of(replace(token, disabled_at=NOW), NOW + 20) == "disabled"
