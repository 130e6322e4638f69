# SPDX-License-Identifier: Apache-2.0
"""The pages about API tokens: made, shown once, changed, rolled, disabled, revoked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.authentication import status_of
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    EVERYTHING,
    PERMISSION_GROUPS,
    Grant,
    Level,
    Resource,
    allows,
)
from authz.services.token_policies import PolicyDraft, grants_of, policies_of
from authz.services.tokens import create_token, get_token, list_tokens
from tests.factories.hostile import HOSTILE, shown_as_text

if TYPE_CHECKING:
    from authz.store.records import Token
    from tests.factories.dashboard import Visitor

_IDS = {(one.scope.name, one.name): one.id for one in PERMISSION_GROUPS}
_WAF = _IDS["ZONE", "Zone WAF Write"]
_LISTS = _IDS["ACCOUNT", "Account Rule Lists Read"]
_MANAGE = frozenset(
    {
        Grant(resource=Resource.TOKENS, level=Level.WRITE, place=ACCOUNT_WIDE),
        Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE),
    }
)
_FIELDS: dict[str, Any] = {
    "name": "pipeline",
    "group": [_WAF, "", _LISTS],
    "reach": "every",
    "lasts": "30",
}


def _made(visitor: Visitor, name: str = "other", **more: Any) -> Token:
    bench = visitor.bench
    grants = more.pop("grants", [Grant(resource=Resource.LISTS, level=Level.READ, place="account")])
    return create_token(bench.store, name, grants, actor="t", at=bench.now, **more).token


def _named(visitor: Visitor, name: str) -> Token:
    return next(one for one in list_tokens(visitor.bench.store) if one.name == name)


def test_every_token_is_told_with_what_it_may_do(visitor: Visitor) -> None:
    _made(visitor, expires_at=visitor.bench.now + 10 * 86_400)

    page = visitor.get("/tokens")

    assert "Account Rule Lists Read" in page
    assert "in 10 days" in page
    assert "Everything" in page
    assert ">you<" in page
    assert 'href="/tokens/new"' in page


def test_a_token_is_made_and_shown_this_once(visitor: Visitor) -> None:
    page = visitor.post("/tokens", _FIELDS, status=200).text

    secret = re.search(r"data-secret>([A-Za-z0-9_-]{43})<", page)
    assert secret is not None
    made = _named(visitor, "pipeline")
    assert f"{secret[1]} http://dashboard/client/v4/user/tokens/verify" not in page
    assert f"Bearer {secret[1]}&#34; http://dashboard/client/v4/user/tokens/verify" in page
    assert secret[1] not in visitor.get(f"/tokens/{made.id}") + visitor.get("/tokens")
    assert made.expires_at == visitor.bench.now + 30 * 86_400
    grants = grants_of(policies_of(made.scopes))
    assert allows(grants, Grant(resource=Resource.RULES, level=Level.WRITE, place=EVERY_ZONE))
    assert not allows(grants, Grant(resource=Resource.TOKENS, level=Level.READ, place="account"))


def test_the_audit_log_has_no_secret(visitor: Visitor) -> None:
    page = visitor.post("/tokens", _FIELDS, status=200).text
    secret = re.findall(r"data-secret>([^<]*)<", page)[0]

    with visitor.bench.store.read() as session:
        entry = session.audit.latest(most=1)[0]

    assert entry.action == "token.create"
    assert entry.actor.startswith("token test (")
    assert secret not in str(entry)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": " "}, "the name of the token is empty"),
        ({"group": []}, "the token may do nothing"),
        ({"reach": "some"}, "no zone is chosen"),
        ({"reach": "some", "zone": "f" * 32}, "there is no zone"),
        ({"lasts": "date", "expires_on": "1999-01-01"}, "in the past"),
        ({"lasts": "date", "expires_on": "soon"}, "is no day"),
        ({"starts_on": "9999-01-01"}, "never be valid"),
        ({"group": ["f" * 32]}, "there is no permission"),
    ],
)
def test_what_is_wrong_is_told_in_the_form(
    visitor: Visitor, changes: dict[str, Any], told: str
) -> None:
    page = visitor.post("/tokens", {**_FIELDS, **changes}, status=400).text

    assert told.lower() in page.lower()
    assert f'value="{_FIELDS["reach"]}"' in page


def test_a_preset_fills_in_permissions_and_makes_nothing(visitor: Visitor) -> None:
    fields = {**_FIELDS, "preset": "certificates"}
    page = visitor.post("/tokens", fields, status=200).text

    certificates = _IDS["ZONE", "SSL and Certificates Write"]
    assert f'value="{certificates}" selected' in page
    assert f'value="{_WAF}" selected' not in page
    assert 'value="pipeline"' in page
    assert [one.name for one in list_tokens(visitor.bench.store)] == ["test"]
    visitor.post("/tokens", {**_FIELDS, "preset": "nobody"}, status=400)


@pytest.mark.parametrize("preset", ["read", "rules", "certificates", "everything"])
def test_every_preset_can_be_made(visitor: Visitor, preset: str) -> None:
    page = visitor.post("/tokens", {"preset": preset, "reach": "every"}, status=200).text
    groups = re.findall(r'value="([0-9a-f]{32})" selected', page)

    visitor.post("/tokens", {**_FIELDS, "name": preset, "group": groups}, status=200)

    grants = grants_of(policies_of(_named(visitor, preset).scopes))
    if preset == "everything":
        assert all(allows(grants, one) for one in EVERYTHING)
    if preset == "read":
        assert all(one.level is Level.READ for one in grants)


def test_nobody_is_offered_more_than_they_may(visitor: Visitor) -> None:
    manager = visitor.with_grants(_MANAGE)

    page = manager.get("/tokens/new")

    assert "Account Rule Lists Read" in page
    assert "API Tokens Write" in page
    for other in ("Account Rule Lists Write", "Zone WAF", "Everything", "Read only"):
        assert other not in page, other
    refused = manager.post("/tokens", _FIELDS, status=403).text
    assert "it lacks" in refused
    everything = {"preset": "everything"}
    assert "selected" not in manager.post("/tokens", everything, status=200).text.split("lasts")[0]


def test_what_is_offered_for_one_zone_is_for_that_zone(visitor: Visitor) -> None:
    grants = _MANAGE | {
        Grant(resource=Resource.RULES, level=Level.WRITE, place=visitor.bench.zone_id)
    }
    manager = visitor.with_grants(grants)

    page = manager.get("/tokens/new")
    assert "Zone WAF Write" in page
    assert "Every zone" not in page
    assert f'value="{visitor.bench.zone_id}" checked' in page
    fields = {**_FIELDS, "reach": "some", "zone": visitor.bench.zone_id}
    manager.post("/tokens", fields, status=200)
    manager.post("/tokens", _FIELDS, status=403)


def test_a_token_that_may_do_more_is_shown_and_not_managed(visitor: Visitor) -> None:
    strong = _named(visitor, "test")
    manager = visitor.with_grants(_MANAGE)

    page = manager.get(f"/tokens/{strong.id}")

    assert "This token may do more than yours" in page
    assert "/revoke" not in page
    assert "/edit" not in page
    for action in ("roll", "disable", "enable", "revoke"):
        manager.post(f"/tokens/{strong.id}/{action}", status=403)
    manager.post(f"/tokens/{strong.id}", _FIELDS, status=403)


def test_whoever_may_only_read_tokens_is_offered_nothing_else(visitor: Visitor) -> None:
    reader = visitor.as_reader()
    own = _named(visitor, "reader")

    assert "/tokens/new" not in reader.get("/tokens")
    page = reader.get(f"/tokens/{own.id}")
    assert "Manage" not in page
    assert "/edit" not in page
    reader.get("/tokens/new", 403)
    reader.post("/tokens", _FIELDS, status=403)


def test_what_ends_makes_nothing_that_lasts_longer(visitor: Visitor) -> None:
    bench = visitor.bench
    until = bench.now + 20 * 86_400
    made = create_token(bench.store, "short", EVERYTHING, expires_at=until, actor="t", at=bench.now)
    guest = visitor.with_grants(EVERYTHING, "guest")
    guest.send("POST", "/sign-in", data={"token": made.secret})

    page = guest.get("/tokens/new")

    assert 'value="7"' in page
    for other in ('value="30"', 'value="never"'):
        assert other not in page
    guest.post("/tokens", {**_FIELDS, "lasts": "never"}, status=400)
    guest.post("/tokens", {**_FIELDS, "lasts": "until"}, status=200)
    assert _named(visitor, "pipeline").expires_at == until
    lasting = _made(visitor)
    assert "Roll" not in guest.get(f"/tokens/{lasting.id}")
    guest.post(f"/tokens/{lasting.id}/roll", status=400)
    guest.post(f"/tokens/{lasting.id}/disable")
    assert "Enable" not in guest.get(f"/tokens/{lasting.id}")
    guest.post(f"/tokens/{lasting.id}/enable", status=400)


def test_a_token_is_changed_and_keeps_its_value(visitor: Visitor) -> None:
    token = _made(visitor)
    page = visitor.get(f"/tokens/{token.id}/edit")
    assert f'value="{_LISTS}" selected' in page
    assert "as it is: no end" in page

    visitor.post(f"/tokens/{token.id}", {**_FIELDS, "name": "new name", "lasts": "keep"})

    now = get_token(visitor.bench.store, token.id)
    assert (now.name, now.sha256, now.expires_at) == ("new name", token.sha256, None)
    assert "Zone WAF Write" in visitor.get(f"/tokens/{token.id}")
    page = visitor.post(f"/tokens/{token.id}", {"name": "", "lasts": "keep"}, status=400).text
    assert "Edit token" in page
    preset = {"name": "x", "preset": "rules", "lasts": "keep"}
    assert (
        f'value="{_WAF}" selected' in visitor.post(f"/tokens/{token.id}", preset, status=200).text
    )


def test_permissions_that_only_the_api_can_give_stay(visitor: Visitor) -> None:
    bench = visitor.bench
    drafts = [
        PolicyDraft(groups=(group,), resources={f"com.cloudflare.api.account.zone.{place}": "*"})
        for group, place in ((_WAF, bench.zone_id), (_IDS["ZONE", "Zone Read"], "*"))
    ]
    token = create_token(bench.store, "mixed", drafts, actor="t", at=bench.now).token

    assert "different ones for different zones" in visitor.get(f"/tokens/{token.id}/edit")
    visitor.post(f"/tokens/{token.id}", {"name": "renamed", "lasts": "keep"})

    now = get_token(bench.store, token.id)
    assert (now.name, now.scopes) == ("renamed", token.scopes)


def test_a_token_is_rolled_and_shown_this_once(visitor: Visitor) -> None:
    token = _made(visitor)

    page = visitor.post(f"/tokens/{token.id}/roll", status=200).text

    assert "has a new value" in page
    assert re.search(r"data-secret>[A-Za-z0-9_-]{43}<", page)
    assert get_token(visitor.bench.store, token.id).sha256 != token.sha256


def test_a_token_is_disabled_and_enabled(visitor: Visitor) -> None:
    token = _made(visitor)

    visitor.post(f"/tokens/{token.id}/disable")
    assert ">disabled<" in visitor.get("/tokens")
    assert status_of(get_token(visitor.bench.store, token.id), 0) == "disabled"
    visitor.post(f"/tokens/{token.id}/enable")

    now = get_token(visitor.bench.store, token.id)
    assert now == replace(token, modified_at=now.modified_at)


def test_a_token_is_revoked_after_a_question(visitor: Visitor) -> None:
    token = _made(visitor)
    assert "Revoke this token?" in visitor.get(f"/tokens/{token.id}/revoke")

    visitor.post(f"/tokens/{token.id}/revoke")

    page = visitor.get("/tokens")
    assert "The token other is revoked." in page
    assert f"/tokens/{token.id}" not in page
    assert "There is no token" in visitor.get(f"/tokens/{token.id}", 404)


def test_the_last_token_that_may_do_everything_stays(visitor: Visitor) -> None:
    own = _named(visitor, "test")

    assert "ends your session" in visitor.get(f"/tokens/{own.id}/revoke")
    page = visitor.post(f"/tokens/{own.id}/revoke", status=400).text

    assert "the last token without an end" in page


def test_whoever_revokes_their_own_token_is_out(visitor: Visitor) -> None:
    other = visitor.with_grants(EVERYTHING, "second")
    own = _named(visitor, "second")

    other.post(f"/tokens/{own.id}/revoke")

    assert other.send("GET", "/tokens").headers["Location"].startswith("/sign-in")


def test_a_token_that_begins_later_says_so(visitor: Visitor) -> None:
    token = _made(visitor, not_before=visitor.bench.now + 5 * 86_400)

    assert "not valid yet" in visitor.get(f"/tokens/{token.id}")
    assert "Valid from" in visitor.get(f"/tokens/{token.id}")


def test_hostile_names_are_text(visitor: Visitor) -> None:
    token = _made(visitor, name=HOSTILE)

    paths = ("/tokens", *(f"/tokens/{token.id}{end}" for end in ("", "/edit", "/revoke")))
    for path in paths:
        assert shown_as_text(visitor.get(path)), path
    page = visitor.post("/tokens", {**_FIELDS, "name": HOSTILE, "group": []}, status=400).text
    assert shown_as_text(page)
    assert shown_as_text(visitor.post(f"/tokens/{token.id}/roll", status=200).text)
