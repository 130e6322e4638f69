# SPDX-License-Identifier: Apache-2.0
"""Findings about certificates: revoked ones, foreign ones, literals that never match."""

from __future__ import annotations

import pytest

from authz.rules import ListKind, ListModel, compile_list, lint, parse
from tests.factories.schemes import SCHEME

_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_SERIAL, _SHA256 = _TLS + "cert_serial", _TLS + "cert_fingerprint_sha256"


def _codes(source: str, authorities: int = 1) -> list[str]:
    return [finding.code for finding in lint(parse(source, SCHEME), authorities=authorities)]


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (f"not {_V}", f"not {_V} or {_R}"),
        (_V, f"{_V} and not {_R}"),
        (f"not {_V} and ssl", f"(not {_V} or {_R}) and ssl"),
        (f"ssl or not {_V}", f"ssl or not {_V} or {_R}"),
        (f"{_V} and ssl", f"{_V} and not {_R} and ssl"),
        (f"not (ssl and {_V})", f"not (ssl and {_V} and not {_R})"),
        (f"ssl and (ssl or {_V})", f"ssl and (ssl or {_V} and not {_R})"),
    ],
)
def test_verified_without_revoked_lets_revoked_certificates_in(source: str, corrected: str) -> None:
    (finding,) = lint(parse(source, SCHEME))

    assert finding.code == "revoked_not_checked"
    assert finding.suggestion == corrected
    assert source[slice(*finding.span)] == _V
    assert not lint(parse(corrected, SCHEME))


def test_a_verified_that_is_only_an_argument_is_found_without_a_correction() -> None:
    (finding,) = lint(parse(f"coalesce({_V}, ssl)", SCHEME))

    assert finding.code == "revoked_not_checked"
    assert finding.suggestion is None


def test_several_authorities_need_an_issuer_or_a_fingerprint() -> None:
    source = f"not {_V} or {_R}"

    assert _codes(source) == []
    assert _codes(source, authorities=2) == ["issuer_not_checked"]
    assert _codes(f'{source} or {_SHA256} ne "{"a" * 64}"', authorities=2) == []
    assert _codes("ssl", authorities=2) == []


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (f'{_SERIAL} eq "0A:1B"', f'{_SERIAL} eq "0A1B"'),
        (f'{_SERIAL} in {{"0A 1B" "FF"}}', f'{_SERIAL} in {{"0A1B" "FF"}}'),
        (f'{_SHA256} eq "{":".join(["ab"] * 32)}"', f'{_SHA256} eq "{"ab" * 32}"'),
        (f"{_SHA256} eq {':'.join(['ab'] * 32)}", f'{_SHA256} eq "{"ab" * 32}"'),
        (
            'not (ssl or any(test.hex_list[*] eq "a:b"))',
            'not (ssl or any(test.hex_list[*] eq "ab"))',
        ),
        (f'{_SHA256} eq "abc"', None),
        (f'{_SHA256} eq "zz"', None),
        (f'{_SERIAL} ne "{"a" * 41}"', None),
        (f'{_SERIAL} eq "not hex"', None),
    ],
)
def test_a_hex_literal_that_never_equals_the_field_is_found(
    source: str, corrected: str | None
) -> None:
    findings = lint(parse(source, SCHEME))

    assert [finding.code for finding in findings] == ["literal_never_equal"]
    assert findings[0].suggestion == corrected


@pytest.mark.parametrize(
    "source",
    [
        f'{_SHA256} eq "{"aB" * 32}"',
        f'{_SHA256} eq ""',
        f'{_SERIAL} contains "0a:"',
        f'{_SERIAL} eq "0a1b"',
        f'{_SERIAL} matches ":"',
    ],
)
def test_other_hex_literals_are_fine(source: str) -> None:
    assert _codes(source) == []


def test_a_list_says_nothing_about_its_items() -> None:
    lists = {"pins": compile_list(ListModel(name="pins", kind=ListKind.STRING, items=("a:b",)))}

    assert lint(parse(f"{_SERIAL} in $pins", SCHEME, lists)) == ()


def test_findings_come_in_the_order_of_the_source() -> None:
    source = f'{_SERIAL} eq "a:b" and not {_V} and http.host in {{}}'

    assert _codes(source) == [
        "never_true",
        "literal_never_equal",
        "revoked_not_checked",
        "never_true",
    ]
