# SPDX-License-Identifier: Apache-2.0
"""Rules as a call of the API gives them, made into rules to keep; or everything wrong with them.

Messages and codes are Cloudflare's where one is known; the places are in what was given. What is
wrong with a rule by itself is in sources.rule_json; here is what only the API has (nulls,
`logging`, actions by name) and what takes a store (lists, the account's rules).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from authz.errors import RulesetError
from authz.rules import MAX_LENGTH, MAX_SOURCE, regex_bytes_of
from authz.rules.lexer import too_long, trimmed
from authz.services.account_rules import names_taken
from authz.services.checking import expression_errors
from authz.services.regex_limits import HINT, excess_of, expressions_of
from authz.services.rules import foreign_skips, new_rules
from authz.settings.problems import did_you_mean
from authz.sources.policy_document import ACTIONS, REFUSED_ACTIONS
from authz.sources.rule_json import ref_of, rule_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.errors import ExpressionError
    from authz.services.ready import Ready
    from authz.services.rules import Rule
    from authz.services.scopes import Scope
    from authz.store.session import Session

#: Cloudflare's codes.
ACCOUNT_SKIP: Final = 20016
LOGGING: Final = 20018
BLANK: Final = 20125
TOO_LONG: Final = 20127

#: Of one ruleset. Every change writes all of them: this many are some 3 MB.
MAX_RULES: Final = 10_000

#: Characters of a rule's description, and of a ruleset's. Cloudflare documents no number.
MAX_DESCRIPTION: Final = 4_096

#: An expression in a message, in characters.
_SHOWN: Final = 4096

_REFUSED_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "position": "only the calls for one rule have it: rules run in the order of the array",
        "ratelimit": "there is no rate limiting here; Envoy has a filter for it",
        "exposed_credential_check": "there is no credential check here; leave it out",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One rule of a change.

    Args:
        rule: as it was given, or as it is kept.
        path: where it stands in what was given; None: it was there before.
    """

    rule: Any
    path: tuple[str | int, ...] | None = None


def rules_from(
    session: Session,
    scope: Scope,
    given: Sequence[Given],
    before: Sequence[Rule],
    *,
    ruleset_id: str,
    besides: Sequence[RulesetError] = (),
    ready: Ready,
    at: float,
) -> tuple[Rule, ...]:
    """Rules to keep, in the order given.

    Args:
        ready: what of their expressions is compiled already.
        besides: what else is wrong with what was given.

    Raises:
        RulesetError: the first problem; everything else that is wrong in `others`.
    """
    if len(given) > MAX_RULES:
        raise RulesetError(
            f"the ruleset would have {len(given)} rules, {MAX_RULES} are possible",
            path=("rules",) if given[0].path else (),
            hint="put what they compare with into lists",
        )
    found = list(besides)
    objects: list[Given] = []
    for one in given:
        if not isinstance(one.rule, dict):
            found.append(RulesetError("the rule is not an object", path=one.path))
        elif one.path is None:
            objects.append(one)
        elif not _is_text(one.rule):
            found.append(
                RulesetError(
                    "the rule has half a character (a lone surrogate), or is nested too deeply",
                    path=one.path,
                )
            )
        else:
            rule = _plain(one.rule)
            found += _wrong_by_itself(rule, scope, one.path)
            objects.append(Given(rule=_as_kept(rule), path=one.path))
    kept = new_rules([one.rule for one in objects], before, ruleset_id=ruleset_id, at=at)
    for index, error in foreign_skips(kept, ruleset_id):
        found.append(
            _told(objects[index], kept[index], error.path or (), error.message, error.hint)
        )
    seen = {one.path for one in found}
    # Parameters are those of the action: of one that is refused there is nothing to say.
    seen |= {(*path[:-1], "action_parameters") for path in seen if path and path[-1] == "action"}
    found += [one for one in _wrong_together(objects, kept) if not _said(one.path, seen)]
    excess = excess_of(session, scope, expressions_of(kept), expressions_of(before))
    if excess is None:
        found += _wrong_expressions(session, scope, objects, kept, before, seen, ready)
    else:
        found.append(RulesetError(excess, path=_largest(objects), hint=HINT))
    found += _wrong_names(session, scope, objects, kept)
    refuse(found)
    return kept


def refuse(found: Sequence[RulesetError]) -> None:
    """Raise the first of these, when there is one, with the others."""
    if found:
        first, *others = found
        first.others = tuple(others)
        raise first


