# SPDX-License-Identifier: Apache-2.0
"""What a check seldom meets: certificates that are no good in a way of their own, expressions that
ordinary rules do not have, and bodies that are hard to read. A part of the policy of `world`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel
from authz.certs.pem import write_pem
from authz.policy.model import Action, RuleModel, SiteModel
from authz.rules.lists import ListKind, ListModel
from tests.factories.pki import (
    AT,
    Issued,
    KeyKind,
    authority,
    fixed_key,
    intermediate,
    presented,
    resign,
    root,
    url_encoded,
)
from tests.factories.policies import rule, site

HOST: Final = "rare.test"
SPLIT_HOST: Final = "split.test"
_URL: Final = "http://pki.example.com/crl"

#: Everything that generated code can be made of, each where it is evaluated whatever the rest says.
_EXPRESSIONS: Final = (
    'url_decode(http.request.uri.query) eq "x"',
    'url_decode(http.request.uri.query, "u") eq "x"',
    'url_decode(http.request.uri.query, "ur") eq "x"',
    'any((http.request.headers["x-a"][*] eq "a" and http.request.headers["x-b"][*] eq "b"))',
    'any((http.request.headers["x-a"][*] eq "a" or http.request.headers["x-b"][*] eq "b"))',
    'any((http.request.headers["x-a"][*] eq "a" xor http.request.headers["x-b"][*] eq "b"))',
    'all(starts_with(http.request.headers["x-a"][*], "a"))',
    'any(lower(http.request.headers[*][*])[*] eq "x")',
    'any(http.request.accepted_languages[*] eq "de")',
    'concat(http.request.headers["x-a"], http.request.headers["x-b"])[0] eq "x"',
    'substring(http.host, 1) eq "x"',
    'concat(http.host, "/") eq "x"',
    'remove_bytes(http.host, "a") eq "x"',
    'decode_base64(http.request.headers["x-b"][0]) eq "x"',
    'coalesce(http.request.headers["x-c"][0], "y") eq "x"',
    'join(http.request.headers["x-a"], ",") eq "x"',
    'has_value(http.request.headers.names, "x")',
    'lookup_json_string(http.request.body.raw, "a", "b") eq "x"',
    'lookup_json_integer(http.request.body.raw, "n") eq 7',
    'is_timed_hmac_valid_v0("k", http.request.uri.query, 60, http.request.timestamp.sec, 1)',
    'is_timed_hmac_valid_v0("k", http.request.uri.query, 60, http.request.timestamp.sec, 1, "s")',
    *(f"ip.src {operator} 198.51.100.7" for operator in ("eq", "ne", "ge", "le", "gt", "lt")),
    "cidr(ip.src, 24, 64) eq 198.51.100.0",
    "cidr6(ip.src, 64) eq 198.51.100.0",
    "http.request.timestamp.sec in {1 3 5..9}",
    'http.host wildcard "r*"',
    'http.host wildcard "*t"',
    'http.host wildcard "r*t*t"',
    'http.host strict wildcard "r*"',
    'http.host strict wildcard "*t"',
    "http.host in $suffixes",
    "cf.tls_client_auth.cert_fingerprint_sha256 in $lower",
    "cf.tls_client_auth.cert_fingerprint_sha256 in $upper",
    "cf.tls_client_auth.cert_fingerprint_sha256 in $mixed",
    'cf.tls_client_auth.cert_subject_dn eq "x"',
    'cf.tls_client_auth.cert_subject_dn_legacy eq "x"',
    'any(authz.cert.san.dns[*] eq "x")',
    'any(http.request.jwt.claims.aud.names[*] eq "x")',
    'any(http.request.jwt.claims.aud.values[*] eq "x")',
    "any(http.request.jwt.claims.iat.sec.values[*] eq 1)",
)


def sites() -> tuple[SiteModel, ...]:
    """A site that knows every rare expression."""
    rules: list[RuleModel] = [
        rule(source, ref=f"rare-{number}", action=Action.LOG)
        for number, source in enumerate(_EXPRESSIONS)
    ]
    return (
        site(
            *rules,
            rule(),
            # An address that cannot be read is none inside, whatever made it so.
            rule('http.request.uri.path eq "/inside" and not ip.src in $office', ref="inside"),
            name="rare",
            hosts=(HOST,),
            trust=(authority(root(), intermediate()),),
        ),
        site(
            rule(),
            name="split",
            hosts=(SPLIT_HOST,),
            trust=(_split_authority(),),
        ),
    )


def lists() -> tuple[ListModel, ...]:
    """The lists that those expressions name."""
    return (
        ListModel(name="suffixes", kind=ListKind.HOSTNAME, items=("*.rare.test", "rarer.test")),
        ListModel(name="lower", kind=ListKind.STRING, items=("ab" * 32,)),
        ListModel(name="upper", kind=ListKind.STRING, items=("AB" * 32,)),
        ListModel(name="mixed", kind=ListKind.STRING, items=("ab" * 32, "CD" * 32)),
    )


@cache
def certificates() -> dict[str, str]:
    """Certificates as Envoy hands them over, by what they are for."""
    mail = _issuer(
        "Mail CA",
        name_constraints=x509.NameConstraints([x509.RFC822Name("example.com")], None),
    )
    names = _issuer(
        "Names CA", name_constraints=x509.NameConstraints([x509.DNSName("example.org")], None)
    )
    short = _issuer("Short CA", path_length=0)
    below = short.intermediate("Below CA", key=fixed_key("Below CA"))
    # One issuer by its key and name, two certificates of it, and each is no good in its own way.
    late = _issuer("Twice CA", not_after=AT - 1, serial=1)
    unfit = _issuer("Twice CA", eku=[ExtendedKeyUsageOID.SERVER_AUTH], serial=2)
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(70_000))
    many = [x509.DNSName(f"name-{number}.example.com") for number in range(200)]
    made = {
        "rsa": (_client("rsa", kind=KeyKind.RSA2048),),
        "weak": (_client("weak", kind=KeyKind.RSA1024),),
        "edwards": (_client("edwards", kind=KeyKind.ED25519),),
        "server": (_client("server", eku=[ExtendedKeyUsageOID.SERVER_AUTH]),),
        "large": (_client("large", extensions=[(padding, False)]),),
        "names": (_client("names", san=many),),
        "mail": (_client("mail", mail, subject=_mail_subject()), mail),
        "named": (_client("named", names, san=[x509.DNSName("example.com")]), names),
        "deep": (_client("below", below), below, short),
        "twice": (_client("twice", late), late, unfit),
        "wide": (_client("wide", subject=_wide_subject()),),
        **{
            name: (_client(name, split_root(), extensions=[(_points(url), False)]),)
            for name, url in (("listed", _URL), ("of no part", f"{_URL}/2"))
        },
    }
    return {
        **{name: presented(*chain).certificate for name, chain in made.items()},
        "chain": presented(_client("chain"), *(_issuer(f"CA {n}") for n in range(9))).certificate,
        "general": _general(),
        "broken": url_encoded(write_pem(b"\x30\x03\x02\x05\x01", "CERTIFICATE")),
    }


def split_root() -> Issued:
    """A CA whose CRL is split over distribution points, of which one is here."""
    return root("Split CA")


def _split_authority() -> AuthorityModel:
    point = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(_URL)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    complete = split_root().crl([1, 2], number=5, scope=point)
    delta = split_root().crl([3], removed=[2], number=6, base_number=5, scope=point)
    return replace(
        authority(split_root(), name="split", crls=[complete.der, delta.der]),
        crl_urls=(CRLS_OF_CERTIFICATES,),
    )


def _points(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


def _issuer(name: str, **changes: object) -> Issued:
    return root().intermediate(name, key=fixed_key(name), **changes)  # type: ignore[arg-type] # one of Changes


def _client(
    name: str, issuer: Issued | None = None, kind: KeyKind = KeyKind.P256, **changes: object
) -> Issued:
    by = issuer or root()
    return by.client(name, key=fixed_key(name, kind), **changes)  # type: ignore[arg-type] # one of Changes


def _mail_subject() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "mallory@example.net")])


def _wide_subject() -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "b\xfccher", _ASN1Type.BMPString),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b\xfccher", _ASN1Type.UniversalString),
        ]
    )


def _general() -> str:
    """A name of the kind GeneralString, four bytes a character, which no builder writes."""
    plain = _client("8 letter")
    der = resign(plain.certificate, root().key, (b"\x0c\x088 letter", b"\x1b\x08\0\0\0a\0\0\0b"))
    return url_encoded(write_pem(der, "CERTIFICATE"))
