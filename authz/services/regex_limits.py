# SPDX-License-Identifier: Apache-2.0
"""How large the regular expressions of rulesets may be that are kept in the store.

Every process that answers holds them all compiled, and whoever may write a zone's rules is not
trusted with its memory. What one expression may have is a matter of the language
(rules.regex_size); an operator's policy file has no other bound than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules import regex_bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from authz.services.scopes import Scope
    from authz.store.session import Session

#: Of all rules of one ruleset, in bytes of compiled patterns: a tenth of it is more than a thousand
#: ordinary patterns, and compiling all of it takes half a second.
MAX_OF_RULESET: Final = 128 * 1024 * 1024

#: Of all rulesets together that have more than UNCOUNTED.
MAX_OF_STORE: Final = 256 * 1024 * 1024

#: A ruleset's that is as good as nothing: a change of it need not look at all others.
UNCOUNTED: Final = 1024 * 1024

HINT: Final = "repeat less often ({1000} counts as a thousand copies), or use lists and wildcards"


def excess_of(
    session: Session, scope: Scope, expressions: Iterable[str], before: Iterable[str]
) -> str | None:
    """What is too large about the expressions of a scope, or None.

    Args:
        before: those in force. What is not larger than it was is never refused.
    """
    size = regex_bytes_of(expressions)
    if size <= UNCOUNTED or size <= regex_bytes_of(before):
        return None
    if size > MAX_OF_RULESET:
        return (
            "the regular expressions of the ruleset take more than "
            f"{_megabytes(MAX_OF_RULESET)} MB, compiled"
        )
    total = size + sum(_others(session, scope))
    if total > MAX_OF_STORE:
        return (
            "the regular expressions of all rulesets would take more than "
            f"{_megabytes(MAX_OF_STORE)} MB, compiled"
        )
    return None


def expressions_of(rules: Sequence[Mapping[str, Any]]) -> list[str]:
    """The expressions of rules; what is no text is none."""
    return [text for rule in rules if isinstance(text := rule.get("expression"), str)]


def _others(session: Session, scope: Scope) -> Iterable[int]:
    for ruleset in session.rulesets.all():
        if ruleset.zone_id == scope.zone_id:
            continue
        version = session.rulesets.version(ruleset.id, ruleset.version)
        size = 0 if version is None else regex_bytes_of(expressions_of(version.rules))
        if size > UNCOUNTED:
            yield size


def _megabytes(size: int) -> int:
    return -(-size >> 20)
