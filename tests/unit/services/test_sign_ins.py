# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard: begun, looked up, ended from either side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import NotFoundError, UnauthenticatedError
from authz.services.authentication import check_still
from authz.services.permissions import EVERYTHING, Grant, Level, Resource, allows
from authz.services.sign_in_use import SignInUse
from authz.services.sign_ins import (
    MOST_SESSIONS,
    Browser,
    Person,
    SessionTimes,
    end_session,
    end_sessions,
    every_session,
    sessions_of,
    sign_in,
    sign_in_known,
    sign_out,
    sign_out_everywhere,
    signed_in,
    subject_of,
)
from authz.services.tokens import create_token, revoke_token, roll_token

if TYPE_CHECKING:
    from authz.services.sign_ins import NewSignIn
    from authz.store.engine import Store

AT = 1_800_000_000.0
TIMES = SessionTimes(idle=600.0, longest=3600.0)
BROWSER = Browser(address="192.0.2.1", agent="a browser\0\udc80" + "x" * 300)


def _begun(store: Store, **more: float) -> NewSignIn:
    token = create_token(store, "ops", EVERYTHING, actor="test", at=AT, **more)
    return sign_in(store, token.secret, BROWSER, times=TIMES, at=AT)


def test_a_session_lets_do_what_its_token_may(store: Store) -> None:
    made = _begun(store)

    found = signed_in(store, made.secret, times=TIMES, at=AT + 1)

    assert all(allows(found.principal.grants, one) for one in EVERYTHING)
    assert found.principal.actor.startswith("token ops")
    assert found.principal.sign_in_sha256 == found.sign_in.sha256 == made.principal.sign_in_sha256
    assert made.secret not in repr(made)
    assert found.sign_in.agent.startswith("a browser ?x")
    assert len(found.sign_in.agent) == 255


def test_a_token_that_is_none_begins_nothing(store: Store) -> None:
    with pytest.raises(UnauthenticatedError, match="not known"):
        sign_in(store, "nobody's", BROWSER, times=TIMES, at=AT)
    with pytest.raises(UnauthenticatedError, match="your session has ended"):
        signed_in(store, "nobody's", times=TIMES, at=AT)


def test_a_session_ends_with_its_token(store: Store) -> None:
    made = _begun(store)
    revoke_token(store, made.principal.token_id, actor="test", at=AT)

    with pytest.raises(UnauthenticatedError, match="revoked"):
        signed_in(store, made.secret, times=TIMES, at=AT + 1)


def test_a_session_ends_when_its_token_is_rolled(store: Store) -> None:
    """Whoever rolls a token means whoever else has it, and what they began with it."""
    made = _begun(store)
    rolled = roll_token(store, made.principal.token_id, actor="test", at=AT)

    with pytest.raises(UnauthenticatedError, match="was rolled"):
        signed_in(store, made.secret, times=TIMES, at=AT + 1)
    again = sign_in(store, rolled.secret, BROWSER, times=TIMES, at=AT + 1)
    assert signed_in(store, again.secret, times=TIMES, at=AT + 1)


def test_a_session_lasts_no_longer_than_its_token(store: Store) -> None:
    made = _begun(store, expires_at=AT + 60)

    assert made.sign_in.expires_at == AT + 60
    with pytest.raises(UnauthenticatedError, match="is over"):
        signed_in(store, made.secret, times=TIMES, at=AT + 60)


def test_a_session_that_nobody_uses_is_over(store: Store) -> None:
    made = _begun(store)
    use = SignInUse(lambda: store)

    for after in (599, 1198):
        use.used(
            signed_in(store, made.secret, times=TIMES, at=AT + after, use=use).sign_in, AT + after
        )
    with pytest.raises(UnauthenticatedError, match="is over"):
        signed_in(store, made.secret, times=TIMES, at=AT + 1798, use=use)
    use.settle()
    assert (
        signed_in(store, made.secret, times=TIMES, at=AT + 1797).sign_in.last_used_at == AT + 1198
    )


def test_looking_at_a_session_is_no_use_of_it(store: Store) -> None:
    made = _begun(store)
    signed_in(store, made.secret, times=TIMES, at=AT + 599)

    with pytest.raises(UnauthenticatedError, match="is over"):
        signed_in(store, made.secret, times=TIMES, at=AT + 600)


