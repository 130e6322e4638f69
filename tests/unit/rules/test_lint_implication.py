# SPDX-License-Identifier: Apache-2.0
"""Whether one condition is seen to imply another."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.lint_implication import MAX_STEPS, implies, keys_of, wanted_keys
from authz.rules.lint_normal import Form, normal

_LISTS = {"names": compile_list(ListModel(name="names", kind=ListKind.STRING, items=("a",)))}
_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_H = 'http.request.headers["a"][0]'


def _form(source: str) -> Form:
    return normal(parse(source, SCHEME, _LISTS).root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('ssl and http.host eq "a"', "ssl"),
        ('ssl and http.host eq "a" and http.cookie eq "x"', 'http.cookie eq "x" and ssl'),
        ("ssl", 'ssl or http.host eq "a"'),
        ('ssl or http.host eq "a"', 'http.host in {"a" "b"} or http.cookie eq "x" or ssl'),
        ('(ssl or http.host eq "a") and http.cookie eq "x"', 'ssl or http.host eq "a"'),
        ('http.host eq "a"', 'http.host in {"a" "b"}'),
        ('http.host in {"a" "b"} and ssl', 'http.host in {"c" "b" "a"}'),
        ('http.host eq "a"', 'not http.host eq "b"'),
        ('not http.host in {"a" "b"}', 'http.host ne "a"'),
        ("http.host in {}", 'http.host eq "a"'),
        ("cf.edge.server_port in {5..6}", "cf.edge.server_port gt 4"),
        ("cf.edge.server_port eq 5", "cf.edge.server_port ne 6"),
        ('len(http.request.headers["a"]) eq 5', 'not len(http.request.headers["a"]) in {6..7}'),
        (
            'not len(http.request.headers["a"]) in {6..9}',
            'not len(http.request.headers["a"]) in {6..7}',
        ),
        ("ip.src in {10.1.0.0/16}", "ip.src in {10.0.0.0/8}"),
        # A text that is known, and patterns that it fits.
        ('http.host in {"ab" "ac"}', 'starts_with(http.host, "a")'),
        ('http.host in {"ab" "ac"}', 'http.host matches "^a"'),
        ('http.host eq "ab"', 'not http.host contains "x"'),
        ('starts_with(http.host, "ab")', 'starts_with(http.host, "a")'),
        ('ends_with(http.host, "ab")', 'ends_with(http.host, "b")'),
        ('http.host contains "ab"', 'http.host contains "b"'),
        ('starts_with(http.host, "a")', 'not starts_with(http.host, "b")'),
        ("http.host in $names and ssl", "http.host in $names"),
        # What is known of the client.
        (_R, _V),
        (f"not {_V}", f"not {_R}"),
        (_V, _TLS + "cert_presented"),
        (f"(not {_V} or {_R}) and ssl", f"not {_V} or {_R}"),
        ("false", "ssl"),
        ("ssl", "true"),
    ],
)
def test_it_is_seen(one: str, other: str) -> None:
    first, second = _form(one), _form(other)

    assert implies(first, second)
    # And the two are found to be worth comparing.
    assert one in ("http.host in {}", "false") or set(wanted_keys(first)) & set(keys_of(second))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ssl", 'ssl and http.host eq "a"'),
        ('ssl or http.host eq "a"', "ssl"),
        ('http.host in {"a" "b"}', 'http.host eq "a"'),
        ('http.host eq "a"', 'http.cookie eq "a"'),
        ('not http.host eq "a"', 'http.host eq "b"'),
        ('not http.host eq "a"', 'not http.host in {"a" "b"}'),
        ("cf.edge.server_port gt 4", "cf.edge.server_port gt 5"),
        ('not len(http.request.headers["a"]) in {6..7}', 'len(http.request.headers["a"]) lt 9'),
        ("ip.src in {10.0.0.0/8}", "ip.src in {10.1.0.0/16}"),
        ('http.host in {"ab" "bc"}', 'starts_with(http.host, "a")'),
        # Each text by itself, and not all by one of the alternatives.
        ('http.host in {"ab" "ac"}', 'not http.host contains "b" or http.host eq "ab"'),
        ('http.host eq "a"', "http.host in $names"),
        ('http.cookie eq "ab"', 'starts_with(http.host, "a")'),
        ('starts_with(http.host, "a")', 'starts_with(http.host, "ab")'),
        ('starts_with(http.host, "a")', 'starts_with(http.cookie, "a")'),
        ('starts_with(http.host, "a")', 'http.host matches "^a"'),
        ('http.host contains "a"', 'http.cookie contains "a"'),
        # A missing value is not unequal.
        (f'not {_H} contains "a"', f'{_H} ne "a"'),
        (f'not starts_with({_H}, "b")', f'{_H} lt "b" or {_H} ge "c"'),
        # Hex digits in the other case.
        (f'{_TLS}cert_serial eq "ab"', f'{_TLS}cert_serial contains "ab"'),
        (_V, _R),
        (_V, f"not {_R}"),
        ("ssl", _V),
        ('any(authz.cert.san.dns[*] eq "a")', 'any(authz.cert.san.dns[*] in {"a" "b"})'),
        ("true", "ssl"),
        ('ssl xor http.host eq "a"', "ssl"),
    ],
)
def test_nothing_is_seen_that_is_not_so_or_not_cheap(one: str, other: str) -> None:
    assert not implies(_form(one), _form(other))


def test_it_gives_up_on_conditions_that_are_too_much() -> None:
    def alternatives(count: int) -> tuple[Form, Form]:
        """The same ones, but each has to be looked for among all of the others."""
        names = [f'http.request.headers["{n}"][0] eq "a"' for n in range(count)]
        return (
            _form(" or ".join(f'{name} and ssl and http.host eq "a"' for name in names)),
            _form(" or ".join(f"{name} and ssl" for name in reversed(names))),
        )

    assert implies(*alternatives(8))
    assert MAX_STEPS < 45 * 45
    assert not implies(*alternatives(45))


def test_conditions_about_other_things_are_not_worth_comparing() -> None:
    def worth(one: str, other: str) -> bool:
        return bool(set(wanted_keys(_form(one))) & set(keys_of(_form(other))))

    assert not worth('http.host eq "a" and ssl', 'http.host eq "b" and ssl')
    assert not worth('http.host eq "a"', 'http.cookie eq "a"')
    assert not worth("ssl", 'any(authz.cert.san.dns[*] eq "a")')
    assert not worth(f'not {_V} and http.host eq "a"', f'not {_V} and http.host eq "b"')
    assert worth(f"not {_V} and ssl", f"not {_V}")
