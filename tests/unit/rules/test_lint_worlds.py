# SPDX-License-Identifier: Apache-2.0
"""Truths in several worlds side by side, and what of the client decides about a condition."""

from __future__ import annotations

from itertools import product

import pytest

from authz.policy.fields import SCHEME, fields_tls
from authz.policy.fields_authz import CATALOGUE as OURS
from authz.rules import parse
from authz.rules.lint_worlds import (
    ABSENT,
    ALWAYS,
    CERTAIN,
    CLAIMING,
    CLAIMS,
    CLIENT_FIELDS,
    GOOD,
    IDENTITY,
    ISSUED,
    NEVER,
    REFUSED,
    REVOKED,
    UNVERIFIED,
    Pins,
    both,
    either,
    false_in,
    flag_vector,
    flipped,
    mixed_vectors,
    one_of,
    pins_of,
    true_in,
)

_TLS = "cf.tls_client_auth."
_OPEN = Pins(free=0, open=ISSUED).vector(False)


def _leaf(source: str):  # type: ignore[no-untyped-def]
    return parse(source, SCHEME).root


def test_every_field_of_the_client_is_known_as_one() -> None:
    names = {row.field.name for row in fields_tls.CATALOGUE}
    names |= {row.field.name for row in OURS if row.field.name.startswith("authz.cert.")}

    assert names == CLIENT_FIELDS


def test_claims_and_identities_are_fields() -> None:
    assert SCHEME.fields.keys() >= CLAIMS | IDENTITY


def test_vectors_are_combined_world_by_world() -> None:
    assert flipped(ALWAYS) == NEVER
    for one, other in product((ALWAYS, NEVER), repeat=2):
        assert both(one, other) == (ALWAYS if one == other == ALWAYS else NEVER)
        assert either(one, other) == (NEVER if one == other == NEVER else ALWAYS)
        assert one_of(one, other) == (ALWAYS if one != other else NEVER)


def test_what_is_open_stays_open_unless_the_other_decides() -> None:
    def is_open(vector: int) -> bool:
        return not true_in(vector, ISSUED) and not false_in(vector, ISSUED)

    assert is_open(_OPEN)
    assert is_open(flipped(_OPEN))
    assert is_open(both(_OPEN, ALWAYS))
    assert false_in(both(_OPEN, NEVER), ISSUED)
    assert true_in(either(_OPEN, ALWAYS), ISSUED)
    assert is_open(either(_OPEN, NEVER))
    assert is_open(one_of(_OPEN, ALWAYS))
    assert is_open(one_of(NEVER, _OPEN))


@pytest.mark.parametrize(
    ("source", "true"),
    [
        (_TLS + "cert_verified", GOOD | REVOKED | ISSUED),
        (_TLS + "cert_revoked", REVOKED | REFUSED),
        (_TLS + "cert_presented", UNVERIFIED | GOOD | REVOKED | CLAIMING | ISSUED | REFUSED),
    ],
)
def test_facts_about_the_client_have_one_vector(source: str, true: int) -> None:
    vector = flag_vector(_leaf(source))

    assert vector is not None
    assert true_in(vector, true)
    assert false_in(vector, ALWAYS & ~true)
    assert flag_vector(_leaf("ssl")) is None
    assert flag_vector(_leaf('http.host eq "a"')) is None


