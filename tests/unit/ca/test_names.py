# SPDX-License-Identifier: Apache-2.0
"""Subjects and alternative names are checked when they are made."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509

from authz.ca.names import AlternativeNames, KeptName, Subject, http_url
from authz.certs.names import parse_name, value_text
from authz.errors import InvalidRequestError


def test_a_subject_is_written_in_its_order() -> None:
    subject = Subject((("common_name", "Zoë"), ("country", "DE"), ("serial_number", "7")))
    parsed = [(one.oid, value_text(one)) for one in parse_name(subject.der)]

    assert parsed == [("2.5.4.3", "Zoë"), ("2.5.4.6", "DE"), ("2.5.4.5", "7")]
    assert subject.common_name == "Zoë"
    assert subject.value("organization") == ""
    assert subject.dn == "serialNumber=7,C=DE,CN=Zo\\C3\\AB"


def test_a_subject_is_made_of_keywords() -> None:
    subject = Subject.of(
        "alice",
        organization="Acme",
        organizational_unit="Ops",
        location="Bonn",
        state="NRW",
        country="DE",
        serial_number="1",
    )

    assert subject.dn == "serialNumber=1,CN=alice,OU=Ops,O=Acme,L=Bonn,ST=NRW,C=DE"
    assert Subject.of().attributes == ()
    assert Subject.of().der == b"\x30\x00"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("common_name", "", "the common name is empty"),
        ("common_name", "  ", "the common name is empty"),
        ("common_name", " admin", "the common name begins or ends with a blank"),
        ("organizational_unit", "ops ", "the organizational unit begins or ends with a blank"),
        ("common_name", "x" * 65, "the common name has 65 characters"),
        ("location", "x" * 129, "the location has 129 characters"),
        ("country", "de", "not a code of two capital letters"),
        ("country", "D", "not a code of two capital letters"),
        ("serial_number", "#1", "a PrintableString cannot have"),
        ("organization", "a\nb", "control characters"),
        ("common_name", "a\0b", "control characters"),
        ("common_name", "a\u202eb", "control characters"),
        ("organization", "a\u200bb", "cannot be seen"),
        ("organization", "a\u3164", "cannot be seen"),
        ("common_name", "admin\ufe0f", "cannot be seen"),
        ("common_name", "ad\u034fmin", "cannot be seen"),
        ("common_name", " admin", "begins or ends with a blank"),
        ("organization", "Acme ", "begins or ends with a blank"),
        ("location", "\u00a0Berlin", "begins or ends with a blank"),
        ("organizational_unit", "\tops", "begins or ends with a blank"),
    ],
)
def test_values_that_a_certificate_cannot_have_are_refused(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        Subject(((name, value),))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("common_name", 64),
        ("organization", 64),
        ("organizational_unit", 64),
        ("serial_number", 64),
        ("location", 128),
        ("state", 128),
    ],
)
def test_upper_bounds_are_allowed_and_no_more(name: str, most: int) -> None:
    assert Subject(((name, "x" * most),)).value(name) == "x" * most
    with pytest.raises(InvalidRequestError, match=f"{most + 1} characters"):
        Subject(((name, "x" * (most + 1)),))


def test_the_longest_alternative_names() -> None:
    host = "a." * 126 + "a"
    names = AlternativeNames(dns=(host,), uri=("a:" + "b" * 2046,), email=("a@" + host[:251],))

    assert (len(host), len(names)) == (253, 3)
    for kind, text in (("uri", "a:" + "b" * 2047), ("email", "ab@" + host[:252] + "a")):
        with pytest.raises(InvalidRequestError):
            AlternativeNames(**{kind: (text,)})


def test_several_units_are_allowed_and_no_other_attribute_twice() -> None:
    Subject((("organizational_unit", "a"),) * 16)

    with pytest.raises(InvalidRequestError, match="17 organizational units"):
        Subject((("organizational_unit", "a"),) * 17)
    with pytest.raises(InvalidRequestError, match="2 common names"):
        Subject((("common_name", "a"), ("common_name", "b")))


def test_alternative_names_are_written_by_their_kinds() -> None:
    names = AlternativeNames(
        dns=("a.example", "xn--bcher-kva.example"),
        uri=("spiffe://example/a",),
        email=("a.b+c@example.com",),
        ip=("192.0.2.1", "2001:db8::1"),
    )
    expected = x509.SubjectAlternativeName(
        [
            x509.DNSName("a.example"),
            x509.DNSName("xn--bcher-kva.example"),
            x509.UniformResourceIdentifier("spiffe://example/a"),
            x509.RFC822Name("a.b+c@example.com"),
            *(x509.IPAddress(ipaddress.ip_address(one)) for one in names.ip),
        ]
    )

    assert names.der == expected.public_bytes()
    assert len(names) == 6


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("dns", one) for one in ("", "a..b", "-a.example", "a_b.example", "*.example", "ä.de")),
        *(("dns", one) for one in ("a.example.", "x" * 64 + ".example", "a." * 127 + "abc")),
        *(
            ("uri", one)
            for one in (
                "example.com",
                "http://a b",
                "http://[::1",
                "http:",
                "a:\n",
                "a:<b>",
                "a:%zz",
            )
        ),
        *(("uri", one) for one in ("http://example/" + "x" * 2048, "http://example:99999/")),
        *(("email", one) for one in ("alice", "@a.example", "a@", "a@b@c", "a..b@c", '"a"@b.c')),
        ("email", "a" * 250 + "@b.example"),
        *(("ip", one) for one in ("1.2.3", "2001:DB8::1", "10.0.0.0/8", "fe80::1%eth0", "")),
    ],
)
def test_names_that_are_not_well_formed_are_refused(kind: str, value: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"is not an? "):
        AlternativeNames(**{kind: (value,)})


def test_there_may_be_a_hundred_alternative_names() -> None:
    AlternativeNames(dns=tuple(f"a{index}.example" for index in range(100)))

    with pytest.raises(InvalidRequestError, match="101 alternative names"):
        AlternativeNames(dns=tuple(f"a{index}.example" for index in range(101)))


@pytest.mark.parametrize(
    "url", ["https://a.example/", "ldap://a.example/", "http:///x", "http://", "x"]
)
def test_certificates_name_http_addresses_only(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="no address that certificates can name"):
        http_url(url)


def test_an_http_address_is_kept_as_it_is() -> None:
    assert http_url("http://a.example:8080/x.crl") == "http://a.example:8080/x.crl"


def test_a_kept_name_is_its_bytes() -> None:
    assert KeptName(b"\x30\x00").der == b"\x30\x00"
