# SPDX-License-Identifier: Apache-2.0
"""Names against the constraints of the certificates above: what OpenSSL says, we say.

The certificates are signed by hand, so that `openssl verify` judges what was not looked at before.
"""

from __future__ import annotations

import subprocess
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509 import DirectoryName, DNSName, IPAddress, RFC822Name
from cryptography.x509 import UniformResourceIdentifier as Uri

from authz.ca import encode
from authz.ca.lints import lint_certificate
from authz.ca.lints import view as v
from authz.ca.tbs import extension
from authz.demo.pki import Issued, common_name, make_root
from tests.factories import tbs
from tests.factories.pki import AT, fixed_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def _root(
    *, permitted: Sequence[x509.GeneralName] = (), excluded: Sequence[x509.GeneralName] = ()
) -> Issued:
    constraints = x509.NameConstraints(permitted or None, excluded or None)
    return make_root("Limited", at=AT, key=fixed_key("limited"), name_constraints=constraints)


def _client(issuer: Issued, *names: x509.GeneralName, cn: str = "alice") -> Issued:
    return issuer.client(cn, key=fixed_key("client"), san=names or None)


def _found(leaf: Issued) -> list[str]:
    """What is wrong with its names."""
    above = []
    one = leaf.issuer
    while one is not None:
        above.append(one.der)
        one = one.issuer
    findings = lint_certificate(leaf.der, above[0], above[1:])
    return [one.message for one in findings if one.id == "name_constraints"]