def test_a_session_is_over_at_last(store: Store) -> None:
    made = _begun(store)
    use = SignInUse(lambda: store)
    for minutes in range(0, 60, 9):
        at = AT + minutes * 60
        use.used(signed_in(store, made.secret, times=TIMES, at=at, use=use).sign_in, at)

    with pytest.raises(UnauthenticatedError, match="is over"):
        signed_in(store, made.secret, times=TIMES, at=AT + 3600, use=use)


def test_a_sign_in_ends_the_session_that_the_browser_had(store: Store) -> None:
    before = _begun(store)
    token = create_token(store, "other", EVERYTHING, actor="test", at=AT)

    made = sign_in(store, token.secret, BROWSER, instead=before.secret, times=TIMES, at=AT)

    assert made.secret != before.secret
    with pytest.raises(UnauthenticatedError, match="has ended"):
        signed_in(store, before.secret, times=TIMES, at=AT)
    # A secret of somebody else's making is nobody's session, before and after.
    planted = sign_in(store, token.secret, BROWSER, instead="planted", times=TIMES, at=AT)
    assert planted.secret != "planted"
    with pytest.raises(UnauthenticatedError, match="has ended"):
        signed_in(store, "planted", times=TIMES, at=AT)


def test_a_sign_in_that_is_refused_ends_nothing(store: Store) -> None:
    before = _begun(store)
    with pytest.raises(UnauthenticatedError):
        sign_in(store, "nobody's", BROWSER, instead=before.secret, times=TIMES, at=AT)

    assert signed_in(store, before.secret, times=TIMES, at=AT)


def test_whoever_signs_out_is_out_and_others_are_not(store: Store) -> None:
    made, other = _begun(store), _begun(store)
    found = signed_in(store, made.secret, times=TIMES, at=AT)

    sign_out(store, found, at=AT)
    sign_out(store, found, at=AT)

    with pytest.raises(UnauthenticatedError):
        signed_in(store, made.secret, times=TIMES, at=AT)
    assert signed_in(store, other.secret, times=TIMES, at=AT)
    with store.write() as session, pytest.raises(UnauthenticatedError, match="was ended"):
        check_still(session, found.principal, at=AT)


def test_signing_out_everywhere_ends_every_session_of_the_token(store: Store) -> None:
    token = create_token(store, "ops", EVERYTHING, actor="test", at=AT)
    mine = [sign_in(store, token.secret, BROWSER, times=TIMES, at=AT + n) for n in range(3)]
    other = _begun(store)
    found = signed_in(store, mine[0].secret, times=TIMES, at=AT + 3)
    assert [one.created_at for one in sessions_of(store, found)] == [AT + 2, AT + 1, AT]

    assert sign_out_everywhere(store, found, at=AT + 3) == 3

    for one in mine:
        with pytest.raises(UnauthenticatedError):
            signed_in(store, one.secret, times=TIMES, at=AT + 3)
    assert signed_in(store, other.secret, times=TIMES, at=AT + 3)


def test_one_of_the_own_sessions_is_ended(store: Store) -> None:
    token = create_token(store, "ops", EVERYTHING, actor="test", at=AT)
    mine, gone = (sign_in(store, token.secret, BROWSER, times=TIMES, at=AT + n) for n in range(2))
    other = _begun(store)
    found = signed_in(store, mine.secret, times=TIMES, at=AT + 1)

    assert end_session(store, found, gone.sign_in.id, at=AT + 1) == gone.sign_in
    for identifier in (gone.sign_in.id, other.sign_in.id, "", "x"):
        with pytest.raises(NotFoundError):
            end_session(store, found, identifier, at=AT + 1)

    assert signed_in(store, other.secret, times=TIMES, at=AT + 1), "it is somebody else's"
    assert [one.id for one in sessions_of(store, found)] == [mine.sign_in.id]
    with store.read() as session:
        row = session.audit.latest(most=1)[0]
    assert (row.action, row.object_id) == ("sign out", gone.sign_in.id)
    assert row.actor == found.principal.actor


def test_every_other_session_is_ended_and_this_one_goes_on(store: Store) -> None:
    token = create_token(store, "ops", EVERYTHING, actor="test", at=AT)
    mine, *_ = [sign_in(store, token.secret, BROWSER, times=TIMES, at=AT + n) for n in range(3)]
    found = signed_in(store, mine.secret, times=TIMES, at=AT + 3)

    assert sign_out_everywhere(store, found, but_here=True, at=AT + 3) == 2

    assert sessions_of(store, found) == [mine.sign_in]
    assert signed_in(store, mine.secret, times=TIMES, at=AT + 3) == found