@pytest.mark.parametrize(
    ("source", "when_true", "when_false", "is_open"),
    [
        # Nothing of the client.
        ("ssl", ALWAYS, 0, 0),
        # An issuer's value is empty without a verified certificate.
        (_TLS + 'cert_issuer_ski eq "AA"', GOOD | REVOKED, 0, ISSUED),
        (
            _TLS + 'cert_issuer_ski ne "AA"',
            ABSENT | UNVERIFIED | CLAIMING | REFUSED | GOOD | REVOKED,
            ABSENT | UNVERIFIED | CLAIMING | REFUSED,
            ISSUED,
        ),
        # A failure is empty with one.
        (
            'authz.cert.failure eq "expired"',
            UNVERIFIED | CLAIMING | REFUSED,
            0,
            0,
        ),
        ('authz.cert.failure eq ""', ALWAYS & ~ABSENT, GOOD | REVOKED | ISSUED, 0),
        # And without any it is that there is none.
        (
            'authz.cert.failure ne "expired"',
            ALWAYS,
            ABSENT | GOOD | REVOKED | ISSUED,
            0,
        ),
        # The leaf's facts are its own, whoever issued it; names are whatever it claims.
        (
            _TLS + 'cert_subject_dn eq "CN=a"',
            UNVERIFIED | GOOD | REVOKED | ISSUED | REFUSED,
            0,
            CLAIMING,
        ),
        (
            'all(authz.cert.san.dns[*] eq "a")',
            ABSENT | UNVERIFIED | GOOD | REVOKED | ISSUED | REFUSED,
            ABSENT,
            CLAIMING,
        ),
        # A fingerprint is that of one certificate.
        (
            _TLS + f'cert_fingerprint_sha256 eq "{"ab" * 32}"',
            UNVERIFIED | GOOD | REVOKED | CLAIMING | REFUSED,
            0,
            ISSUED,
        ),
        (
            _TLS + f'cert_fingerprint_sha1 eq "{"ab" * 20}"',
            UNVERIFIED | GOOD | REVOKED | REFUSED,
            0,
            CLAIMING | ISSUED,
        ),
    ],
)
def test_what_of_the_client_decides_about_a_condition(
    source: str, when_true: int, when_false: int, is_open: int
) -> None:
    pins = pins_of(_leaf(source))

    assert pins is not None
    for truth, worlds in ((True, when_true), (False, when_false)):
        vector = pins.vector(truth)
        assert vector & ALWAYS == worlds
        assert false_in(vector, ALWAYS & ~worlds & ~is_open)
        assert not false_in(vector, is_open) or not is_open


@pytest.mark.parametrize(
    ("source", "groups"),
    [
        # What it cannot tell apart has one truth.
        (f"coalesce({_TLS}cert_presented, ssl)", (ABSENT, CERTAIN & ~ABSENT)),
        (f"coalesce({_TLS}cert_verified, ssl)", (ABSENT, UNVERIFIED, GOOD | REVOKED)),
        (f"coalesce({_TLS}cert_revoked, ssl)", (ABSENT, UNVERIFIED | GOOD, REVOKED)),
        (
            f"coalesce({_TLS}cert_verified, {_TLS}cert_revoked)",
            (ABSENT, UNVERIFIED, GOOD, REVOKED),
        ),
        (f'concat({_TLS}cert_subject_dn, http.host) eq "a"', (ABSENT, CERTAIN & ~ABSENT)),
        (
            f'concat({_TLS}cert_issuer_dn, http.host) eq "a"',
            (ABSENT, UNVERIFIED, GOOD | REVOKED),
        ),
    ],
)
def test_a_condition_on_several_facts_is_independent_where_they_differ(
    source: str, groups: tuple[int, ...]
) -> None:
    leaf = _leaf(source)
    assert pins_of(leaf) is None

    found = {vector & CERTAIN for vector in mixed_vectors(leaf)}

    assert found == {sum(chosen) for chosen in product(*((0, group) for group in groups))}


def test_what_a_condition_on_several_facts_reads_is_open_where_it_is_up_to_somebody() -> None:
    claim = mixed_vectors(_leaf(f'concat({_TLS}cert_subject_dn, http.host) eq "a"'))
    issuer = mixed_vectors(_leaf(f'concat({_TLS}cert_issuer_dn, http.host) eq "a"'))

    assert not any(true_in(one, CLAIMING) or false_in(one, CLAIMING) for one in claim)
    assert not any(true_in(one, ISSUED) or false_in(one, ISSUED) for one in issuer)
