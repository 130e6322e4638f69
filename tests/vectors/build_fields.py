# SPDX-License-Identifier: Apache-2.0
"""Makes tests/vectors/fields/certificates.json: certificates and what OpenSSL prints of them.

The oracle is the `openssl x509` command, never our own code. Keys and signatures are deterministic:
running it again changes nothing unless a certificate or OpenSSL's mind changed.

    python -m tests.vectors.build_fields
"""

from __future__ import annotations

import json
import ssl
import subprocess
import warnings
from pathlib import Path

from cryptography import x509
from cryptography.x509.name import _ASN1Type as Type
from cryptography.x509.oid import NameOID

from tests.factories.pki import AT, Issued, fixed_key, resign, root

OUTPUT = Path(__file__).parent / "fields" / "certificates.json"
ORIGIN = "made by tests/vectors/build_fields.py; expected values printed by openssl x509"


def main() -> None:
    """Write the file."""
    cases = [
        {"id": name, "description": text, "pem": _pem(der), "expect": openssl_values(der)}
        for name, text, der in certificates()
    ]
    document = {"origin": ORIGIN, "cases": cases}
    OUTPUT.write_text(json.dumps(document, indent=1, ensure_ascii=True) + "\n")


def certificates() -> list[tuple[str, str, bytes]]:
    """Id, description and DER of every case."""
    made: list[tuple[str, str, bytes]] = []
    for number, (name, text, rdns) in enumerate(_names(), 1):
        subject = x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in rdns])
        made.append((name, text, _client(subject, serial=1000 + number).der))
    plain = x509.Name([_at(NameOID.COMMON_NAME, "plain")])
    for name, serial in (
        ("one_digit", 5),
        ("high_bit", 0x80),
        ("odd_digits", 0xABC),
        ("twenty_octets", (1 << 159) - 1),
    ):
        made.append((f"serial/{name}", "serial number in whole bytes", _client(plain, serial).der))
    for name, moment in (
        ("single_digit_day", 1772366400.0 - 12 * 3600),
        ("utc_time_end", 2524607999.0),
        ("generalized_time", 2524608000.0),
        ("no_end", 253402300799.0),
    ):
        made.append((f"time/{name}", "notAfter as printed", _client(plain, 77, moment).der))
    made.append(("ski/absent", "no subject key identifier", _client(plain, 78, ski=None).der))
    made.append(("ski/short", "one byte", _client(plain, 79, ski=b"\x01").der))
    made += _damaged()
    return made


def openssl_values(der: bytes) -> dict[str, str]:
    """What OpenSSL prints, under the names of our properties."""
    rfc2253 = _openssl(der, "-subject", "-issuer", "-nameopt", "rfc2253")
    compat = _openssl(der, "-subject", "-issuer", "-nameopt", "compat")
    rest = _openssl(der, "-serial", "-dates")
    values = {
        "subject_dn_rfc2253": rfc2253["subject"],
        "issuer_dn_rfc2253": rfc2253["issuer"],
        "subject_dn_legacy": compat["subject"],
        "issuer_dn_legacy": compat["issuer"],
        "serial": rest["serial"],
        "not_before": rest["notBefore"],
        "not_after": rest["notAfter"],
    }
    for algorithm in ("sha256", "sha1"):
        (print_,) = _openssl(der, "-fingerprint", f"-{algorithm}").values()
        values[f"fingerprint_{algorithm}"] = print_.replace(":", "").lower()
    values["ski"] = _identifier(der, "subjectKeyIdentifier")
    values["authority_key_id"] = _identifier(der, "authorityKeyIdentifier")
    return values


