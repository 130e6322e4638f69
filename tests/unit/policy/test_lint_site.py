# SPDX-License-Identifier: Apache-2.0
"""What a rule asks for that is not to be had at its sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.certificate import Certificate
from authz.policy.model import Action, SkipParameters
from tests.factories.pki import authority, root
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.lint import PolicyFinding
    from authz.policy.model import RuleModel, SiteModel

_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_SKI, _DN = _TLS + "cert_issuer_ski", _TLS + "cert_issuer_dn"
_WEB = site(name="web", hosts=("web.example", "*"))


def _found(source: str, *others: SiteModel, **changes: object) -> list[PolicyFinding]:
    wanted = {"hosts": ("api.example", "www.example"), **changes}
    mine = site(rule(source, ref="r", action=Action.LOG, where="p:1"), **wanted)
    return list(snapshot(mine, *others).findings)


def _skip(source: str) -> RuleModel:
    """A rule whose matches pass all that come after it."""
    return rule(source, ref="skip", action=Action.SKIP, skip=SkipParameters(current=True))


def _root_ski() -> str:
    return Certificate.from_der(root().der).ski


@pytest.mark.parametrize(
    ("source", "meant", "hint"),
    [
        # A slip, and a host of another site.
        ('http.host eq "api.exampl"', 'http.host eq "api.example"', ""),
        ('http.host eq "web.example"', None, '"web.example" is a host of site "web"'),
        ('http.host eq "other.test"', None, '"other.test" is a host of site "web"'),
        ('http.host in {"api.example" "web.example"}', None, "a host of site"),
        (
            'http.host in {"www.example" "api.exampl"} and ssl',
            'http.host in {"www.example" "api.example"} and ssl',
            "",
        ),
        ('ends_with(http.host, ".org")', None, "change the condition, or add the host"),
        ('http.host wildcard "*.org"', None, "change the condition, or add the host"),
        ('authz.site eq "nosuch"', None, "change the condition, or write the rule"),
        ('authz.site eq "apis"', None, "change the condition, or write the rule"),
        ('cf.zone.name in {"api" "apis"}', None, "change the condition, or write the rule"),
    ],
)
def test_what_is_never_true_at_a_site(source: str, meant: str | None, hint: str) -> None:
    (found,) = _found(source, _WEB)

    assert (found.rule, found.where, found.code) == ("r", "p:1", "never_here")
    assert found.suggestion == meant
    assert meant is None or _found(meant, _WEB) == []
    assert found.hint is not None
    assert hint in found.hint
    assert found.span is not None


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("api.exampel.com", "api.example.com"),
        ("api.exmple.com", "api.example.com"),
        ("api.exammple.com", "api.example.com"),
        ("api.exanple.com", "api.example.com"),
        ("admni-eu.example.com", "admin-eu.example.com"),
    ],
)
def test_a_slip_in_a_host_is_mended(written: str, host: str) -> None:
    (found,) = _found(f'http.host eq "{written}"', hosts=(host,))

    assert found.suggestion == f'http.host eq "{host}"'


@pytest.mark.parametrize(
    ("written", "host"),
    [
        # Other hosts, which the policy may yet have to get.
        ("dev.example.com", "api.example.com"),
        ("app.example.com", "api.example.com"),
        ("apis.example.com", "api.example.com"),
        ("api2.example.com", "api1.example.com"),
        ("admin.example.com", "admin2.example.com"),
        ("admin-eu.example.com", "admin-us.example.com"),
        ("shop-a.example.com", "shop-b.example.com"),
        ("example.com", "api.example.com"),
        ("api.example.org", "api.example.com"),
        ("aip.exampel.com", "api.example.com"),
        ("api-example.com", "api.example.com"),
        ("api.exmaplle.com", "api.example.com"),
        ("api.examplest.com", "api.example.com"),
        ("xn--bcherladen-9db.example", "xn--bucherladen-9db.example"),
    ],
)
def test_another_host_is_not_proposed(written: str, host: str) -> None:
    source = f'http.host eq "{written}"'
    mine = site(_skip(source), rule("true"), hosts=(host,))

    (found,) = (one for one in snapshot(mine).findings if one.code == "never_here")

    assert found.suggestion is None
    assert found.message == f'{source} is never true here: site "api" answers for {host} only'
    assert found.hint is not None
    assert "write:" not in found.hint


def test_a_slip_that_may_be_for_two_hosts_is_not_mended() -> None:
    (found,) = _found('http.host eq "tests.example"', hosts=("test.example", "texts.example"))

    assert found.suggestion is None


def test_a_slip_in_the_name_of_a_site_is_mended() -> None:
    (found,) = _found('cf.zone.name in {"orders" "ordesr"}', name="orders")

    assert found.suggestion == 'cf.zone.name in {"orders"}'


def test_what_cannot_be_mended_stays() -> None:
    (found,) = _found('http.host in {"api.exampl" "web.example"}', _WEB)

    assert found.suggestion == 'http.host in {"api.example" "web.example"}'


def test_a_host_that_no_site_answers_for() -> None:
    (found,) = _found('http.host eq "other.test"')

    assert found.message == (
        'http.host eq "other.test" is never true here: '
        'site "api" answers for api.example, www.example only'
    )
    assert found.hint is not None
    assert found.hint.startswith("change the condition, or add the host")


def test_what_is_always_true_at_a_site_is_no_finding_by_itself() -> None:
    only = {"hosts": ("api.example",)}

    assert _found('http.host eq "api.example"', **only) == []
    assert _found('http.host eq "api.example" and ssl', **only) == []
    (found,) = _found('not http.host eq "api.example" and ssl', **only)
    assert found.code == "never_here"
    assert found.message.endswith('is never true here: site "api" answers for api.example only')


def test_what_is_never_true_anywhere_is_told_by_itself() -> None:
    assert [one.code for one in _found('http.host eq "a.example:80"')] == ["never_true"]
    assert [one.code for one in _found('http.host eq "other.test" and ssl')] == ["never_here"]
    assert _found('any(http.request.headers["a"][*] eq "b") and ssl') == []


def test_a_rule_for_another_site_that_has_it_too_is_fine() -> None:
    source = 'http.host eq "other.test"'
    other = site(rule(source, ref="r", action=Action.LOG), name="b", hosts=("other.test",))

    assert _found(source, other) == []


def test_nobody_is_verified_at_a_site_without_trust() -> None:
    (found,) = _found(f'not {_V} or {_R} or {_SKI} eq "AA"', trust=())

    assert (found.code, found.suggestion) == ("never_here", None)
    assert found.message == (
        f'{_V} is never true here: site "api" trusts no authority, so nobody is verified'
    )
    assert found.hint == "name the authority that issues the certificates under trust"
    assert [one.code for one in _found(f'{_SKI} eq "AA"', trust=())] == ["never_here"]


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        (f'{_SKI} eq "AABB"', None),
        # Much like one that is trusted, and not the same: another authority.
        (f'{_SKI} eq "{_root_ski()[:-1]}{"1" if _root_ski()[-1] == "0" else "0"}"', None),
        (f'{_DN} in {{"CN=Test Root CA" "CN=Nobody at all"}}', None),
        (f'{_DN} ne "CN=Test Root CB"', None),
        (f'{_DN} eq "CN=test root ca"', f'{_DN} eq "CN=Test Root CA"'),
        (f'{_DN}_rfc2253 contains "Nobody"', None),
        (f'starts_with({_DN}_legacy, "/O=")', None),
        (f'lower({_DN}) eq "cn=nobody"', None),
        (f'{_TLS}cert_issuer_serial eq "ABCD"', None),
    ],
)
def test_an_issuer_that_nobody_trusts_may_still_be_sent(source: str, meant: str | None) -> None:
    (found,) = _found(source)

    assert found.code == "issuer_not_trusted"
    assert "never" not in found.message
    assert found.message.endswith("only an intermediate that the client sends along can")
    assert found.suggestion == meant
    assert found.hint is not None
    assert "those trusted have" in found.hint


@pytest.mark.parametrize(
    "source",
    [
        f'{_SKI} eq "{_root_ski().lower()}"',
        f'{_SKI} ne ""',
        f'{_DN} eq "CN=Test Root CA"',
        f'{_DN} matches "Root"',
        f'{_DN} ne "" and ssl',
        f'lower({_DN}) eq "cn=test root ca"',
        f'concat({_DN}, {_DN}_legacy) eq "x"',
    ],
)
def test_an_issuer_that_is_trusted_is_fine(source: str) -> None:
    assert _found(source) == []


def test_an_issuer_that_no_certificate_has_is_told_once() -> None:
    assert [one.code for one in _found(f'{_SKI} eq "AA:BB"')] == ["literal_never_equal"]
    assert [one.code for one in _found(f'{_DN} eq "/CN=Test Root CA"')] == ["never_true"]
    assert [one.code for one in _found(f'starts_with({_DN}, "/CN=")')] == ["never_true"]


def test_a_name_with_other_letters_is_the_same_name() -> None:
    trust = (authority(root("Acme Root"), name="acme"),)

    (found,) = _found(f'{_DN} in {{"cn=Acme Root"}}', trust=trust)
    assert found.code == "never_true"
    (found,) = _found(f'{_DN} eq "CN=acme root"', trust=trust)
    assert found.suggestion == f'{_DN} eq "CN=Acme Root"'


def test_another_issuer_is_not_proposed() -> None:
    trust = (authority(root("Acme CA 1"), name="acme"),)
    mine = site(_skip(f'{_DN} eq "CN=Acme CA 2"'), rule("true"), trust=trust)

    (found,) = (one for one in snapshot(mine).findings if one.code == "issuer_not_trusted")

    assert (found.suggestion, found.hint) == (None, "those trusted have CN=Acme CA 1 (acme)")


def test_many_issuers_are_not_all_named() -> None:
    trust = tuple(authority(root(f"CA {n}"), name=f"ca{n}") for n in range(6))

    (found,) = _found(f'{_DN} eq "O=Elsewhere"', trust=trust)

    assert found.hint is not None
    assert found.hint.endswith("CN=CA 3 (ca3) and 2 more")


_PIN = f'{_TLS}cert_fingerprint_sha256 eq "{"ab" * 32}"'
_PATH, _ELSEWHERE = 'http.request.uri.path in {"/a"}', 'http.host eq "other.test"'


def _admission(source: str, action: Action, *, trusts: bool) -> set[str]:
    skip = SkipParameters(current=True) if action is Action.SKIP else None
    trust = (authority(root(), name="a"), authority(root("B"), name="b")) if trusts else ()
    mine = site(rule(source, action=action, skip=skip), hosts=("api.example",), trust=trust)
    return {found.code for found in snapshot(mine).findings}


@pytest.mark.parametrize(
    ("source", "action", "elsewhere"),
    [
        (f"not {_V}", Action.BLOCK, {"revoked_not_checked", "issuer_not_checked"}),
        (f"not {_V} and {_PATH}", Action.BLOCK, {"revoked_not_checked", "issuer_not_checked"}),
        (f"{_V} and {_PATH}", Action.SKIP, {"revoked_not_checked", "issuer_not_checked"}),
        (f"{_R} or {_PATH}", Action.SKIP, {"revoked_admitted"}),
    ],
)
def test_where_nobody_is_verified_nobody_is_revoked(
    source: str, action: Action, elsewhere: set[str]
) -> None:
    assert _admission(source, action, trusts=False) == {"never_here"}
    assert _admission(source, action, trusts=True) == elsewhere


@pytest.mark.parametrize(
    ("source", "action"),
    [
        (f"{_ELSEWHERE} and not {_V}", Action.BLOCK),
        (f"{_ELSEWHERE} and {_V}", Action.SKIP),
        (f"{_ELSEWHERE} and {_PIN}", Action.SKIP),
    ],
)
def test_whom_a_rule_lets_in_is_not_asked_where_it_never_matches(
    source: str, action: Action
) -> None:
    assert _admission(source, action, trusts=True) == {"never_here"}
    assert "never_here" not in _admission(source.partition(" and ")[2], action, trusts=True)


def test_whom_a_rule_lets_in_is_asked_where_it_may_match() -> None:
    assert "revoked_not_checked" in _admission(
        f"not {_ELSEWHERE} and {_V}", Action.SKIP, trusts=True
    )
    # Always true here, which is how rules are written.
    assert "revoked_not_checked" in _admission(
        f'http.host eq "api.example" or not {_V}', Action.BLOCK, trusts=True
    )
