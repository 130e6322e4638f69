# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ForbiddenError, InvalidInputError, NotFoundError, UnauthenticatedError
from authz.services.authentication import authenticate, status_of
from authz.services.permissions import EVERY_ZONE, EVERYTHING, Grant, Level, Resource
from authz.services.token_policies import policies_of
from authz.services.tokens import (
    MadeToken,
    create_token,
    find_token,
    get_token,
    list_tokens,
    revoke_token,
    roll_token,
    update_token,
)
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

RULES = Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE)
READS = Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE)
MANAGES = Grant(resource=Resource.TOKENS, level=Level.WRITE, place="account")


def made(world: World, name: str = "ci", *grants: Grant, **more: Any) -> MadeToken:
    return create_token(world.store, name, grants or [RULES], actor="tester", at=AT, **more)


def changed(world: World, token_id: str, *grants: Grant, **more: Any) -> Any:
    given: dict[str, Any] = {"name": "ci", "granted": grants or [RULES], "at": AT, **more}
    return update_token(world.store, token_id, actor="tester", **given)


def refused(world: World, secret: str, at: float = AT) -> str:
    with pytest.raises(UnauthenticatedError) as error:
        authenticate(world.store, secret, at=at)
    return error.value.message


def test_a_token_is_shown_once_and_kept_as_its_hash(world: World) -> None:
    one = made(world)

    assert re.fullmatch(r"[0-9A-Za-z_-]{40,80}", one.secret)
    assert one.secret not in repr(one)
    principal = authenticate(world.store, one.secret, at=AT)
    assert (principal.token_id, principal.name, principal.grants) == (
        one.token.id,
        "ci",
        frozenset({RULES}),
    )
    entry = world.last()
    assert (entry.action, entry.object_id, entry.actor) == ("token.create", one.token.id, "tester")
    assert one.secret not in repr(entry)
    assert one.token.sha256 not in repr(entry)


def test_no_token_is_taken_for_another(world: World) -> None:
    made(world)

    assert refused(world, "x" * 43) == "the token is not known"


def test_a_token_is_valid_from_a_moment_to_a_moment(world: World) -> None:
    one = made(world, not_before=AT + 10, expires_at=AT + 20)

    assert refused(world, one.secret, AT + 9.9) == "the token is not valid yet"
    assert authenticate(world.store, one.secret, at=AT + 10).expires_at == AT + 20
    assert authenticate(world.store, one.secret, at=AT + 19.9).not_before == AT + 10
    assert refused(world, one.secret, AT + 20) == "the token has expired"
    assert [status_of(one.token, AT + after) for after in (0, 10, 20)] == [
        "active",
        "active",
        "expired",
    ]


@pytest.mark.parametrize(
    ("times", "where"),
    [
        ({"expires_at": AT}, "/expires_on"),
        ({"expires_at": AT + 5, "not_before": AT + 5}, "/not_before"),
        ({"not_before": -1.0}, "/not_before"),
        ({"expires_at": 1e12}, "/expires_on"),
    ],
)
def test_a_token_that_would_never_be_valid_is_not_made(
    world: World, times: dict[str, float], where: str
) -> None:
    with pytest.raises(InvalidInputError) as error:
        made(world, **times)
    assert error.value.where == where
    assert list_tokens(world.store) == []


def test_one_that_may_do_nothing_or_has_no_name_is_not_made(world: World) -> None:
    with pytest.raises(InvalidInputError, match="nothing"):
        create_token(world.store, "x", [], actor="tester", at=AT)
    with pytest.raises(InvalidInputError, match="name of the token"):
        made(world, " ")


def test_a_disabled_token_is_refused_until_it_is_active_again(world: World) -> None:
    one = made(world)

    token = changed(world, one.token.id, disabled=True, at=AT + 1)
    assert status_of(token, AT) == "disabled"
    assert refused(world, one.secret) == "the token is disabled"
    assert changed(world, one.token.id, disabled=True, at=AT + 2).disabled_at == AT + 1
    assert changed(world, one.token.id, name="other").disabled_at == AT + 1
    changed(world, one.token.id, disabled=False)
    assert authenticate(world.store, one.secret, at=AT).name == "ci"


def test_a_change_counts_at_once_and_is_in_the_audit_log(world: World) -> None:
    one = made(world)

    changed(world, one.token.id, READS, name="reader", expires_at=AT + 9, at=AT + 1)

    principal = authenticate(world.store, one.secret, at=AT)
    assert (principal.name, principal.grants) == ("reader", frozenset({READS}))
    entry = world.last()
    assert entry.action == "token.change"
    assert entry.before is not None
    assert entry.before["name"] == "ci"
    assert entry.after is not None
    assert entry.after["expires_at"] == AT + 9
    assert get_token(world.store, one.token.id).modified_at == AT + 1


