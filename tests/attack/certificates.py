# SPDX-License-Identifier: Apache-2.0
"""The certificates that requests of the corpus come with: everything valid but what the name says.

Keys and times are fixed, so that they are the same in every run. `CERTIFICATES` has them by name;
`GOOD_FOR` says which authority each is good for, which is the word of whoever made them and not of
the code under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from authz.demo.pki import (
    ANY_USAGE,
    CLIENT_AUTH,
    DAY,
    SERVER_AUTH,
    Issued,
    common_name,
    key_usage,
    make_root,
)
from tests.factories.pki import AT, KeyKind, fixed_key, root, self_signed

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import GeneralName

ACME: Final = root("Acme Root CA")
PARTNER: Final = root("Partner Root CA")
STALE: Final = root("Stale Root CA")
#: Issues the certificate of the proxy in front, and nothing else.
#: Envoy verifies it, and Envoy has the real time.
_FOR_EVER: Final = 253402300799.0
PROXIES: Final = make_root(
    "Proxy CA", at=AT, key=fixed_key("proxies"), serial=1, not_after=_FOR_EVER
)
#: Of the same name as the one that is trusted, with a key of its own.
IMPOSTOR: Final = root("Impostor").intermediate(
    "Impostor", subject=ACME.subject, key=fixed_key("impostor"), serial=77
)
LISTED: Final = ACME.intermediate("Acme Issuing CA", key=fixed_key("listed"), serial=11)
UNLISTED: Final = ACME.intermediate("Acme Unlisted CA", key=fixed_key("unlisted"), serial=12)
FOR_SERVERS: Final = ACME.intermediate(
    "Acme Server CA", key=fixed_key("for servers"), serial=13, eku=[SERVER_AUTH]
)
SHORT: Final = ACME.intermediate("Acme Short CA", key=fixed_key("short"), serial=14, path_length=0)
TOO_LONG: Final = SHORT.intermediate("Acme Long CA", key=fixed_key("long"), serial=15)
CONSTRAINED: Final = ACME.intermediate(
    "Acme Constrained CA",
    key=fixed_key("constrained"),
    serial=16,
    name_constraints=x509.NameConstraints([x509.DNSName("acme.example")], None),
)
#: Everything of Acme's that its sites trust. (An intermediate for servers would be refused in it.)
BUNDLE: Final = (ACME, LISTED, SHORT, TOO_LONG, CONSTRAINED)

_PRIVATE: Final = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
_numbers = iter(range(100, 1000))


def _client(issuer: Issued = ACME, name: str = "client", **changes: object) -> Issued:
    number = next(_numbers)
    wanted = {"key": fixed_key(f"{name} {number}"), "serial": number, **changes}
    return issuer.client(name, **wanted)  # type: ignore[arg-type]


def _named(common: str, *san: GeneralName) -> Issued:
    return _client(name=common, san=list(san) or None)


def _signed_by_impostor(name: str) -> Issued:
    """Says that Acme issued it, key identifier and all, and is signed with another key."""
    return _client(name=name, signed_by=fixed_key("impostor"), authority_key_id=_key_id_of(ACME))


def _key_id_of(issued: Issued) -> x509.AuthorityKeyIdentifier:
    found = issued.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _raw_name(value: bytes) -> x509.Name:
    """A common name of any bytes, as a T61String takes them."""
    return x509.Name(
        [
            x509.NameAttribute(
                NameOID.COMMON_NAME, value.decode("latin-1"), x509.name._ASN1Type.T61String
            )
        ]
    )


def _large(size: int) -> Issued:
    padding = x509.UnrecognizedExtension(_PRIVATE, b"x" * size)
    return _client(name="large", extensions=[(padding, False)])


CERTIFICATES: Final[dict[str, Issued]] = {
    "valid": _named("alice"),
    "second": _named("bob"),
    "via-listed": _client(LISTED),
    "no-usage": _client(eku=None),
    "any-usage": _client(eku=[ANY_USAGE]),
    "servers-and-clients": _client(eku=[SERVER_AUTH, CLIENT_AUTH]),
    "year-9999": _client(not_after=_FOR_EVER),
    "long-serial": _client(serial=2**158 + 1),
    "large": _large(20_000),
    # --- nobody vouches for them
    "self-signed": self_signed("alice", serial=31),
    "partner": _client(PARTNER, "alice"),
    "via-unlisted": _client(UNLISTED),
    "of-the-same-name": _client(IMPOSTOR, "alice"),
    "forged-signature": _signed_by_impostor("alice"),
    "proxy": _client(PROXIES, "front-proxy", not_before=AT, not_after=_FOR_EVER),
    # --- of the right authority, and not good
    "expired": _client(name="alice", not_before=AT - 30 * DAY, not_after=AT - 1),
    "not-yet-valid": _client(name="alice", not_before=AT + DAY),
    "for-servers": _client(eku=[SERVER_AUTH]),
    "unknown-usage": _client(eku=[_PRIVATE]),
    "issuer-for-servers": _client(FOR_SERVERS),
    "path-too-long": _client(TOO_LONG),
    "name-not-permitted": _client(CONSTRAINED, san=[x509.DNSName("other.example")]),
    "authority": ACME.intermediate("alice", key=fixed_key("ca leaf"), serial=32),
    "says-it-is-an-authority": _client(
        basic_constraints=x509.BasicConstraints(ca=True, path_length=None),
        key_usage=key_usage("digital_signature", "key_cert_sign"),
    ),
    "signed-by-a-client": _client(_client(name="mallory"), "alice"),
    "unknown-critical": _client(
        extensions=[(x509.UnrecognizedExtension(_PRIVATE, b"\x05\x00"), True)]
    ),
    "rsa-1024": _client(key=fixed_key("weak", KeyKind.RSA1024)),
    "curve-k1": _client(key=fixed_key("curve", KeyKind.SECP256K1)),
    "oversized": _large(70_000),
    "stale": _client(STALE, "alice"),
    # --- revoked
    "revoked-by-serial": _client(name="alice"),
    "revoked-by-crl": _client(name="alice"),
    # --- names that break headers, logs and comparisons; verified all the same
    "crlf": _named("eve\r\nx-injected: 1\r\n\r\nGET /admin"),
    "header-like": _named('eve", cf-cert-verified: true; Hash=00,By=x'),
    "xfcc-like": _named('x";Hash=00;Subject="CN=alice"'),
    "nul": _named("alice\0.example"),
    "controls": _named("a\x1b[31m\x07\x7f"),
    "not-ascii": _named("Zoë Ünïcode ✓"),
    "percent": _named("a%0d%0ax-injected: 1"),
    "blanks": _named(" alice "),
    "not-utf-8": _client(subject=_raw_name(b"al\xffice\xc0\xaf")),
    "two-names": _client(
        subject=x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "bob"),
                x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
            ]
        )
    ),
    "comma-in-name": _named("bob,CN=alice"),
    "no-name": _client(subject=common_name("")),
    "san-nul": _named("eve", x509.DNSName("good.example\0.evil.example")),
    "san-quoting": _named("eve", x509.DNSName('a";Hash=00;URI=spiffe://acme/alice')),
    "san-crlf": _named("eve", x509.UniformResourceIdentifier("spiffe://a/\r\nx-injected:1")),
    "san-other-name": _named("eve", x509.OtherName(_PRIVATE, b"\x0c\x10good\0.evil.test!")),
}

#: Everything from here on is verified for Acme, however odd its names are.
_ODD: Final = tuple(CERTIFICATES)[tuple(CERTIFICATES).index("crlf") :]

#: The authority whose sites each certificate is good for: verified there and not revoked.
GOOD_FOR: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            *("valid", "second", "via-listed", "no-usage", "any-usage", "servers-and-clients"),
            *("year-9999", "long-serial", "large"),
            *_ODD,
        ),
        "acme",
    ),
    "partner": "partner",
}


def write_certificates(directory: Path) -> None:
    """`NAME.pem` of each: the certificate, what it was issued through, and the key."""
    for name, issued in CERTIFICATES.items():
        (directory / f"{name}.pem").write_bytes(issued.chain_pem + issued.key_pem)


def write_trust(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """The trust of each kind of site, its files written to `directory`."""
    for name, certificates in (
        ("acme", BUNDLE),
        ("partner", (PARTNER,)),
        ("stale", (STALE,)),
    ):
        (directory / f"{name}.crt").write_bytes(b"".join(one.pem for one in certificates))
    revoked = CERTIFICATES["revoked-by-crl"].serial
    (directory / "acme.crl").write_bytes(ACME.crl([revoked]).pem)
    (directory / "stale.crl").write_bytes(STALE.crl(next_update=AT - 1, this_update=AT - DAY).pem)
    serial = f"{CERTIFICATES['revoked-by-serial'].serial:X}"
    return {
        "acme": [
            {
                "name": "acme",
                "certificates": ["acme.crt"],
                "crls": ["acme.crl"],
                "revoked_serials": [serial],
                # One list for the whole bundle: of the authorities below the root there is none.
                "revocation": "soft",
            }
        ],
        "partner": [{"name": "partner", "certificates": ["partner.crt"]}],
        "stale": [{"name": "stale", "certificates": ["stale.crt"], "crls": ["stale.crl"]}],
        "nobody": [],
    }
