# SPDX-License-Identifier: Apache-2.0
"""The usual slips each get the hint that says what to write."""

from __future__ import annotations

import pytest

from authz.errors import ExpressionError
from authz.rules import parse
from authz.rules.suggestions import did_you_mean
from tests.factories.schemes import SCHEME
from tests.factories.slips import SLIPS, hint_of


@pytest.mark.parametrize(("source", "hint"), SLIPS["between"])
def test_a_slip_between_conditions_gets_its_hint(source: str, hint: str | None) -> None:
    assert hint_of(source) == hint


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ('http.host = "a"', "equality is written == or eq"),
        ('http.host <> "a"', "inequality is written != or ne"),
        ("ssl AND ssl", 'keywords are written in lower case: "and"'),
        ("NOT ssl", 'keywords are written in lower case: "not"'),
        ('http.host EQ "a"', 'keywords are written in lower case: "eq"'),
        ('http.request.method in {"a", "b"}', "separated by spaces, not commas"),
        ("http.host eq example", 'put the text in quotes: "example"'),
        ("http.host eq 'a'", "plain double quotes"),
        ("http.host eq “a”", "plain double quotes"),
        ("http.host eq http.cookie", "two fields cannot be compared"),
        ("http.host eq lower(http.host)", "two fields cannot be compared"),
        ('http.host eq {"a"}', "a set { } can only follow in: http.host in {…}"),
        ('http.host == {"a"}', "http.host in {…}"),
        ('http.host ne {"a"}', "not http.host in {…}"),
        ('http.host !=\n{"a"}', "not http.host in {…}"),
        ('http.host contains {"a" "b"}', "join comparisons with or"),
        ('http.host matches {"a"}', 'alternatives are written "a|b"'),
        ('http.host wildcard {"a"}', "join comparisons with or"),
        ('http.host in {{"a"}}', "a set { } can only follow in"),
        ("http.host eq (a)", "does not stand in parentheses"),
        ('http.host eq ("a" or "b")', "several are a set"),
        ("http.host eq example.com", 'put the text in quotes: "example.com"'),
        ('http.host !== "a"', "inequality is written != or ne"),
        ('http.host =~ "a"', "a regular expression follows ~ or matches"),
        ('http.host !~ "a"', 'not http.host matches "…"'),
        ('http.host !in {"a"}', "not comes before the whole comparison"),
        ('http.host LIKE "a"', 'http.host wildcard "…*"'),
        ('http.host starts with "a"', 'starts_with(http.host, "…")'),
        ('http.host endswith "a"', 'ends_with(http.host, "…")'),
        ('http.host is "a"', "equality is written == or eq"),
        ("cf.edge.server_port between 1 and 5", "in {1..5}"),
        ("cf.edge.server_port contains 4", "numbers are compared with"),
        ('ip.src contains "10."', "in {10.0.0.0/8"),
        ("http.host & 1", "conditions are joined with and or &&"),
        ("cf.edge.server_port eq 443.0", "without fraction"),
        ("cf.edge.server_port eq 1_000", "without _"),
        ('http.host eq "a", "b"', "several values are a set, without commas"),
        ("ssl is true", "a Bool value stands alone"),
        ("not ssl == true", "a Bool value stands alone"),
        ('http.host eq "a" and !ssl == true', "a Bool value stands alone"),
        ("ssl &&& ssl", "conditions are joined with && and ||"),
        ("ssl && || ssl", "a condition is missing between two operators"),
        ("|| ssl", None),
        ("“a” == http.host", "the field comes first"),
        ('http.host in "a"', 'write a set, in {"a"}'),
        ("http.host in office", 'a list is written in $office, a set in {"office"}'),
        ('ip.src in "10.0.0.0/8"', "write a set, in {10.0.0.0/8}"),
        ('http.host matches "*.example.com"', 'wildcard "*.example.com"'),
        ('lower(http.host eq "a")', "lower(field) == value"),
        ('has_value(http.request.headers, "a")', "has_value(field[…], value)"),
        ("http.host eq $a", "a list can only follow in"),
        ("http.host eq \ta", "a tab is not accepted"),
        ("ssl == true", "a Bool value stands alone"),
        ("ssl and true", "can only be the whole expression"),
        ("ssl\tand ssl", "a tab is not accepted"),
        ("ssl and\tssl", "a tab is not accepted"),
        ('http.host\teq "a"', "a tab is not accepted"),
        ('http.method not in {"a"}', 'did you mean "http.request.method"?'),
        ('http.host not in {"a"}', "not comes before the whole comparison"),
        ('http.host eq "/a" or "/b"', "repeat the field"),
        ('"a" eq http.host', "the field comes first"),
        ("1 < cf.edge.server_port", "the field comes first"),
        ("ip.src eq 10.0.0.0/8", "networks and ranges stand in a set: ip.src in {10.0.0.0/8}"),
        ("ip.src eq 10.0.0.01", "without leading zeros"),
        ("ip.src eq 10.0.0.1and ssl", "put a space after the address"),
        ('ip.src eq "10.0.0.1"', "write the address without quotes"),
        ("ip.src in 10.0.0.0/8", "write a set, in {10.0.0.0/8}, or a list, in $name"),
        ("ip.src in (10.0.0.1)", "a set stands in braces"),
        ("ip.src in {10.0.0.1/8}", "write 10.0.0.0/8"),
        ("ip.src eq ::1%eth0", "addresses have no zone"),
        ("cf.edge.server_port eq 08", "octal"),
        ("cf.edge.server_port eq 443and ssl", "put a space after the number"),
        ("cf.edge.server_port eq 0X1", "numbers are decimal"),
        ("cf.edge.server_port eq +1", "a number has no plus sign"),
        ('cf.edge.server_port eq "443"', "write the number without quotes"),
        ("cf.edge.server_port eq {1}", "a set { } can only follow in"),
        ("cf.edge.server_port in {1 .. 2}", "a range has two dots and no spaces"),
        ("cf.edge.server_port in {1\t2}", "a tab is not accepted"),
        ("cf.edge.server_port eq 1 eq 1", "comparisons cannot be chained"),
        ("cf.edge.server_port lt 1 < 2", "comparisons cannot be chained"),
        ("ssl # why", "there are no comments"),
        ('http.host eq r#"a"##', "as many hashes"),
        ("ssl;", "no semicolon"),
        ("ssl)", "this ) has no ( before it"),
        ("ssl & ssl", "joined with && and ||"),
        ("ssl ssl", "join conditions with and, or, xor"),
        ("(ssl", "the ( at position 1 is never closed"),
        ("any(test.flags", "the parenthesis of any is never closed"),
        ('any(http.request.headers.names[*] eq "a" or ssl)', "its own parentheses"),
        ("lower(http.host", "the call of lower is never closed"),
        ('starts_with(http.host "a")', "arguments are separated by commas"),
        ("ssl or or ssl", '"or" joins two conditions'),
        ("ssl and", "a condition must follow"),
        ("\u200bssl", "an invisible character"),
        ("notsl", 'did you mean "ssl"?'),
        ("NOTsomething", "put a space after not"),
        ("http.host", "compare it with a literal"),
        ('(http.host) eq "a"', "parentheses group conditions"),
        ('http.host starts_with "a"', 'starts_with(http.host, "…")'),
        ('http.host like "a"', 'http.host wildcard "…*"'),
        ('http.host equals "a"', "equality is written == or eq"),
        ('http.host contain "a"', 'did you mean "contains"?'),
        ('http.host strict  wildcard "a"', "exactly one space"),
        ('http.request.headers ["a"][0] eq "b"', "no space before ["),
        ('http.request.headers["a"] eq "b"', 'any(http.request.headers["a"][*] eq …)'),
        ('http.request.headers eq "b"', 'http.request.headers["name"][0] eq …'),
        ('http.request.headers.names[*] eq "a"', "any(…) or all(…)"),
        ('http.host eq "\\n"', r"write \x0a"),
        ('http.host wildcard "\\*"', r"\\*"),
        ('http.host eq "\\d"', "the escapes are"),
        ('http.host wildcard "a**"', "write one star"),
        ('lower(http.request.headers.names) eq "a"', "apply it to every element"),
        ("lower(1) eq 61:62", "put the text in quotes"),
        ('concat("a", 1) eq "a1"', "put the text in quotes"),
        ('LOWER(http.host) eq "a"', 'did you mean "lower"?'),
    ],
)
def test_a_slip_gets_its_hint(source: str, hint: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    if hint is None:
        assert caught.value.hint is None
        return
    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_names_that_are_too_long_are_not_compared() -> None:
    assert did_you_mean("a" * 81, ["a" * 80]) is None
    assert did_you_mean("zzz", ["http.host"]) is None