def test_policies_that_stay_keep_their_identifiers(world: World) -> None:
    one = made(world)
    (before,) = policies_of(one.token.scopes)

    with_more = policies_of(changed(world, one.token.id, RULES, MANAGES).scopes)

    assert before.id in {policy.id for policy in with_more}
    assert len({policy.id for policy in with_more}) == 2


def test_what_has_expired_can_be_changed_otherwise(world: World) -> None:
    one = made(world, expires_at=AT + 5)

    changed(world, one.token.id, name="old", expires_at=AT + 5, at=AT + 9)
    with pytest.raises(InvalidInputError, match="past"):
        changed(world, one.token.id, expires_at=AT + 6, at=AT + 9)


def test_rolling_ends_the_old_secret_and_nothing_else(world: World) -> None:
    one = made(world, expires_at=AT + 9)

    rolled = roll_token(world.store, one.token.id, actor="tester", at=AT + 1)

    assert rolled.secret != one.secret
    assert refused(world, one.secret) == "the token is not known"
    principal = authenticate(world.store, rolled.secret, at=AT)
    assert (principal.token_id, principal.expires_at) == (one.token.id, AT + 9)
    assert world.last().action == "token.roll"
    assert rolled.secret not in repr(world.audited())


def test_a_revoked_token_is_gone_for_good_but_for_the_audit_log(world: World) -> None:
    one = made(world)

    revoke_token(world.store, one.token.id, actor="tester", at=AT + 1)

    assert refused(world, one.secret) == "the token was revoked"
    assert list_tokens(world.store) == []
    assert world.last().action == "token.revoke"
    for use in (
        lambda: get_token(world.store, one.token.id),
        lambda: changed(world, one.token.id),
        lambda: roll_token(world.store, one.token.id, actor="tester", at=AT),
        lambda: revoke_token(world.store, one.token.id, actor="tester", at=AT),
    ):
        with pytest.raises(NotFoundError):
            use()


@pytest.mark.parametrize("token_id", ["a" * 32, "x", "\0", "a" * 300])
def test_one_that_is_not_there_is_not_found(world: World, token_id: str) -> None:
    with pytest.raises(NotFoundError):
        get_token(world.store, token_id)


def test_tokens_are_found_by_what_tells_them_apart(world: World) -> None:
    one = made(world, "one").token
    made(world, "two")
    made(world, "two")

    assert find_token(world.store, "one") == one
    assert find_token(world.store, one.id[:8]) == one
    with pytest.raises(InvalidInputError, match="several"):
        find_token(world.store, "two")


@pytest.mark.parametrize("expires_at", [None, AT + 10.5])
def test_no_token_with_an_end_makes_or_takes_over_one_that_lasts_longer(
    world: World, expires_at: float | None
) -> None:
    ends = {"within": EVERYTHING, "until": AT + 10}
    longer = made(world, "longer", expires_at=expires_at).token
    mine = made(world, "mine", expires_at=AT + 10).token

    for use in (
        lambda: made(world, "x", expires_at=expires_at, **ends),
        lambda: changed(world, mine.id, expires_at=expires_at, **ends),
        lambda: changed(world, longer.id, expires_at=expires_at, **ends),
        lambda: roll_token(world.store, longer.id, actor="t", at=AT, **ends),
    ):
        with pytest.raises(InvalidInputError, match="longer") as refusal:
            use()
        assert refusal.value.where == "/expires_on"
    assert get_token(world.store, mine.id) == mine
    made(world, "x", expires_at=AT + 10, **ends)
    assert roll_token(world.store, mine.id, actor="t", at=AT, **ends).token.expires_at == AT + 10
    revoke_token(world.store, longer.id, within=EVERYTHING, actor="t", at=AT)


def test_no_token_gives_manages_or_takes_over_what_may_do_more(world: World) -> None:
    """Also by rolling one: whoever gets its secret may do what it may."""
    within = frozenset({RULES, MANAGES})
    strong = made(world, "strong", *EVERYTHING).token
    equal = made(world, "equal", RULES, MANAGES).token
    more = Grant(resource=Resource.LISTS, level=Level.READ, place="account")

    for use in (
        lambda: made(world, "x", more, within=within),
        lambda: changed(world, strong.id, within=within),
        lambda: changed(world, equal.id, RULES, more, within=within),
        lambda: roll_token(world.store, strong.id, within=within, actor="t", at=AT),
        lambda: revoke_token(world.store, strong.id, within=within, actor="t", at=AT),
    ):
        with pytest.raises(ForbiddenError, match="itself"):
            use()
    assert {one.name for one in list_tokens(world.store)} == {"strong", "equal"}
    assert get_token(world.store, strong.id) == strong
    made(world, "x", READS, within=within)
    roll_token(world.store, equal.id, within=within, actor="t", at=AT)
