# SPDX-License-Identifier: Apache-2.0
"""The findings of one expression together: their order, their proposals, what costs too much."""

from __future__ import annotations

import time

import pytest

from authz.policy.fields import SCHEME as PRODUCT
from authz.rules import KnownAuthority, ListKind, ListModel, Role, compile_list, lint, parse
from authz.rules.lint_catalogue import KINDS
from tests.factories.schemes import SCHEME

_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_SERIAL = _TLS + "cert_serial"


def _codes(source: str) -> list[str]:
    return [finding.code for finding in lint(parse(source, SCHEME)) if finding.certain]


def test_findings_come_in_the_order_of_the_source() -> None:
    source = f'not {_V} and {_SERIAL} eq "a:b" and http.host in {{}}'

    assert _codes(source) == [
        "never_true",
        "literal_never_equal",
        "never_true",
    ]
    assert _codes(f'http.host in {{}} or {_SERIAL} eq "a:b" or not {_V}') == [
        "never_true",
        "literal_never_equal",
        "revoked_not_checked",
    ]


def test_a_list_says_nothing_about_its_items() -> None:
    lists = {"pins": compile_list(ListModel(name="pins", kind=ListKind.STRING, items=("a:b",)))}

    assert lint(parse(f"{_V} and not {_SERIAL} in $pins", SCHEME, lists)) == ()


@pytest.mark.parametrize(
    ("source", "proposed"),
    [
        # As it was meant, where that can be told.
        ('http.host eq "A" and ssl', 'http.host eq "a" and ssl'),
        ('ssl or http.host eq "a" and http.host eq "b"', 'ssl or http.host in {"a" "b"}'),
        # Otherwise without what says nothing.
        ("ssl or http.host in {}", "ssl"),
        ('ssl and http.host contains ""', "ssl"),
        ("ssl xor http.host in {}", "ssl"),
        ("ssl xor len(http.host) ge 0", "not ssl"),
        ('http.cookie eq "a" or (ssl and not ssl)', 'http.cookie eq "a"'),
        # Nothing is left of it, and what was meant nobody knows.
        ("http.host in {}", None),
        ("ssl and http.host in {}", None),
        ("ssl and not ssl", None),
    ],
)
def test_a_constant_condition_is_mended_or_left_out(source: str, proposed: str | None) -> None:
    found = lint(parse(source, SCHEME))

    assert found[-1].suggestion == proposed


def test_one_proposal_mends_all_slips() -> None:
    source = f'{_SERIAL} eq "0A:1B" or http.host in {{"a" "B"}}'
    mended = f'{_SERIAL} eq "0A1B" or http.host in {{"a" "b"}}'

    found = [one for one in lint(parse(source, SCHEME)) if one.code == "literal_never_equal"]

    assert [one.suggestion for one in found] == [mended, mended]


def test_only_the_first_of_many_constant_conditions_have_a_proposal() -> None:
    source = " or ".join(f'http.host eq "A{number}"' for number in range(40))

    found = lint(parse(source, SCHEME))

    # The forty-first is the whole, which matches nothing.
    assert [one.code for one in found] == ["never_true"] * 41
    proposed = [one for one in found if one.suggestion is not None]
    assert len(proposed) == 20
    assert proposed[-1].suggestion == source.replace('"A19"', '"a19"')


def test_a_proposal_that_could_not_be_parsed_is_not_made() -> None:
    # The proposal would have more characters than an expression may have.
    names = " ".join(f'"{number:04}"' for number in range(576))
    source = f"not {_V} and http.host in {{{names}}}"
    assert len(source) < 4096 < len(source) + len(f"({_R} or )")

    (found,) = lint(parse(source, SCHEME))

    assert (found.code, found.suggestion) == ("revoked_not_checked", None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_kind_of_finding_has_an_example_that_has_it(kind: object) -> None:
    two = (KnownAuthority(name="a", skis=("AA",)), KnownAuthority(name="b", skis=("BB",)))
    expression = parse(getattr(kind, "example"), PRODUCT)  # noqa: B009 - pytest gives an object

    role = getattr(kind, "role")  # noqa: B009
    codes = [one.code for one in lint(expression, role=role, authorities=two)]

    assert getattr(kind, "code") in codes  # noqa: B009


@pytest.mark.parametrize(
    "source",
    [
        # Every value asked for twice, in operands that all depend on each other.
        " and ".join(
            f'(http.request.headers["h{n}"][0] eq "a" or http.request.headers["h{(n + 1) % 40}"][0]'
            ' eq "b")'
            for n in range(40)
        ),
        " xor ".join(f'http.cookie contains "{chr(97 + n % 26)}{n % 7}"' for n in range(110)),
        "http.cookie in {" + " ".join(f'"{n:x}"' for n in range(600)) + '} and http.cookie ne "1"',
        "test.numbers[0] in {"
        + " ".join(str(2 * n) for n in range(700))
        + "} or test.numbers[0] lt 5",
        f"not {_V} and (" + " or ".join(f'http.cookie matches "a{n}+"' for n in range(60)) + ")",
        "not " * 127 + f"({_V})",
        "(ssl xor " * 128 + "ssl" + ")" * 128,
        "(ssl and not (" * 42 + _V + "))" * 42,
        "lower(" * 128 + "http.host" + ")" * 128 + ' eq "A"',
    ],
    ids=[
        "linked",
        "contains",
        "texts",
        "numbers",
        "patterns",
        "not",
        "xor",
        "alternating",
        "calls",
    ],
)
def test_the_largest_expressions_are_looked_through_in_no_time(source: str) -> None:
    expression = parse(source, SCHEME)
    started = time.perf_counter()

    for role in Role:
        lint(expression, role=role)

    # A tenth of a second is the most that was seen; what explodes takes minutes.
    assert time.perf_counter() - started < 10
