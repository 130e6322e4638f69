# SPDX-License-Identifier: Apache-2.0
"""Drafts: rules that are kept while they are written, and never change what is enforced.

A draft need not be a rule that could be deployed: it is kept so that somebody can go on with it.
How one is deployed is in `rule_deployment`, what became of the rules since it was written is told
by `rule_merging`. Whoever changes a draft says which state of it they have seen (`state_of`): what
somebody else saved meanwhile is neither overwritten nor removed unseen.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError
from authz.services.context import audit, new_id
from authz.store.rule_drafts import RuleDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.services.rule_deployment import Wanted
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.session import Session

#: Drafts of one scope. They are to be deployed or discarded, and everybody sees all of them.
MAX_DRAFTS: Final = 100

#: Of one draft as JSON: an expression with its layout, a description and a response. A row of the
#: audit log has all of it (audited.MAX_BYTES).
MAX_BYTES: Final = 120 * 1024


def list_drafts(store: Store, scope: Scope) -> list[RuleDraft]:
    """The drafts of a scope, the latest first."""
    with store.read() as session:
        return session.rule_drafts.of(scope.account_id, scope.zone_id)


def get_draft(store: Store, scope: Scope, draft_id: str) -> RuleDraft:
    """A draft of a scope.

    Raises:
        NotFoundError: there is none of this identifier.
    """
    with store.read() as session:
        return _draft(session, scope, draft_id)


def state_of(draft: RuleDraft) -> str:
    """What a draft says, as a digest: another one whenever somebody changes it."""
    text = json.dumps(_facts(draft), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_draft(draft: RuleDraft, wanted: Wanted) -> None:
    """Make sure that a draft is as somebody has seen it, or as they want it anyway.

    Raises:
        PreconditionError: it is not.
    """
    is_same = (draft.rule, draft.place) == (dict(wanted.rule), wanted.place)
    if not is_same and state_of(draft) != wanted.draft_state:
        raise PreconditionError(
            f"the draft was changed by {draft.actor}, and is not what the change was made from",
            hint="look at it as it is now, and repeat the change",
        )


def save_draft(store: Store, scope: Scope, wanted: Wanted, *, actor: str, at: float) -> RuleDraft:
    """Keep a rule as a draft: as `wanted.draft_id`, where that is one, or as a new one.

    Raises:
        NotFoundError: the draft is not there any more.
        PreconditionError: somebody changed it meanwhile.
        InvalidInputError: it is too long.
        ConflictError: there are too many drafts.
    """
    rule = dict(wanted.rule)
    _check_size(rule)
    with store.note() as session:
        before = None
        if wanted.draft_id is not None:
            before = _draft(session, scope, wanted.draft_id)
            check_draft(before, wanted)
        draft = RuleDraft(
            id=new_id() if before is None else before.id,
            account_id=scope.account_id,
            zone_id=scope.zone_id,
            ruleset_id=wanted.basis.ruleset_id,
            version=wanted.basis.version,
            rule_id=wanted.rule_id,
            rule=rule,
            place=wanted.place,
            actor=actor,
            created_at=at if before is None else before.created_at,
            modified_at=at,
        )
        if before is None:
            if session.rule_drafts.count(scope.account_id, scope.zone_id) >= MAX_DRAFTS:
                raise ConflictError(
                    f"there are {MAX_DRAFTS} drafts already",
                    hint="deploy or discard one of them",
                )
            session.rule_drafts.add(draft)
        else:
            session.rule_drafts.change(draft)
        audit(
            session,
            "rule_draft.create" if before is None else "rule_draft.change",
            actor=actor,
            at=at,
            of=("rule_draft", draft.id),
            zone_id=scope.zone_id,
            before=None if before is None else _facts(before),
            after=_facts(draft),
        )
    return draft


def discard_draft(store: Store, scope: Scope, draft_id: str, *, actor: str, at: float) -> None:
    """Remove a draft.

    Raises:
        NotFoundError: there is none of this identifier.
    """
    with store.note() as session:
        draft = _draft(session, scope, draft_id)
        session.rule_drafts.remove(draft.id)
        audit(
            session,
            "rule_draft.discard",
            actor=actor,
            at=at,
            of=("rule_draft", draft.id),
            zone_id=scope.zone_id,
            before=_facts(draft),
        )


def _draft(session: Session, scope: Scope, draft_id: str) -> RuleDraft:
    found = session.rule_drafts.get(draft_id)
    if found is None or (found.account_id, found.zone_id) != (scope.account_id, scope.zone_id):
        raise NotFoundError(
            "there is no such draft", hint="somebody deployed or discarded it: look at the rules"
        )
    return found


def _facts(draft: RuleDraft) -> dict[str, Any]:
    return {
        "rule_id": draft.rule_id,
        "ruleset_id": draft.ruleset_id,
        "version": draft.version,
        "place": draft.place,
        "rule": draft.rule,
    }


def _check_size(rule: Mapping[str, Any]) -> None:
    size = len(json.dumps(rule, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        raise InvalidInputError(
            f"the draft has {size} bytes, {MAX_BYTES} are possible",
            hint="write a shorter expression, or put what it compares with into a list",
        )