def test_one_token_has_only_so_many_sessions(store: Store) -> None:
    token = create_token(store, "ops", EVERYTHING, actor="test", at=AT)
    made = [
        sign_in(store, token.secret, BROWSER, times=TIMES, at=AT + n)
        for n in range(MOST_SESSIONS + 1)
    ]

    with pytest.raises(UnauthenticatedError):
        signed_in(store, made[0].secret, times=TIMES, at=AT + 60)
    assert signed_in(store, made[1].secret, times=TIMES, at=AT + 60)


def _person(subject: str = "1") -> Person:
    grants = frozenset({Grant(resource=Resource.RULES, level=Level.READ, place="*")})
    who = subject_of("https://id.example.com", subject)
    return Person(name="alice@example.com", subject=who, grants=grants)


def test_somebody_whom_a_provider_knows_may_what_they_were_given(store: Store) -> None:
    person = _person()
    made = sign_in_known(store, person, BROWSER, times=TIMES, at=AT)

    found = signed_in(store, made.secret, times=TIMES, at=AT)

    assert found.principal == made.principal
    assert found.principal.grants == person.grants
    assert found.principal.actor == f"user alice@example.com ({person.subject[:8]})"
    with store.write() as session:
        check_still(session, found.principal, at=AT)
    assert [one.id for one in sessions_of(store, found)] == [found.sign_in.id]
    assert sign_out_everywhere(store, found, at=AT) == 1


def test_people_of_one_name_are_told_apart(store: Store) -> None:
    alice, other = (
        sign_in_known(store, _person(subject), BROWSER, times=TIMES, at=AT) for subject in "12"
    )
    found = signed_in(store, alice.secret, times=TIMES, at=AT)

    assert alice.principal.actor != other.principal.actor
    assert sign_out_everywhere(store, found, at=AT) == 1
    assert signed_in(store, other.secret, times=TIMES, at=AT)
    assert subject_of("a", "b") != subject_of("a\0", "b") != subject_of("", "a\0b")


def test_whoever_has_the_store_sees_and_ends_every_session(store: Store) -> None:
    token = _begun(store)
    alice = sign_in_known(store, _person(), BROWSER, times=TIMES, at=AT + 1)
    assert [one.id for one in every_session(store, idle=600.0, at=AT + 1)] == [
        alice.sign_in.id,
        token.sign_in.id,
    ]
    assert [one.id for one in every_session(store, idle=600.0, at=AT + 600)] == [alice.sign_in.id]
    assert every_session(store, idle=9e9, at=AT + 3601) == []

    ended = end_sessions(store, [alice.sign_in, alice.sign_in], actor="cli:me", at=AT + 2)

    assert ended == [alice.sign_in]
    with pytest.raises(UnauthenticatedError):
        signed_in(store, alice.secret, times=TIMES, at=AT + 2)
    assert signed_in(store, token.secret, times=TIMES, at=AT + 2)
    with store.read() as session:
        row = session.audit.latest(most=1)[0]
    assert (row.actor, row.action, row.object_id) == ("cli:me", "sign out", alice.sign_in.id)
    assert row.after is not None
    assert row.after["name"] == "alice@example.com"


def test_the_audit_log_says_who_signed_in_and_has_no_secret(store: Store) -> None:
    made = _begun(store)
    sign_out(store, signed_in(store, made.secret, times=TIMES, at=AT), at=AT)

    with store.read() as session:
        rows = session.audit.latest(most=10)
    assert [one.action for one in rows[:2]] == ["sign out", "sign in"]
    assert made.secret not in repr(rows)
    assert made.sign_in.sha256 not in repr(rows)


def test_a_session_of_before_the_clock_was_put_back_does_not_live_until_then(store: Store) -> None:
    made = _begun(store)
    before = AT - TIMES.idle

    # A little is no reason: clocks are set all the time, and differ from node to node.
    assert signed_in(store, made.secret, times=TIMES, at=before + 1)
    assert every_session(store, idle=TIMES.idle, at=before + 1)
    with pytest.raises(UnauthenticatedError, match="nobody used it"):
        signed_in(store, made.secret, times=TIMES, at=before)
    assert not every_session(store, idle=TIMES.idle, at=before)