def _names() -> list[tuple[str, str, list[list[x509.NameAttribute]]]]:
    cn = NameOID.COMMON_NAME
    one = [
        ("plain", "one attribute", [_at(cn, "alice")]),
        ("specials", 'every escaped character: , + " \\ < > ;', [_at(cn, 'a,b+c"d\\e<f>g;h')]),
        ("spaces_outside", "a space at both ends", [_at(cn, " alice ")]),
        ("spaces_inside", "spaces that are not at an end", [_at(cn, "a  b")]),
        ("single_space", "only a space", [_at(cn, " ")]),
        ("hash_first", "# at the beginning", [_at(cn, "#a#b")]),
        ("hash_alone", "only #", [_at(cn, "#")]),
        ("equals", "= is not escaped", [_at(cn, "a=b")]),
        ("slash_and_plus", "separators of the one-line form", [_at(cn, "a/CN=b+c")]),
        ("utf8", "beyond ASCII in UTF8String", [_at(cn, "Zoë 漢字 😀")]),
        ("controls", "control characters", [_at(cn, "a\nb\tc\x7fd\x00e")]),
        ("bmp", "BMPString", [_at(cn, "Zoë 漢", Type.BMPString)]),
        ("universal", "UniversalString", [_at(cn, "Zoë 漢 😀", Type.UniversalString)]),
        ("t61", "T61String is read as Latin-1", [_at(cn, "Zo\xeb", Type.T61String)]),
        ("ia5_email", "emailAddress", [_at(NameOID.EMAIL_ADDRESS, "a@b.test", Type.IA5String)]),
        ("numeric", "NumericString", [_at(NameOID.SERIAL_NUMBER, "0123", Type.NumericString)]),
        ("domain", "DC and UID", [_at(NameOID.DOMAIN_COMPONENT, "test", Type.IA5String)]),
        ("user_id", "UID", [_at(NameOID.USER_ID, "u1")]),
        ("unknown", "an attribute type nobody knows", [_at("1.2.3.4.5", "value")]),
        ("unknown_big", "large arcs", [_at("2.999.1234567890123", "v")]),
        ("empty_value", "an empty value", [_at(cn, "")]),
        ("title", "a known name spelled out", [_at(NameOID.TITLE, "Dr")]),
        ("surname", "SN is the surname, not a serial number", [_at(NameOID.SURNAME, "Royal")]),
        ("bits", "a BIT STRING", [_at(NameOID.X500_UNIQUE_IDENTIFIER, b"\0\x5a", Type.BitString)]),
        ("multi", "a multi-valued RDN", [_at(cn, "alice"), _at(NameOID.USER_ID, "u1")]),
    ]
    cases = [(f"name/{name}", text, [rdn]) for name, text, rdn in one]
    cases.append(("name/empty", "the empty subject", []))
    cases.append(
        (
            "name/cloudflare",
            "the example of Cloudflare's fields reference",
            [
                [_at(NameOID.COUNTRY_NAME, "US", Type.PrintableString)],
                [_at(NameOID.STATE_OR_PROVINCE_NAME, "Texas")],
                [_at(NameOID.LOCALITY_NAME, "Austin")],
                [_at(NameOID.ORGANIZATION_NAME, "Access")],
                [_at(NameOID.ORGANIZATIONAL_UNIT_NAME, "Access Admins")],
                [_at(cn, "James Royal")],
            ],
        )
    )
    cases.append(
        (
            "name/multi_between",
            "a multi-valued RDN between others",
            [
                [_at(NameOID.COUNTRY_NAME, "US", Type.PrintableString)],
                [_at(NameOID.ORGANIZATION_NAME, "Acme"), _at(cn, "a"), _at("1.2.3.4", "x")],
                [_at(NameOID.ORGANIZATIONAL_UNIT_NAME, "u"), _at(NameOID.LOCALITY_NAME, "l")],
            ],
        )
    )
    return cases


def _damaged() -> list[tuple[str, str, bytes]]:
    """Names that no builder makes: the value's tag is changed and the rest signed again."""
    cn = NameOID.COMMON_NAME
    cases = []
    for name, text, before, after in (
        ("sequence", "a SEQUENCE as a value", b"\x0c\x03xyz", b"\x30\x03\x02\x01\x05"),
    ):
        made = _client(x509.Name([_at(cn, before[2:].decode())]), 2000)
        der = resign(made.certificate, root().key, (before, after))
        cases.append((f"damaged/{name}", text, der))
    return cases


def _at(
    oid: str | x509.ObjectIdentifier, value: str | bytes, kind: Type = Type.UTF8String
) -> x509.NameAttribute:
    wanted = oid if isinstance(oid, x509.ObjectIdentifier) else x509.ObjectIdentifier(oid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The length of a CN, which is the point of some cases.
        return x509.NameAttribute(wanted, value, kind, _validate=False)  # type: ignore[arg-type]


def _client(
    subject: x509.Name, serial: int, not_after: float = AT + 86400, ski: bytes | None = b"\xab" * 20
) -> Issued:
    key = fixed_key("fields")
    return root().client(
        subject=subject, serial=serial, key=key, not_after=not_after, subject_key_id=ski
    )


def _pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)


def _run(der: bytes, *arguments: str) -> str:
    command = ["openssl", "x509", "-inform", "DER", "-noout", *arguments]
    return subprocess.run(command, input=der, capture_output=True, check=True).stdout.decode()


def _openssl(der: bytes, *arguments: str) -> dict[str, str]:
    lines = _run(der, *arguments).splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _identifier(der: bytes, extension: str) -> str:
    lines = _run(der, "-ext", extension).splitlines()
    text = lines[1].strip() if len(lines) > 1 else ""
    return text.removeprefix("keyid:").replace(":", "")


if __name__ == "__main__":
    main()
