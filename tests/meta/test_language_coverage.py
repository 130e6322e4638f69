# SPDX-License-Identifier: Apache-2.0
"""The Rules language is covered: by vectors that run, and by pages that are generated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from authz.errors import AuthzError
from authz.policy.fields import SCHEME
from authz.policy.lint_catalogue import POLICY_KINDS
from authz.policy.refused_fields import REFUSED
from authz.rules.functions import CUSTOM_RULES_FUNCTIONS, NOT_HERE, NOT_IN_CUSTOM_RULES
from authz.rules.lint_catalogue import KINDS
from authz.rules.literals import NOTATIONS
from authz.rules.parser import LOGIC_NOTATIONS, NOT_NOTATIONS
from authz.rules.problems import Problem
from authz.rules.regex_forms import FORMS as REGEX_FORMS
from authz.rules.regex_forms import Form
from tests.factories.vector_expressions import VECTORS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"

#: Expressions that have a verdict, and messages of those that are errors.
SOURCES = "\n".join(vector.source for vector in VECTORS if vector.verdict is not None)
TRUE = "\n".join(vector.source for vector in VECTORS if vector.verdict)
MESSAGES = [vector.error.partition(" ")[2] for vector in VECTORS if vector.error is not None]

OPERATORS = [
    notation
    for texts in (*NOTATIONS.values(), *LOGIC_NOTATIONS.values(), NOT_NOTATIONS)
    for notation in texts
]

#: Every form of a literal and of an index, as a pattern that finds it in an expression.
FORMS = {
    "quoted text": r'eq "a"',
    "escaped quote": r'\\"',
    "escaped backslash": r'"[^"]*\\\\',
    "hexadecimal escape": r'"[^"]*\\x[0-9a-f]{2}',
    "octal escape": r'"[^"]*\\[0-3][0-7]{2}',
    "raw text": r'r"',
    "raw text with hashes": r'r#"',
    "quoted pattern": r'matches "',
    "raw pattern": r'matches r#*"',
    "quoted wildcard pattern": r'wildcard "',
    "raw wildcard pattern": r'wildcard r#*"',
    "byte string with colons": r"(?:==|eq) [0-9a-f]{2}:[0-9a-f]{2}",
    "byte string with hyphens": r"[0-9a-f]{2}-[0-9a-f]{2}",
    "byte string with dots": r"(?:==|eq) [0-9a-f]{2}\.[0-9a-f]{2}",
    "newline in a quoted text": r'(?s)"[^"]*\n[^"]*"',
    "decimal number": r"(?:==|eq) [1-9]",
    "negative number": r"(?:==|eq|>=) -[0-9]",
    "hexadecimal number": r" 0x[0-9a-f]",
    "octal number": r" 0[0-7]+\b",
    "range of numbers": r"\{[0-9]+\.\.[0-9]+\}",
    "IPv4 address": r"(?:==|eq) [0-9]+\.[0-9]+\.",
    "IPv6 address": r"(?:==|eq|ge) [0-9a-f]*:[0-9a-f]*:",
    "network cut short": r"\{[0-9]+(?:\.[0-9]+){0,2}/[0-9]+",
    "address cut short in a set": r"in \{[0-9]+\}",
    "network": r"\{[0-9./]*/[0-9]+",
    "IPv6 network": r"[ {][0-9a-f:]*::/[0-9]+",
    "range of addresses": r"[0-9]\.\.[0-9]+\.[0-9]",
    "range of IPv6 addresses": r"[0-9a-f:]:[0-9a-f]*\.\.[0-9a-f]*:",
    "set of numbers": r"\{[0-9]+ [0-9]",
    "literal argument that is a number": r"[(,] ?-?[0-9]+[,)]",
    "literal argument that is an address": r", ?[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+\)",
    "set": r"\{\"[^}]*\}",
    "empty set": r"\{ ?\}",
    "named list": r"\$[a-z]",
    "constant true": r"^true$",
    "constant false": r"^false$",
    "index into an array": r"\[[0-9]+\]",
    "index into a map": r'\["',
    "every element": r"\[\*\]",
    "every element of every element": r"\[\*\]\[\*\]",
    "any": r"any\(",
    "all": r"all\(",
}


@pytest.mark.parametrize("name", CUSTOM_RULES_FUNCTIONS)
def test_a_function_has_a_vector_that_is_true_and_one_that_is_not(name: str) -> None:
    call = re.compile(rf"(?<![a-z_]){name}\(")

    assert call.search(TRUE)
    assert [one for one in VECTORS if not one.verdict and call.search(one.source)]


@pytest.mark.parametrize("name", NOT_IN_CUSTOM_RULES)
def test_a_function_that_custom_rules_may_not_use_has_a_vector(name: str) -> None:
    assert any(message.startswith(f"{name}() is not available") for message in MESSAGES)


@pytest.mark.parametrize("name", NOT_HERE)
def test_a_function_that_cannot_exist_has_a_vector(name: str) -> None:
    assert any(message.startswith(f"{name}() does not exist here") for message in MESSAGES)


@pytest.mark.parametrize("notation", OPERATORS)
def test_an_operator_has_vectors_in_each_notation(notation: str) -> None:
    pattern = re.escape(notation)
    if notation[0].isalpha():
        pattern = rf"(?<![a-z_]){pattern}(?![a-z_])"

    assert re.search(pattern, SOURCES)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_literal_has_a_vector(form: str) -> None:
    assert re.search(FORMS[form], SOURCES, re.MULTILINE)


# A vector of an expression that long would be larger than any file of them; test_parser has it.
_WITHOUT_VECTOR = {Problem.SOURCE_TOO_LONG, Problem.LARGE_REGEXES}


@pytest.mark.parametrize(
    "problem",
    [one for one in Problem if one not in _WITHOUT_VECTOR],
    ids=lambda problem: problem.name,
)
def test_a_kind_of_error_has_a_vector(problem: Problem) -> None:
    template = problem.value[1]
    if template == "{reason}":
        # What a wildcard or an argument is refused for: the reasons are the functions' own.
        words = "wildcard" if problem is Problem.WILDCARD else "must be from|has_value looks"
        assert any(re.search(words, message) for message in MESSAGES)
        return
    pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(template))

    assert any(re.fullmatch(pattern, message) for message in MESSAGES)


@pytest.mark.parametrize("form", REGEX_FORMS, ids=lambda form: form.name)
def test_a_form_of_pattern_that_is_refused_has_a_vector(form: Form) -> None:
    begin = f'invalid regular expression: {form.name} "'

    assert any(message.startswith(begin) for message in MESSAGES)


def test_every_field_has_its_heading() -> None:
    text = (REFERENCE / "fields.md").read_text()

    assert not [name for name in SCHEME.fields if f"## `{name}`\n" not in text]
    assert not [name for name in REFUSED if f"| `{name}` |" not in text]


def test_every_function_has_its_heading() -> None:
    text = (REFERENCE / "functions.md").read_text()

    assert not [name for name in CUSTOM_RULES_FUNCTIONS if f"## `{name}()`\n" not in text]
    assert not [n for n in (*NOT_IN_CUSTOM_RULES, *NOT_HERE) if f"| `{n}()` |" not in text]


def test_every_operator_has_its_heading() -> None:
    headings = re.findall(r"^## (.+)$", (REFERENCE / "operators.md").read_text(), re.MULTILINE)

    assert not [one for one in OPERATORS if not any(f"`{one}`" in head for head in headings)]


def test_every_error_has_its_heading() -> None:
    text = (REFERENCE / "errors.md").read_text()

    def leaves(base: type[AuthzError]) -> list[type[AuthzError]]:
        children = [one for one in base.__subclasses__() if one.__module__ == "authz.errors"]
        return children + [leaf for child in children for leaf in leaves(child)]

    assert not [e for e in leaves(AuthzError) if f"## `{e.code}`\n\n`{e.__name__}`" not in text]


def test_every_finding_of_lint_is_explained() -> None:
    sources = [*(ROOT / "authz" / "rules").glob("lint*.py")]
    sources += [*(ROOT / "authz" / "policy").glob("lint*.py"), ROOT / "authz/policy/snapshot.py"]
    code = "\n".join(path.read_text() for path in sources if "catalogue" not in path.name)
    found = set(re.findall(r'\bcode="([a-z_]+)"', code))
    found |= set(re.findall(r'\.finding\(\s*"([a-z_]+)"', code))
    found |= {"always_true", "never_true", "never_blocks"}
    explained = {kind.code for kind in (*KINDS, *POLICY_KINDS)}

    assert explained == found
    text = (REFERENCE / "findings.md").read_text()
    assert re.findall(r"^## `([a-z_]+)`$", text, re.MULTILINE) == [
        kind.code for kind in (*KINDS, *POLICY_KINDS)
    ]