def _is_text(rule: dict[str, Any]) -> bool:
    """Whether it can be written as UTF-8; what JSON has in escapes may not."""
    try:
        json.dumps(rule, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    """Without what is null, which is as good as left out."""
    plain = {key: value for key, value in rule.items() if value is not None}
    parameters = plain.get("action_parameters")
    if isinstance(parameters, dict):
        plain["action_parameters"] = {
            key: value for key, value in parameters.items() if value is not None
        }
    return plain


def _as_kept(rule: dict[str, Any]) -> dict[str, Any]:
    """Without a `logging` that says what is so anyhow."""
    if rule.get("action") == "skip" and rule.get("logging") in ({}, {"enabled": True}):
        return {key: value for key, value in rule.items() if key != "logging"}
    return rule


def _wrong_by_itself(
    rule: Mapping[str, Any], scope: Scope, path: tuple[str | int, ...]
) -> Iterator[RulesetError]:
    expression = rule.get("expression", "")
    if isinstance(expression, str):
        problem = _wrong_size(expression)
        if problem is not None:
            number, message = problem
            yield RulesetError(message, path=(*path, "expression"), number=number)
    description = rule.get("description", "")
    if isinstance(description, str) and len(description) > MAX_DESCRIPTION:
        yield RulesetError(
            f"the description has {len(description)} characters, {MAX_DESCRIPTION} are possible",
            path=(*path, "description"),
        )
    if not isinstance(rule.get("id", ""), str):
        yield RulesetError("expected the ID of a rule, as text", path=(*path, "id"))
    yield from _wrong_action(rule, scope, path)
    if "logging" in rule:
        yield from _wrong_logging(rule, path)


def _wrong_size(expression: str) -> tuple[int, str] | None:
    start, end = trimmed(expression)
    if start == end:
        return BLANK, (
            "'' is not a valid value for expression because the expression cannot be blank"
        )
    if len(expression) > MAX_SOURCE:
        return TOO_LONG, f"expression size {len(expression)} exceeded maximum {MAX_SOURCE}"
    excess = too_long(expression, start, end, MAX_LENGTH)
    if excess is not None:
        return TOO_LONG, f"expression size {excess[0]} exceeded maximum {MAX_LENGTH}"
    return None


def _wrong_action(
    rule: Mapping[str, Any], scope: Scope, path: tuple[str | int, ...]
) -> Iterator[RulesetError]:
    action = rule.get("action")
    here = (*path, "action")
    if action is None:
        needed = "action parameters" if "action_parameters" in rule else "a rule"
        yield RulesetError(f"action is required for {needed}", path=here)
    elif isinstance(action, str) and action not in ACTIONS:
        why = REFUSED_ACTIONS.get(action)
        yield RulesetError(
            f"'{action}' is not a valid value for action because "
            + (f"this service cannot perform it: {why}" if why else "there is no such action"),
            path=here,
            hint=None if why else did_you_mean(action, ACTIONS),
        )
    elif action == "skip" and scope.zone is None:
        yield RulesetError(
            "'skip' is not a valid value for action because rules of the account cannot skip: it "
            "would end the zones' rules",
            path=here,
            number=ACCOUNT_SKIP,
            hint="write the skip rule into a zone's ruleset",
        )


def _wrong_logging(rule: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[RulesetError]:
    logging, here = rule["logging"], (*path, "logging")
    if rule.get("action") != "skip":
        yield RulesetError(
            f"the logging property is not valid for rules of the action "
            f"'{rule.get('action')}', only for 'skip'",
            path=here,
            number=LOGGING,
        )
    elif not isinstance(logging, dict):
        yield RulesetError("logging is not an object", path=here)
    else:
        for key, value in logging.items():
            if key != "enabled":
                yield RulesetError(f'unknown key "{key}"', path=(*here, key))
            elif not isinstance(value, bool):
                yield RulesetError("expected true or false", path=(*here, key))


def _wrong_together(given: Sequence[Given], kept: Sequence[Rule]) -> Iterator[RulesetError]:
    for problem in rule_problems(kept, _REFUSED_KEYS):
        index, *rest = problem.place
        assert isinstance(index, int), "places begin with an index"
        yield _told(given[index], kept[index], tuple(rest), problem.message, problem.hint)


def _said(path: tuple[str | int, ...] | None, seen: set[tuple[str | int, ...] | None]) -> bool:
    """Whether there is a problem of this place, or of what it stands in, already."""
    return path is not None and any(path[:end] in seen for end in range(1, len(path) + 1))


def _largest(given: Sequence[Given]) -> tuple[str | int, ...]:
    """Where the largest regular expressions stand in what was given."""
    largest = max(
        (one for one in given if one.path is not None),
        key=lambda one: regex_bytes_of(expressions_of([one.rule])),
    )
    assert largest.path is not None, "those without are left out"
    return (*largest.path, "expression")


def _wrong_expressions(
    session: Session,
    scope: Scope,
    given: Sequence[Given],
    kept: Sequence[Rule],
    before: Sequence[Rule],
    seen: set[tuple[str | int, ...] | None],
    ready: Ready,
) -> Iterator[RulesetError]:
    # What is in force compiles: in a ruleset of thousands only what is new has to.
    known = {rule["expression"] for rule in before}
    asked = [
        (one, rule["expression"])
        for one, rule in zip(given, kept, strict=True)
        if one.path is not None
        and (*one.path, "expression") not in seen
        and isinstance(rule.get("expression"), str)
        and rule["expression"] not in known
    ]
    texts = [text for _, text in asked]
    errors = expression_errors(session, scope, texts, geo=ready.geo, ready=ready)
    for one, text in asked:
        error = errors.get(text)
        if error is not None:
            assert one.path is not None, "asked"
            yield RulesetError(
                parse_error(error), path=(*one.path, "expression"), number=error.code
            )


def parse_error(error: ExpressionError) -> str:
    """An error of an expression in Cloudflare's words, with carets, and what to do."""
    text = error.source if len(error.source) <= _SHOWN else f"{error.source[:_SHOWN]}…"
    line, carets = error.pointed()
    hint = f" ({error.hint})" if error.hint else ""
    return (
        f"'{text}' is not a valid value for expression because could not parse filter expression: "
        f"Filter parsing error ({error.line}:{error.column}):\n{line}\n{carets} "
        f"{error.message}{hint}"
    )


def _wrong_names(
    session: Session, scope: Scope, given: Sequence[Given], kept: Sequence[Rule]
) -> Iterator[RulesetError]:
    places = {ref_of(rule): (one, rule) for one, rule in zip(given, kept, strict=True)}
    for ref, error in names_taken(session, scope, places):
        yield _told(*places[ref], ("ref",), error.message, error.hint)


def _told(
    one: Given, rule: Rule, rest: tuple[str | int, ...], message: str, hint: str | None
) -> RulesetError:
    if one.path is not None:
        return RulesetError(message, path=(*one.path, *rest), hint=hint)
    return RulesetError(f'the rule "{ref_of(rule)}": {message}', path=None, hint=hint)