def _openssl_takes(leaf: Issued, directory: Path) -> bool:
    above = []
    one = leaf.issuer
    while one is not None:
        above.append(one.pem)
        one = one.issuer
    (directory / "leaf.pem").write_bytes(leaf.pem)
    (directory / "above.pem").write_bytes(b"".join(above))
    arguments = ["-attime", str(int(AT)), "-CAfile", directory / "above.pem"]
    done = subprocess.run(  # the arguments are the test's own
        ["openssl", "verify", *arguments, directory / "leaf.pem"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0 or b"subtree violation" in done.stdout + done.stderr
    return done.returncode == 0


def _ip(text: str) -> IPAddress:
    return IPAddress(ip_address(text))


def _net(text: str) -> IPAddress:
    return IPAddress(ip_network(text))


HOST = DNSName("inside.example")
BOX = RFC822Name("alice@inside.example")


@pytest.mark.parametrize(
    ("permitted", "excluded", "names", "cn", "taken"),
    [
        # DNS names.
        ([HOST], [], [HOST], "a", True),
        ([HOST], [], [DNSName("A.Inside.EXAMPLE")], "a", True),
        ([HOST], [], [DNSName("outside.example")], "a", False),
        ([HOST], [], [DNSName("notinside.example")], "a", False),
        ([HOST], [], [HOST, DNSName("outside.example")], "a", False),
        ([HOST, DNSName("other.example")], [], [DNSName("other.example")], "a", True),
        ([], [HOST], [DNSName("a.inside.example")], "a", False),
        ([], [HOST], [DNSName("outside.example")], "a", True),
        ([HOST], [DNSName("not.inside.example")], [DNSName("not.inside.example")], "a", False),
        # A common name that is a host name, where no alternative name is.
        ([HOST], [], [], "outside.example", False),
        ([HOST], [], [], "a.inside.example", True),
        ([HOST], [], [], "outside", True),
        ([HOST], [], [HOST], "outside.example", True),
        # Mail addresses.
        ([BOX], [], [BOX], "a", True),
        ([BOX], [], [RFC822Name("alice@INSIDE.example")], "a", True),
        ([BOX], [], [RFC822Name("Alice@inside.example")], "a", False),
        ([RFC822Name("inside.example")], [], [BOX], "a", True),
        ([RFC822Name("inside.example")], [], [RFC822Name("a@b.inside.example")], "a", False),
        ([RFC822Name(".inside.example")], [], [RFC822Name("a@b.inside.example")], "a", True),
        ([RFC822Name(".inside.example")], [], [BOX], "a", False),
        ([], [RFC822Name("inside.example")], [BOX], "a", False),
        # IP addresses.
        ([_net("10.0.0.0/8")], [], [_ip("10.1.2.3")], "a", True),
        ([_net("10.0.0.0/8")], [], [_ip("11.1.2.3")], "a", False),
        ([_net("10.0.0.0/8")], [], [_ip("::1")], "a", False),
        ([], [_net("10.0.0.0/8")], [_ip("10.1.2.3")], "a", False),
        ([_net("2001:db8::/32")], [], [_ip("2001:db8::1")], "a", True),
        ([_net("2001:db8::/32")], [], [_ip("2001:db9::1")], "a", False),
        # Names of another form are free.
        ([HOST], [], [_ip("10.1.2.3"), BOX, Uri("spiffe://x/y")], "a", True),
    ],
)
def test_openssl_and_we_agree(
    permitted: list[x509.GeneralName],
    excluded: list[x509.GeneralName],
    names: list[x509.GeneralName],
    cn: str,
    taken: bool,
    tmp_path: Path,
) -> None:
    leaf = _client(_root(permitted=permitted, excluded=excluded), *names, cn=cn)

    assert (_found(leaf) == []) is taken
    assert _openssl_takes(leaf, tmp_path) is taken


@pytest.mark.parametrize(
    ("permitted", "excluded", "names", "message"),
    [
        ([HOST], [], [DNSName("b.example")], "the DNS name 'b.example' is not permitted by"),
        ([], [HOST], [HOST], "the DNS name 'inside.example' is excluded by"),
        ([BOX], [], [RFC822Name("b@b.example")], "the mail address 'b@b.example' is not permitted"),
        ([_net("10.0.0.0/8")], [], [_ip("::1")], "the IP address ::1 is not permitted by"),
        # What cannot be judged is refused, whatever it would be.
        ([Uri("x.example")], [], [Uri("spiffe://x.example/y")], "the URI 'spiffe://x.example/y'"),
        ([DirectoryName(common_name("alice"))], [], [], "the directory name 'CN=alice' cannot be"),
        ([DNSName(".inside.example")], [], [DNSName("a.inside.example")], "cannot be judged by"),
        ([], [DNSName("")], [HOST], "cannot be judged by"),
        ([RFC822Name("@inside.example")], [], [BOX], "cannot be judged by"),
        ([RFC822Name("a b")], [], [BOX], "cannot be judged by"),
        ([RFC822Name("inside.example")], [], [RFC822Name("alice")], "cannot be judged by"),
    ],
)
def test_a_finding_names_the_name_and_whose_constraints(
    permitted: list[x509.GeneralName],
    excluded: list[x509.GeneralName],
    names: list[x509.GeneralName],
    message: str,
) -> None:
    (found,) = _found(_client(_root(permitted=permitted, excluded=excluded), *names))

    assert message in found
    assert found.endswith(" by the name constraints of 'CN=Limited'")


def test_a_uri_constraint_is_nothing_to_a_certificate_without_uris() -> None:
    assert _found(_client(_root(permitted=[Uri("x.example")]), HOST)) == []


def test_every_certificate_above_has_its_say(tmp_path: Path) -> None:
    below = _root(permitted=[HOST]).intermediate("Below", key=fixed_key("below"))
    narrow = x509.NameConstraints(None, [DNSName("not.inside.example")])
    lowest = below.intermediate("Lowest", key=fixed_key("lowest"), name_constraints=narrow)

    for name, found in (
        ("a.inside.example", []),
        ("not.inside.example", ["CN=Lowest"]),
        ("outside.example", ["CN=Limited"]),
    ):
        leaf = _client(lowest, DNSName(name))
        assert [one.rpartition(" ")[2].strip("'") for one in _found(leaf)] == found
        assert _openssl_takes(leaf, tmp_path) is (found == [])


def test_a_mail_address_in_the_subject_counts() -> None:
    root = _root(permitted=[RFC822Name("inside.example")])
    mail = x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "a@b.example")
    leaf = root.client("x", key=fixed_key("client"), subject=x509.Name([mail]))

    assert "the mail address 'a@b.example' is not permitted by" in _found(leaf)[0]


def test_a_self_issued_ca_certificate_is_not_asked() -> None:
    root = _root(permitted=[DirectoryName(common_name("Other"))])

    same = root.intermediate("Limited", key=fixed_key("below"))
    assert _found(same) == []
    assert "directory name" in _found(root.intermediate("B", key=fixed_key("below")))[0]


def _constrained(*subtrees: bytes) -> bytes:
    value = encode.sequence(encode.tlv(0xA0, *subtrees)) if subtrees else b"\x04\x00"
    return tbs.self_signed(
        extensions={v.NAME_CONSTRAINTS: extension(v.NAME_CONSTRAINTS, value, critical=True)}
    )


def _base(tag: int, content: bytes, *bounds: bytes) -> bytes:
    return encode.sequence(encode.tlv(tag, content), *bounds)


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        (_constrained(), "cannot be read"),
        (_constrained(_base(v.DNS, b"a.example", encode.tlv(0x80, b"\x01"))), "cannot be judged"),
        (_constrained(_base(v.ADDRESS, bytes(7))), "cannot be judged"),
        (_constrained(_base(v.ADDRESS, b"\x0a\0\0\0\xff\x00\xff\x00")), "cannot be judged"),
    ],
)
def test_constraints_that_break_the_rules_permit_nothing(issuer: bytes, message: str) -> None:
    findings = lint_certificate(tbs.client(), issuer)

    (found,) = [one.message for one in findings if one.id == "name_constraints"]
    assert message in found


@pytest.mark.parametrize(
    ("tag", "content", "shown"),
    [(v.ADDRESS, b"abc", "the IP address 'abc' cannot"), (0xA0, b"x", "the name 'x' cannot")],
)
def test_names_that_are_none_cannot_be_judged(tag: int, content: bytes, shown: str) -> None:
    names = extension(v.ALTERNATIVE_NAME, tbs.general_names((tag, content)))
    leaf = tbs.client(extensions={v.ALTERNATIVE_NAME: names})
    issuer = _constrained(_base(tag, b"\x0a\0\0\0\xff\0\0\0"))

    findings = lint_certificate(leaf, issuer)

    (found,) = [one.message for one in findings if one.id == "name_constraints"]
    assert shown in found
