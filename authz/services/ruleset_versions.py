# SPDX-License-Identifier: Apache-2.0
"""Versions of a ruleset: each is kept as it was until somebody removes it, or the ruleset."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.errors import ConflictError, NotFoundError
from authz.services.audited import Told
from authz.services.context import audit
from authz.services.ruleset_management import check_version, ruleset_of
from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.services.ruleset_management import Expected
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.records import Ruleset, RulesetVersion


def list_versions(store: Store, scope: Scope, ruleset_id: str) -> list[Ruleset]:
    """The ruleset as it was in each version, the latest first; without rules.

    Raises:
        NotFoundError: the scope has no such ruleset.
    """
    with store.read() as session:
        found = ruleset_of(session, scope, ruleset_id).ruleset
        assert found is not None, "found by its identifier"
        return [_then(found, one) for one in session.rulesets.outlines(ruleset_id)]


def get_version(
    store: Store, scope: Scope, ruleset_id: str, version: int
) -> tuple[Ruleset, RulesetVersion]:
    """The ruleset as it was in a version, and its rules.

    Raises:
        NotFoundError: there is no such ruleset, or version of it.
    """
    with store.read() as session:
        found = ruleset_of(session, scope, ruleset_id).ruleset
        assert found is not None, "found by its identifier"
        kept = session.rulesets.version(ruleset_id, version)
    if kept is None:
        raise _missing(version)
    return _then(found, kept), kept


def remove_version(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    version: int,
    *,
    in_force: Expected = None,
    actor: str,
    at: float,
) -> None:
    """Remove an old version; its number is never used again.

    Args:
        in_force: the version that must be in force.

    Raises:
        NotFoundError: there is no such ruleset, or version of it.
        PreconditionError: another version is in force than `in_force`.
        ConflictError: it is in force.
    """
    with store.write() as session:
        found = ruleset_of(session, scope, ruleset_id)
        check_version(found, in_force)
        if version == found.version:
            raise ConflictError(
                f"version {version} is in force", hint="only earlier versions can be removed"
            )
        kept = session.rulesets.version(ruleset_id, version)
        if kept is None:
            raise _missing(version)
        session.rulesets.remove_version(ruleset_id, version)
        audit(
            session,
            "ruleset.version.delete",
            actor=actor,
            at=at,
            of=("ruleset", ruleset_id),
            zone_id=scope.zone_id,
            before={
                "version": version,
                "rules": len(kept.rules),
                "description": kept.description,
                "actor": kept.actor,
                "created_at": rfc3339(kept.created_at),
                **Told().all_of("definitions", kept.rules),
            },
        )


def _then(ruleset: Ruleset, version: RulesetVersion) -> Ruleset:
    return replace(
        ruleset,
        version=version.version,
        description=version.description,
        modified_at=version.created_at,
    )


def _missing(version: int) -> NotFoundError:
    return NotFoundError(f"could not find version {version} of the ruleset")
