# SPDX-License-Identifier: Apache-2.0
"""What is known of values at the sites that have a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.certs.certificate import Certificate
from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.policy.fields import SCHEME, field_values
from authz.policy.hosts import HostTable
from authz.policy.lint_here import Here, KnownIssuer, Places
from authz.policy.model import PolicyModel, RuleModel, SiteModel
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.lint_worlds import ISSUER_FIELDS
from tests.factories.pki import AT, authority, intermediate, presented, root
from tests.factories.policies import facts, rule, site

if TYPE_CHECKING:
    from authz.rules.ast import Comparison

_TLS = "cf.tls_client_auth."


def _here(*sites: SiteModel, of: RuleModel) -> Here:
    hosts: HostTable[str] = HostTable()
    for one in sites:
        for host in one.hosts:
            hosts.add(host, one.name)
    bundles = [compile_trust(one.trust) for one in sites]
    places = Places(PolicyModel(sites=sites), bundles, lambda host: hosts.find(host.encode()))
    assert places.of(of) is places.of(of)
    return places.of(of)


def _known(source: str, here: Here) -> bool | None:
    known = here.known(parse(source, SCHEME).root)
    return None if known is None else known.value


_SSL = rule("ssl")


def test_sites_that_have_a_rule_with_the_same_condition_are_taken_together() -> None:
    other, off = rule("ssl", ref="other"), rule("ssl", ref="off", enabled=False)
    here = _here(
        site(_SSL, name="a", hosts=("a.example",)),
        site(other, name="b", hosts=("b.example",), trust=()),
        site(off, name="c", hosts=("c.example",)),
        site(name="d", hosts=("*",)),
        of=_SSL,
    )

    assert here.sites == ("a", "b")
    assert here.hosts == ("a.example", "b.example")
    assert len(here.issuers) == 1
    assert here.serves(b"b.example")
    assert not here.serves(b"c.example")


def test_a_site_has_one_name_and_the_hosts_that_it_answers_for() -> None:
    here = _here(site(_SSL, hosts=("A.example", "b.example")), of=_SSL)

    assert _known('authz.site eq "api"', here) is True
    assert _known('cf.zone.name in {"web"}', here) is False
    assert _known('http.host in {"a.example" "b.example"}', here) is True
    assert _known('http.host eq "a.example"', here) is None
    assert _known('ends_with(http.host, ".org")', here) is False
    assert _known('lower(http.host) eq "c.example"', here) is False
    assert _known('http.host eq "" or ssl', here) is None
    assert _known("ssl", here) is None
    assert _known(_TLS + "cert_verified", here) is None


def test_of_a_wildcard_only_whole_hosts_are_known() -> None:
    here = _here(
        site(_SSL, hosts=("*.a.example",)), site(name="b", hosts=("b.a.example",)), of=_SSL
    )

    assert _known('http.host eq "b.a.example"', here) is False
    assert _known('http.host ne "a.example"', here) is True
    assert _known('http.host in {"b.a.example" "a.example"}', here) is False
    assert _known('http.host in {"b.a.example" "c.a.example"}', here) is None
    # What no host is, and one that is not known, is another matter.
    assert _known('http.host eq "bücher.example"', here) is None
    assert _known('http.host eq ""', here) is None
    assert _known('ends_with(http.host, ".org")', here) is None
    assert _known('lower(http.host) eq "x.example"', here) is None


def test_a_catch_all_answers_for_what_nobody_else_does() -> None:
    here = _here(site(_SSL), site(name="b", hosts=("b.example",)), of=_SSL)

    assert _known('http.host eq "b.example"', here) is False
    assert _known('http.host eq "any.example"', here) is None


def test_many_hosts_are_looked_up_and_not_gone_through() -> None:
    here = _here(site(_SSL, hosts=tuple(f"h{n}.example" for n in range(300))), of=_SSL)

    assert "http.host" not in here.words
    assert _known('http.host eq "h299.example"', here) is None
    assert _known('http.host eq "x.example"', here) is False
    assert here.answers_for.endswith("h3.example and 296 more only")


def test_a_list_is_data() -> None:
    here = _here(site(_SSL, hosts=("a.example",)), of=_SSL)
    names = compile_list(ListModel(name="names", kind=ListKind.STRING, items=("x",)))
    leaf = parse("http.host in $names", SCHEME, {"names": names}).root

    assert here.known(leaf) is None


def test_nobody_is_verified_where_no_authority_is_trusted() -> None:
    here = _here(site(_SSL, trust=()), of=_SSL)
    trust = compile_trust(())

    assert identify(presented(root().client("alice")), trust, AT).verified is False
    assert _known(_TLS + "cert_verified", here) is False
    assert _known(_TLS + "cert_revoked", here) is False
    assert _known(_TLS + 'cert_issuer_ski eq "AA"', here) is False
    assert _known(_TLS + 'cert_issuer_ski eq ""', here) is True


def test_the_issuer_has_the_values_that_the_fields_show() -> None:
    trust = compile_trust((authority(root(), name="acme"),))
    who = identify(presented(root().client("alice")), trust, AT)
    values = field_values(facts(), who, "api", b"/", AT)
    known = KnownIssuer.of("acme", Certificate.from_der(root().der))

    assert who.verified
    assert known.values == {name: values[name] for name in ISSUER_FIELDS}


def test_every_certificate_of_an_authority_may_be_an_issuer() -> None:
    both = authority(root(), intermediate(), name="acme")
    here = _here(site(_SSL, trust=(both,)), of=_SSL)

    assert [one.authority for one in here.issuers] == ["acme", "acme"]


@pytest.mark.parametrize(
    ("source", "never"),
    [
        ('http.host in {"a.example" "x.example"}', [b"x.example"]),
        ('http.host ne "x.example"', [b"x.example"]),
        ('http.host in {"a.example" "x:80" ""}', []),
        ('authz.site in {"api" "web"}', [b"web"]),
        ('http.cookie eq "x"', []),
        ('lower(http.host) eq "x.example"', []),
        ('http.host contains "x"', []),
        ('http.host matches "x"', []),
        ("http.request.timestamp.sec in {1}", []),
    ],
)
def test_literals_that_are_never_equal_here(source: str, never: list[bytes]) -> None:
    here = _here(site(_SSL, hosts=("a.example",)), of=_SSL)
    leaf: Comparison = parse(source, SCHEME).root  # type: ignore[assignment]

    assert here.never(leaf) == never


def test_places_are_named_in_words() -> None:
    names = "abcdef"
    sites = [site(_SSL, name=name, hosts=(f"{name}.example",), trust=()) for name in names]
    here = _here(*sites, of=_SSL)

    assert here.place == 'sites "a", "b", "c", "d" and 2 more'
    assert here.trusts_nobody == f"{here.place} trust no authority, so nobody is verified"
    assert here.answers_for.startswith(f"{here.place} answer for a.example, ")
