# SPDX-License-Identifier: Apache-2.0
"""Conditions that no request at the sites of a rule meets, and issuers that nobody there trusts.

A host that the site does not answer for, the name of another site, a verified certificate where no
authority is trusted: that is proof, as in authz.rules.lint_truth, and only what is never true is
told. `http.host eq "a.example"` in the rules of a.example is how rules are written.

That no trusted authority has a certificate with some key identifier or name proves nothing, because
the issuer may be an intermediate that the client sends along: it is told in other words.

What is proposed is pasted, and in a rule that skips others it opens a door: so only what must have
been meant is proposed. `dev.example.com` and `CN=Acme CA 2` are as likely to be others that the
policy does not have as they are to be `api.example.com` and `CN=Acme CA 1`; the message says what
there is.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.policy.lint_here import HOST, SITE_FIELDS, texts_of
from authz.rules.ast import Comparison, FieldRef, ListRef
from authz.rules.evaluator import evaluate_node
from authz.rules.lint_domain import never_equal
from authz.rules.lint_fault import Fault, with_fixes
from authz.rules.lint_finding import proposal
from authz.rules.lint_hex import hex_fault
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import conditions, leaves, names, replaced, short
from authz.rules.lint_truth import constant, explained
from authz.rules.lint_worlds import ISSUER_FIELDS, REVOKED_FIELD, VERIFIED_FIELD
from authz.rules.problems import shown as shown_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from authz.policy.lint_here import Here
    from authz.policy.lint_rule import LintRule, PolicyFinding
    from authz.rules.ast import Logical
    from authz.rules.lint_truth import Fact

_READ: Final = SITE_FIELDS | ISSUER_FIELDS | {HOST, VERIFIED_FIELD, REVOKED_FIELD}
#: Findings that mean nothing where nobody is verified: there is no revoked certificate either.
REVOKED_CODES: Final = frozenset({"revoked_not_checked", "revoked_admitted"})
# Shorter words that differ by a letter are different words: api and app, eu and us.
_LONG: Final = 4
_NO_LETTERS: Final = re.compile(rb"([^A-Za-z]+)")
_SHOWN: Final = 4


def site_findings(rule: LintRule, here: Here) -> Iterator[PolicyFinding]:
    """What the condition of a rule asks for that is not to be had where the rule is."""
    if rule.expression.fields.isdisjoint(_READ):
        return
    for fact in never_here(rule.root, rule.solver, here):
        yield _never(rule, here, fact)
    for node in conditions(rule.root):
        if not isinstance(node, Comparison):
            continue
        bad = here.never(node)
        if bad and len(bad) < len(texts_of(node)):
            yield _literal(rule, here, node, bad)
    if here.issuers:
        yield from _unknown_issuers(rule, here)


def is_settled(rule: LintRule, here: Here) -> bool:
    """Whether the condition of a rule says nothing about clients where the rule is.

    It is never true there, or always because nobody is trusted: `site_findings` says so.
    """
    if rule.expression.fields.isdisjoint(_READ) or not any(map(here.known, leaves(rule.root))):
        return False
    truth = constant(Solver(rule.root, here.known).vectors(rule.root))
    return truth is False or (truth is True and not here.issuers)


def never_here(root: Logical, solver: Solver, here: Here) -> list[Fact]:
    """The conditions that are never true here, although they may be elsewhere."""
    found: dict[object, Fact] = {}
    reasons: list[str] = []
    if not any(map(here.known, leaves(root))):
        # As nearly always: then there is nothing to follow from it.
        return []
    for fact in explained(Solver(root, here.known)):
        if fact.value:
            reasons.append(fact.why)
        elif constant(solver.vectors(fact.node)) is not None or (fact.node is root and found):
            # It is so everywhere, or follows from what is told already.
            continue
        elif fact.node is root and reasons:
            # What is always true here says why nothing is left of the whole.
            found[root] = replace(fact, why=reasons[0])
        else:
            # That nobody is verified is told once.
            found.setdefault(fact.why if fact.why == here.trusts_nobody else fact.node, fact)
    return list(found.values())


def _never(rule: LintRule, here: Here, fact: Fact) -> PolicyFinding:
    node = fact.node
    fixes: dict[bytes, Fault] = {}
    if isinstance(node, Comparison) and fact.why != here.trusts_nobody:
        fixes = _nearest(here, node, texts_of(node))
    hint = _elsewhere(here, node, fixes)
    if fact.why == here.trusts_nobody:
        hint = "name the authority that issues the certificates under trust"
    found = rule.finding("never_here", f"{short(node)} is never true here: {fact.why}", hint)
    return _pointed(found, node, _mended(rule, node, fixes))


def _literal(rule: LintRule, here: Here, node: Comparison, bad: list[bytes]) -> PolicyFinding:
    name = _name(node)
    why = here.words[name][1] if name in here.words else here.answers_for
    fixes = _nearest(here, node, bad)
    message = f"{name} is never equal to {_quoted(bad[0])} here: {why}"
    found = rule.finding("never_here", message, _elsewhere(here, node, fixes))
    return _pointed(found, node, _mended(rule, node, fixes))


def _elsewhere(here: Here, node: Logical, fixes: Collection[bytes]) -> str:
    """What to do about a condition that is for another place."""
    if fixes:
        return ""
    if HOST not in names(node):
        return "change the condition, or write the rule where it holds"
    for text in here.never(node) if isinstance(node, Comparison) else ():
        site = here.site_of(text.decode("ascii"))
        if site is not None:
            return f'{_quoted(text)} is a host of site "{site}": write the rule there'
    return "change the condition, or add the host to those that the site answers for"


def _nearest(here: Here, node: Comparison, texts: Iterable[bytes]) -> dict[bytes, Fault]:
    """What texts were meant for, as far as there is something much like them here."""
    name = _name(node)
    if name != HOST:
        return _meant(texts, here.words[name][0] if name in here.words else ())
    known = [host.encode() for host in here.hosts if "*" not in host]
    # Of a host that is there, it is no slip.
    return _meant([text for text in texts if text not in here.named], known)


def _meant(texts: Iterable[bytes], known: Iterable[bytes]) -> dict[bytes, Fault]:
    known = list(known)
    found: dict[bytes, Fault] = {}
    for text in texts:
        close = [one for one in known if _is_slip(text, one)]
        if len(close) == 1:
            found[text] = Fault(why="it is much like this", fixed=close[0])
    return found


def _is_slip(text: bytes, meant: bytes) -> bool:
    """Whether a typing slip makes one name of another: within a word, nothing else, no digit."""
    parts, others = _NO_LETTERS.split(text), _NO_LETTERS.split(meant)
    # The letters of an A-label encode where others stand: each of them makes another name.
    if len(parts) != len(others) or b"xn--" in text + meant:
        return False
    differing = [pair for pair in zip(parts, others, strict=True) if pair[0] != pair[1]]
    if len(differing) != 1:
        return False
    one, other = differing[0]
    if min(len(one), len(other)) < _LONG or not (one + other).isalpha():
        return False
    while one[:1] == other[:1]:
        one, other = one[1:], other[1:]
    is_one_letter = one[1:] == other[1:] or one[1:] == other or one == other[1:]
    return is_one_letter or (one[:2] == other[1::-1] and one[2:] == other[2:])


def _mended(rule: LintRule, node: Logical, fixes: dict[bytes, Fault]) -> Logical | None:
    """The rule with what was probably meant in the place of a condition."""
    if not isinstance(node, Comparison):
        return None
    fixed = with_fixes(node, fixes)
    return None if fixed is None else replaced(rule.root, node, fixed)


# Issuers.


def _unknown_issuers(rule: LintRule, here: Here) -> Iterator[PolicyFinding]:
    for leaf in leaves(rule.root):
        read = names(leaf)
        is_list = isinstance(leaf, Comparison) and isinstance(leaf.right, ListRef)
        if len(read) != 1 or read.isdisjoint(ISSUER_FIELDS) or is_list:
            continue
        (name,) = read
        known = list(dict.fromkeys(one.values[name] for one in here.issuers))
        if isinstance(leaf, Comparison) and _name(leaf) and texts_of(leaf):
            # What no certificate has at all is found by itself.
            texts = [text for text in texts_of(leaf) if never_equal(leaf.left, text) is None]
            bad = [text for text in texts if _is_unknown(name, text, known)]
            if bad:
                yield _unknown(rule, here, leaf, name, bad)
        elif constant(rule.solver.vectors(leaf)) is None and _asks_for_others(leaf, name, known):
            yield _unknown(rule, here, leaf, name, [])


def _is_unknown(name: str, text: bytes, known: list[bytes]) -> bool:
    if not text:
        return False
    if name.endswith(("ski", "serial")):
        return hex_fault(name, text) is None and text.upper() not in known
    return text not in known


def _asks_for_others(leaf: Logical, name: str, known: list[bytes]) -> bool:
    """Whether a condition is true of no issuer that is known, and not of having none either."""
    return not any(evaluate_node(leaf, {name: value}) for value in (b"", *known))


def _unknown(
    rule: LintRule, here: Here, leaf: Logical, name: str, bad: list[bytes]
) -> PolicyFinding:
    known = {one.values[name]: one.authority for one in here.issuers if one.values[name]}
    fixes = _in_another_form(bad, name, here)
    what = f"{name} {_quoted(bad[0])}" if bad else short(leaf)
    shown = [f"{_text(value)} ({authority})" for value, authority in known.items()]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    found = rule.finding(
        "issuer_not_trusted",
        f"no authority that {here.place} {here.verb('trust')} has a certificate with {what}; only "
        "an intermediate that the client sends along can",
        f"those trusted have {', '.join(shown[:_SHOWN])}{more}" if shown else "",
    )
    return _pointed(found, leaf, _mended(rule, leaf, fixes))


def _in_another_form(bad: list[bytes], name: str, here: Here) -> dict[bytes, Fault]:
    """Names of trusted issuers that have the same parts as those asked for."""
    if "_dn" not in name:
        return {}
    by_parts = {_parts(one.values[name]): one.values[name] for one in here.issuers}
    return {
        text: Fault(why="it is the same name", fixed=by_parts[_parts(text)])
        for text in bad
        if _parts(text) in by_parts
    }


def _parts(name: bytes) -> tuple[bytes, ...]:
    """The attributes of a name, however it is written."""
    parts = (re.sub(rb"\s*=\s*", b"=", part.strip().lower()) for part in re.split(rb"[,/]", name))
    return tuple(sorted(filter(None, parts)))


# Words.


def _pointed(found: PolicyFinding, node: Logical, meant: Logical | None) -> PolicyFinding:
    """A finding with its place in the expression, and the expression as it was probably meant."""
    text = proposal(meant)
    write = None if text is None else f"write: {text}"
    hint = "; ".join(filter(None, (found.hint, write)))
    return replace(found, hint=hint, suggestion=text, span=node.span)


def _name(node: Comparison) -> str:
    base = node.left.base
    return base.field.name if isinstance(base, FieldRef) else ""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _quoted(text: bytes) -> str:
    return shown_text(_text(text))
