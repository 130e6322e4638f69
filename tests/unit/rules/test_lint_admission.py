# SPDX-License-Identifier: Apache-2.0
"""Whom a rule lets in: revoked certificates, those of any authority, unverified ones."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import Finding, KnownAuthority, Role, lint, parse

_TLS = "cf.tls_client_auth."
_V, _R, _P = _TLS + "cert_verified", _TLS + "cert_revoked", _TLS + "cert_presented"
_SKI, _SHA256 = _TLS + "cert_issuer_ski", _TLS + "cert_fingerprint_sha256"
_SUBJECT = _TLS + "cert_subject_dn"
_FAILURE = "authz.cert.failure"
_ACME = KnownAuthority(name="acme", skis=("AA11",))
_BETA = KnownAuthority(name="beta", skis=("BB22", "CC33"))
_ALL = f'{_SKI} in {{"AA11" "BB22" "CC33"}}'
_A, _B = 'http.host eq "a"', 'http.host eq "b"'


def _found(
    source: str, role: Role | None = Role.BLOCK, *authorities: KnownAuthority
) -> list[Finding]:
    return list(lint(parse(source, SCHEME), role=role, authorities=authorities))


def _codes(source: str, role: Role | None = Role.BLOCK, *authorities: KnownAuthority) -> list[str]:
    return [finding.code for finding in _found(source, role, *authorities)]


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (f"not {_V}", f"not {_V} or {_R}"),
        (f"not {_V} and ssl", f"(not {_V} or {_R}) and ssl"),
        (f"ssl or not {_V}", f"ssl or not {_V} or {_R}"),
        (f"not (ssl and {_V})", f"not (ssl and {_V} and not {_R})"),
        (
            f'not ({_V} and {_SHA256} eq "{"ab" * 32}")',
            f'not ({_V} and not {_R} and {_SHA256} eq "{"ab" * 32}")',
        ),
        # Mentioning it does not help.
        (f"not {_V} and not {_R}", f"not {_V} or {_R}"),
        (f"not ({_V} or {_R}) and ssl", f"(not {_V} or {_R}) and ssl"),
        (
            f"not {_V} and {_A} or {_R} and {_B}",
            f"(not {_V} or {_R}) and {_A} or {_R} and {_B}",
        ),
        # Whoever is kept out stays out, also where good certificates are.
        (
            f"not {_V} and {_A} or {_V} and {_B}",
            f"not {_V} and {_A} or {_V} and {_B} or {_R} and {_A}",
        ),
        (f"not {_R}", f"not {_V} or {_R}"),
        # What else says that a certificate is verified: it has no failure, it has an issuer.
        ('authz.cert.failure ne ""', f'authz.cert.failure ne "" or {_R}'),
        ('not authz.cert.failure eq ""', f'not authz.cert.failure eq "" or {_R}'),
        (f'not {_SKI} eq "AA11"', f'not {_SKI} eq "AA11" or {_R}'),
    ],
)
def test_a_block_rule_lets_revoked_certificates_in(source: str, corrected: str) -> None:
    found = [one for one in _found(source) if one.code == "revoked_not_checked"]

    assert [one.suggestion for one in found] == [corrected]
    assert "revoked_not_checked" not in _codes(corrected)


@pytest.mark.parametrize(
    "source",
    [
        f"not {_V} or {_R}",
        f"(not {_V} or {_R}) and {_A}",
        f"not ({_V} and not {_R})",
        # A revoked certificate is blocked where a good one is not.
        _R,
        f"{_R} and {_A}",
        # Nobody is treated better for a certificate.
        "ssl",
        f"{_V}",
        f"{_V} and not {_R}",
        f"ssl and (ssl or not {_V})",
        # Blocked or not, verified certificates are treated as others are.
        f"({_V} or not {_V}) and {_A}",
        f'not {_SHA256} eq "{"ab" * 32}"',
    ],
)
def test_a_block_rule_that_treats_revoked_like_unverified_is_fine(source: str) -> None:
    assert "revoked_not_checked" not in _codes(source)


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (_V, f"{_V} and not {_R}"),
        (f"{_V} and {_A}", f"{_V} and not {_R} and {_A}"),
        (f"{_V} and ({_A} or {_R})", f"{_V} and not {_R} and ({_A} or {_R})"),
        (f'{_SKI} eq "AA11"', f'{_SKI} eq "AA11" and not {_R}'),
        (
            f"not {_V} and {_A} or {_V} and {_B}",
            f"(not {_V} and {_A} or {_V} and {_B}) and (not {_R} or {_A})",
        ),
    ],
)
def test_a_rule_that_admits_admits_revoked_certificates(source: str, corrected: str) -> None:
    (found,) = _found(source, Role.ADMIT)

    assert (found.code, found.suggestion) == ("revoked_not_checked", corrected)
    assert _codes(corrected, Role.ADMIT) == []


@pytest.mark.parametrize(
    "source", [f"{_V} and not {_R}", f"not {_V}", f"not {_V} or {_R}", "ssl", f"not {_R}"]
)
def test_a_rule_that_admits_revoked_certificates_no_sooner_than_others_is_fine(
    source: str,
) -> None:
    assert _codes(source, Role.ADMIT) == []


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (_R, f"{_V} and not {_R}"),
        (f"{_R} and {_A}", f"{_V} and not {_R} and {_A}"),
        (f"{_V} and {_R} and {_A}", f"{_V} and not {_R} and {_A}"),
        (f"{_R} or {_A}", f"{_V} and not {_R} or {_A}"),
        (
            f"{_R} and {_A} or {_V} and not {_R} and {_B}",
            f"{_V} and not {_R} and {_A} or {_V} and not {_R} and {_B}",
        ),
        (f"{_R} xor {_A}", None),
        (f"coalesce({_R}, ssl)", None),
    ],
)
def test_a_rule_that_admits_revoked_certificates_only(source: str, corrected: str | None) -> None:
    found = [one for one in _found(source, Role.ADMIT) if one.code == "revoked_admitted"]

    assert [one.suggestion for one in found] == [corrected]
    assert corrected is None or _codes(corrected, Role.ADMIT) == []
    assert "revoked_admitted" not in _codes(source, Role.BLOCK)


def test_a_rule_that_logs_lets_nobody_in() -> None:
    assert _codes(f"not {_V}", Role.LOG, _ACME, _BETA) == []
    assert _codes(_SUBJECT + ' eq "CN=a"', Role.LOG) == []


def test_an_expression_alone_is_taken_for_that_of_a_block_rule() -> None:
    assert _codes(f"not {_V} and {_A}", None) == ["revoked_not_checked"]
    assert _codes(f'{_V} and not {_SKI} in {{"AA11"}}', None) == []


def test_an_expression_that_singles_out_the_verified_is_taken_for_one_that_admits() -> None:
    (found,) = _found(f"{_V} and {_A}", None)

    assert found.message.endswith("this lets revoked certificates in where it lets clients in")
    assert found.suggestion == f"{_V} and not {_R} and {_A}"
    # Who is told apart within the verified, as in a rule that blocks, is another matter.
    assert _codes(f"{_V} and {_A} or not {_V} and {_B}", None) == ["revoked_not_checked"]


def test_the_place_is_where_the_certificate_is_asked_for() -> None:
    def place(source: str) -> str:
        (found,) = _found(source)
        return source[slice(*found.span)]

    assert place(f"{_A} and not {_V}") == _V
    assert place(f"not {_R} and not {_V}") == _V
    assert place(f"not {_R}") == _R
    assert place(f"coalesce({_V}, ssl) and {_A}") == f"coalesce({_V}, ssl)"


def test_a_verified_that_is_only_an_argument_is_found_without_a_correction() -> None:
    (found,) = _found(f"not coalesce({_V}, ssl)")

    assert (found.code, found.suggestion) == ("revoked_not_checked", None)


# Any authority.


@pytest.mark.parametrize(
    ("source", "role", "corrected"),
    [
        (f"not {_V} or {_R}", Role.BLOCK, f"not ({_V} and {_ALL}) or {_R}"),
        (
            f"(not {_V} or {_R}) and {_A}",
            Role.BLOCK,
            f"(not ({_V} and {_ALL}) or {_R}) and {_A}",
        ),
        # An identity that is asked for elsewhere is no excuse.
        (
            f'not {_V} or {_R} or {_A} and not {_SKI} eq "AA11"',
            Role.BLOCK,
            f'not ({_V} and {_ALL}) or {_R} or {_A} and not {_SKI} eq "AA11"',
        ),
        (
            f'not {_V} or {_R} or not {_SUBJECT} contains "OU=Staff"',
            Role.BLOCK,
            f'not ({_V} and {_ALL}) or {_R} or not {_SUBJECT} contains "OU=Staff"',
        ),
        (f"{_V} and not {_R}", Role.ADMIT, f"{_V} and {_ALL} and not {_R}"),
        (
            f"{_R} or not {_V} and {_A} or {_V} and {_B}",
            Role.BLOCK,
            f"{_R} or not {_V} and {_A} or {_V} and {_B} or {_V} and not {_ALL} and {_A}",
        ),
    ],
)
def test_several_authorities_need_an_issuer_or_a_fingerprint(
    source: str, role: Role, corrected: str
) -> None:
    (found,) = _found(source, role, _ACME, _BETA)

    assert (found.code, found.suggestion) == ("issuer_not_checked", corrected)
    assert found.message.endswith("any of them will do: acme (AA11), beta (BB22, CC33)")
    assert found.hint == "keep the issuers that this rule is for"
    assert _codes(corrected, role, _ACME, _BETA) == []


@pytest.mark.parametrize(
    "identity",
    [
        f'{_SKI} eq "AA11"',
        f'{_TLS}cert_issuer_dn eq "CN=acme"',
        f'{_TLS}cert_issuer_serial eq "0A"',
        f'{_SHA256} in {{"{"ab" * 32}"}}',
        f'authz.cert.spki_sha256 eq "{"ab" * 32}"',
    ],
)
def test_an_issuer_a_fingerprint_and_a_key_tie_a_rule_to_one_authority(identity: str) -> None:
    assert _codes(f"not ({_V} and {identity}) or {_R}", Role.BLOCK, _ACME, _BETA) == []


@pytest.mark.parametrize(
    "name",
    [
        f'{_SUBJECT} eq "CN=a"',
        'any(authz.cert.san.dns[*] eq "a")',
        f'{_TLS}cert_serial eq "0A"',
        f'{_TLS}cert_ski eq "0A"',
    ],
)
def test_a_name_ties_it_to_none_since_any_authority_may_certify_it(name: str) -> None:
    codes = _codes(f"not ({_V} and {name}) or {_R}", Role.BLOCK, _ACME, _BETA)

    assert codes == ["issuer_not_checked"]


def test_one_authority_or_none_needs_no_issuer() -> None:
    assert _codes(f"not {_V} or {_R}", Role.BLOCK) == []
    assert _codes(f"not {_V} or {_R}", Role.BLOCK, _ACME) == []


def test_a_rule_with_both_findings_gets_a_correction_for_both() -> None:
    revoked, issuer = _found(f"not {_V}", Role.BLOCK, _ACME, _BETA)

    assert revoked.suggestion == f"not {_V} or {_R}"
    assert issuer.suggestion == f"not ({_V} and {_ALL}) or {_R}"


def test_authorities_without_key_identifiers_get_words_instead_of_a_correction() -> None:
    bare = (KnownAuthority(name="old", skis=()), KnownAuthority(name="older", skis=()))

    (found,) = _found(f"not {_V} or {_R}", Role.BLOCK, *bare)

    assert found.suggestion is None
    assert found.message.endswith("old (no key identifier), older (no key identifier)")
    assert found.hint == "compare cf.tls_client_auth.cert_issuer_ski or a fingerprint as well"


def test_many_authorities_are_not_all_named() -> None:
    many = [KnownAuthority(name=f"ca{n}", skis=("A", "B", "C")) for n in range(6)]

    (found,) = _found(f"not {_V} or {_R}", Role.BLOCK, *many)

    assert found.message.endswith("ca3 (A, B, …) and 2 more")


def test_where_the_authorities_are_not_known_it_is_a_note_without_made_up_values() -> None:
    (found,) = lint(parse(f"not {_V} or {_R}", SCHEME), authorities=None)

    assert (found.code, found.certain) == ("issuer_not_checked", False)
    assert found.suggestion is None
    assert found.hint is not None
    assert "<SKI of the issuer>" in found.hint


# Certificates that nobody verified.


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (f"not {_P}", f"not {_V} or {_R}"),
        (f"not {_P} and {_A}", f"(not {_V} or {_R}) and {_A}"),
        (f"not ({_P} and ssl)", f"not ({_V} and not {_R} and ssl)"),
    ],
)
def test_presenting_a_certificate_is_not_having_a_verified_one(source: str, corrected: str) -> None:
    (found,) = _found(source)

    assert (found.code, found.suggestion) == ("presented_not_verified", corrected)
    assert _codes(corrected) == []


def test_blocking_bad_certificates_and_letting_none_pass_is_fine() -> None:
    assert _codes(f"{_P} and (not {_V} or {_R})") == []
    assert _codes(f'{_FAILURE} eq "expired" or {_R}') == []
    assert _codes(f'{_FAILURE} eq "absent"', Role.ADMIT) == []


@pytest.mark.parametrize(
    ("source", "role", "corrected"),
    [
        (f'{_FAILURE} eq "unknown_issuer"', Role.ADMIT, f"{_V} and not {_R}"),
        (f'{_FAILURE} in {{"expired" "crl_stale"}}', Role.ADMIT, f"{_V} and not {_R}"),
        (f'ssl and not {_FAILURE} in {{"absent"}}', Role.ADMIT, f"ssl and {_V} and not {_R}"),
        (f'{_V} and not {_R} or {_FAILURE} eq "expired"', Role.ADMIT, f"{_V} and not {_R}"),
        (f'{_FAILURE} eq "absent"', Role.BLOCK, f"not {_V} or {_R}"),
        (f'{_FAILURE} in {{"absent" "expired"}}', Role.BLOCK, f"not {_V} or {_R}"),
        (f'not {_FAILURE} ne "absent"', Role.BLOCK, f"not {_V} or {_R}"),
    ],
)
def test_a_certificate_with_a_failure_is_not_verified(
    source: str, role: Role, corrected: str
) -> None:
    found = [one for one in _found(source, role) if one.code == "presented_not_verified"]

    assert [one.suggestion for one in found] == [corrected]
    assert found[0].message.startswith("nobody has verified a certificate with a failure")
    assert _FAILURE in source[slice(*found[0].span)]
    assert _codes(corrected, role) == []


# Certificates that a rule names.

_PIN = f'{_SHA256} eq "{"ab" * 32}"'
_KEY = f'authz.cert.spki_sha256 eq "{"ab" * 32}"'


@pytest.mark.parametrize(
    ("source", "role", "corrected"),
    [
        (_PIN, Role.ADMIT, f"{_V} and not {_R} and {_PIN}"),
        (f"{_PIN} and {_A}", Role.ADMIT, f"{_V} and not {_R} and {_PIN} and {_A}"),
        # One that has expired is neither verified nor revoked.
        (f"{_KEY} and not {_R}", Role.ADMIT, f"{_V} and not {_R} and {_KEY}"),
        (f"{_P} and {_PIN}", Role.ADMIT, f"{_P} and {_V} and not {_R} and {_PIN}"),
        (f"not {_PIN}", Role.BLOCK, f"not ({_V} and not {_R} and {_PIN})"),
        (f"{_A} and not {_KEY}", Role.BLOCK, f"{_A} and not ({_V} and not {_R} and {_KEY})"),
        (_PIN.replace(" eq ", " ne "), Role.BLOCK, f"not ({_V} and not {_R} and {_PIN})"),
        (f"ssl xor {_PIN}", Role.BLOCK, None),
    ],
)
def test_a_pin_alone_lets_its_certificate_in_whatever_became_of_it(
    source: str, role: Role, corrected: str | None
) -> None:
    (found,) = [one for one in _found(source, role, _ACME) if one.code == "pin_not_verified"]

    assert found.suggestion == corrected
    assert found.certain
    assert source[slice(*found.span)].startswith((_SHA256, "authz.cert.spki_sha256"))
    assert corrected is None or _codes(corrected, role, _ACME) == []


def test_a_pin_of_a_verified_certificate_is_fine_and_so_is_one_that_is_kept_out() -> None:
    assert _codes(f"not ({_V} and not {_R} and {_PIN})", Role.BLOCK, _ACME) == []
    assert _codes(f"not {_V} or {_R} or not {_PIN}", Role.BLOCK, _ACME) == []
    assert _codes(_PIN, Role.BLOCK, _ACME) == []
    assert _codes(f'{_PIN} and {_FAILURE} eq "" and not {_R}', Role.ADMIT, _ACME) == []


def test_a_pin_is_all_there_is_where_no_authority_is_trusted() -> None:
    assert _codes(f"not {_PIN}") == []

    (found,) = lint(parse(f"not {_PIN}", SCHEME), authorities=None)

    assert (found.code, found.certain) == ("pin_not_verified", False)


def test_a_pin_beside_a_certificate_of_anybodys_is_not_what_leaks() -> None:
    codes = _codes(f"{_P} or {_PIN}", Role.ADMIT, _ACME)

    assert codes == ["presented_not_verified"]


@pytest.mark.parametrize(
    ("source", "role", "corrected"),
    [
        (
            f'not {_SUBJECT} contains "OU=Staff"',
            Role.BLOCK,
            f'not ({_V} and not {_R} and {_SUBJECT} contains "OU=Staff")',
        ),
        (
            f'{_SUBJECT} ne "CN=a"',
            Role.BLOCK,
            f'not ({_V} and not {_R} and {_SUBJECT} eq "CN=a")',
        ),
        (
            f'{_SUBJECT} eq "CN=a" or ssl',
            Role.ADMIT,
            f'{_V} and not {_R} and {_SUBJECT} eq "CN=a" or ssl',
        ),
        # A verification that is asked for elsewhere is no excuse.
        (
            f'{_SUBJECT} eq "CN=a" or {_V} and not {_R} and ssl',
            Role.ADMIT,
            f'{_V} and not {_R} and {_SUBJECT} eq "CN=a" or {_V} and not {_R} and ssl',
        ),
        # Whom a list keeps out shows another certificate: verified or not changes nothing.
        (f'{_TLS}cert_serial in {{"0A" "0B"}}', Role.BLOCK, None),
        (f'ssl xor {_SUBJECT} eq "CN=a"', Role.BLOCK, None),
    ],
)
def test_a_name_is_believed_only_of_a_verified_certificate(
    source: str, role: Role, corrected: str | None
) -> None:
    (found,) = [one for one in _found(source, role) if one.code == "unverified_claim"]

    assert found.suggestion == corrected
    assert found.hint == "believe it of a verified certificate only"
    assert found.certain
    if corrected is not None:
        assert _codes(corrected, role) == []


@pytest.mark.parametrize(
    "source",
    [
        f'{_SUBJECT} eq "a" and {_SKI} eq "8204"',
        f'{_SHA256} eq "{"ab" * 32}"',
        f'not authz.cert.failure eq "" or {_R} or {_SUBJECT} eq "a"',
        f'not {_V} or {_R} or not {_SUBJECT} contains "OU=Staff"',
    ],
)
def test_an_issuer_a_fingerprint_and_a_failure_are_verified_facts(source: str) -> None:
    assert _codes(source) == []


def test_of_an_expression_alone_an_unverified_claim_is_a_note() -> None:
    (found,) = _found(f'{_SUBJECT} contains "OU=Staff"', None)

    assert (found.code, found.certain) == ("unverified_claim", False)
