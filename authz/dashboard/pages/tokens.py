# SPDX-License-Identifier: Apache-2.0
"""`/tokens`: API tokens, made, shown once, changed, rolled, disabled and revoked.

Nobody manages a token that may do more than they may: the services refuse it, and here it is not
offered.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from authz.dashboard.attempts import about
from authz.dashboard.forms import Posted
from authz.dashboard.token_form import Values, read_values, usual, values_of, with_preset
from authz.dashboard.token_offer import PRESETS, offer_for
from authz.dashboard.token_words import may_do_everything, words_of
from authz.dashboard.viewers import Viewer, account_viewer
from authz.errors import AuthzError, InvalidInputError
from authz.services.authentication import status_of
from authz.services.permissions import Level, Resource, exceeding
from authz.services.token_policies import PolicyDraft, grants_of, policies_of
from authz.services.tokens import (
    MadeToken,
    create_token,
    get_token,
    list_tokens,
    revoke_token,
    roll_token,
    update_token,
)
from authz.store.records import Token

router = APIRouter()

Reader = Annotated[Viewer, account_viewer(Resource.TOKENS, Level.READ)]
Writer = Annotated[Viewer, account_viewer(Resource.TOKENS, Level.WRITE)]


@router.get("/tokens")
def index(viewer: Reader) -> Response:
    """Every token that was not revoked."""
    return viewer.page("tokens.html", tokens=[_told(viewer, one) for one in _latest(viewer)])


@router.get("/tokens/new")
def new(viewer: Writer) -> Response:
    """The form that makes one."""
    return _form(viewer, usual(offer_for(viewer)))


@router.post("/tokens")
def create(viewer: Writer, form: Posted) -> Response:
    """Make one, which may do no more than whoever makes it; or fill in a preset."""
    values = read_values(form)
    preset = form.text("preset")
    if preset:
        return _form(viewer, with_preset(values, _known(preset), offer_for(viewer)))
    try:
        made = create_token(
            viewer.store,
            values.name,
            values.policies(viewer.account.id),
            not_before=values.not_before(None),
            expires_at=values.expires_at(
                viewer.at, until=viewer.who.principal.expires_at, now=None
            ),
            within=viewer.who.principal.grants,
            until=viewer.who.principal.expires_at,
            actor=viewer.actor,
            at=viewer.at,
        )
    except AuthzError as error:
        return _form(viewer, values, **about(error))
    return _secret(viewer, made, "is made")


@router.get("/tokens/{token_id}")
def one(token_id: str, viewer: Reader) -> Response:
    """One token."""
    token = get_token(viewer.store, token_id)
    return viewer.page("token.html", **_told(viewer, token))


@router.get("/tokens/{token_id}/edit")
def edit(token_id: str, viewer: Writer) -> Response:
    """The form that changes it."""
    token = get_token(viewer.store, token_id)
    return _form(viewer, _values(token), token=token)


@router.post("/tokens/{token_id}")
def change(token_id: str, viewer: Writer, form: Posted) -> Response:
    """Change name, permissions and times; its value stays."""
    token = get_token(viewer.store, token_id)
    values = read_values(form)
    preset = form.text("preset")
    if preset:
        offer = offer_for(viewer, changed=token)
        return _form(viewer, with_preset(values, _known(preset), offer), token=token)
    try:
        update_token(
            viewer.store,
            token_id,
            name=values.name,
            granted=_granted(viewer, token, values),
            not_before=values.not_before(token.not_before),
            expires_at=values.expires_at(
                viewer.at, until=viewer.who.principal.expires_at, now=token.expires_at
            ),
            within=viewer.who.principal.grants,
            until=viewer.who.principal.expires_at,
            actor=viewer.actor,
            at=viewer.at,
        )
    except AuthzError as error:
        return _form(viewer, values, token=token, **about(error))
    return viewer.go(f"/tokens/{token_id}", "The token is changed.")


@router.post("/tokens/{token_id}/roll")
def roll(token_id: str, viewer: Writer) -> Response:
    """Give it a new value."""
    made = roll_token(
        viewer.store,
        token_id,
        within=viewer.who.principal.grants,
        until=viewer.who.principal.expires_at,
        actor=viewer.actor,
        at=viewer.at,
    )
    return _secret(viewer, made, "has a new value; the old one counts no more")


@router.post("/tokens/{token_id}/disable")
def disable(token_id: str, viewer: Writer) -> Response:
    """Let it count no more, until it is enabled again."""
    return _switch(viewer, token_id, disabled=True)


@router.post("/tokens/{token_id}/enable")
def enable(token_id: str, viewer: Writer) -> Response:
    """Let it count again."""
    return _switch(viewer, token_id, disabled=False)


@router.get("/tokens/{token_id}/revoke")
def ask(token_id: str, viewer: Writer) -> Response:
    """The question before it is revoked."""
    return viewer.page("token_revoke.html", **_told(viewer, get_token(viewer.store, token_id)))


@router.post("/tokens/{token_id}/revoke")
def revoke(token_id: str, viewer: Writer) -> Response:
    """End it for good."""
    ended = revoke_token(
        viewer.store,
        token_id,
        within=viewer.who.principal.grants,
        actor=viewer.actor,
        at=viewer.at,
    )
    return viewer.go("/tokens", f"The token {ended.name} is revoked.")


def _latest(viewer: Viewer) -> list[Token]:
    return list_tokens(viewer.store)[::-1]


def _told(viewer: Viewer, token: Token) -> dict[str, Any]:
    """What pages show of a token."""
    names = {one.id: one.name for one in viewer.zones}
    state = status_of(token, viewer.at)
    if state == "active" and token.not_before is not None and viewer.at < token.not_before:
        state = "not valid yet"
    beyond = exceeding(viewer.who.principal.grants, grants_of(policies_of(token.scopes)))
    return {
        "token": token,
        "state": state,
        "words": words_of(token, names),
        "everything": may_do_everything(token),
        "is_own": token.id == viewer.who.principal.token_id,
        "may_manage": viewer.may(Resource.TOKENS, Level.WRITE) and not beyond,
        "is_beyond": bool(beyond),
        "lasts_no_longer": _lasts_no_longer(viewer, token),
    }


def _lasts_no_longer(viewer: Viewer, token: Token) -> bool:
    until = viewer.who.principal.expires_at
    return until is None or (token.expires_at is not None and token.expires_at <= until)


def _values(token: Token) -> Values:
    """What the form has of a token; without permissions where it has no room for them."""
    found = values_of(token)
    return Values(name=token.name, lasts="keep") if found is None else found


def _granted(viewer: Viewer, token: Token, values: Values) -> list[PolicyDraft]:
    if values_of(token) is not None:
        return values.policies(viewer.account.id)
    # They were made with the API, and stay as they are.
    return _drafts(token)


def _drafts(token: Token) -> list[PolicyDraft]:
    return [
        PolicyDraft(groups=one.groups, resources=one.resources) for one in policies_of(token.scopes)
    ]


def _switch(viewer: Viewer, token_id: str, *, disabled: bool) -> Response:
    token = get_token(viewer.store, token_id)
    update_token(
        viewer.store,
        token_id,
        name=token.name,
        granted=_drafts(token),
        not_before=token.not_before,
        expires_at=token.expires_at,
        disabled=disabled,
        within=viewer.who.principal.grants,
        # To end one that lasts longer than one's own gives nobody anything.
        until=None if disabled else viewer.who.principal.expires_at,
        actor=viewer.actor,
        at=viewer.at,
    )
    said = "disabled: whoever uses it is refused" if disabled else "enabled"
    return viewer.go(f"/tokens/{token_id}", f"The token is {said}.")


def _known(preset: str) -> str:
    if preset not in PRESETS:
        raise InvalidInputError("there is no such preset", hint="choose one of the form")
    return preset


def _form(viewer: Viewer, values: Values, *, token: Token | None = None, **more: Any) -> Response:
    return viewer.page(
        "token_form.html",
        **{"errors": [], **more},
        token=token,
        values=values,
        offer=offer_for(viewer, changed=token),
        fits=token is None or values_of(token) is not None,
        words=() if token is None else _told(viewer, token)["words"],
    )


def _secret(viewer: Viewer, made: MadeToken, said: str) -> Response:
    base = str(viewer.request.base_url).rstrip("/")
    return viewer.page(
        "token_secret.html",
        **_told(viewer, made.token),
        secret=made.secret,
        said=said,
        command=f'curl -H "Authorization: Bearer {made.secret}" '
        f"{base}/client/v4/user/tokens/verify",
    )
