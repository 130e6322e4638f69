# SPDX-License-Identifier: Apache-2.0
"""Certificate vectors about building a path: issuers, signatures, time, lengths, constraints."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from authz.demo.pki import common_name
from tests.factories.pki import AT, DAY, KeyKind, fixed_key, resign
from tests.vectors.certificate_cases import Case, Pki, case

_SAME_NAME = "Vector CA"
_NO_BACKTRACKING = "OpenSSL takes the first issuer of the name and does not go back"


@case("RFC 5280 §6.1")
def path__root_only(pki: Pki) -> Case:
    """A certificate issued by the anchor itself."""
    return pki.case(pki.client(), path=["CN=client", "CN=Vector Root"])


@case("RFC 5280 §6.1")
def path__intermediate_sent(pki: Pki) -> Case:
    """The peer sends the intermediate, the anchor is the root."""
    return pki.case(
        pki.client(pki.ca), pki.ca, path=["CN=client", "CN=Vector CA", "CN=Vector Root"]
    )


@case("RFC 5280 §6.1")
def path__intermediate_in_bundle(pki: Pki) -> Case:
    """Envoy forwards the end-entity certificate only: the bundle has the intermediate."""
    return pki.case(
        pki.client(pki.ca),
        trusted=[pki.root, pki.ca],
        path=["CN=client", "CN=Vector CA", "CN=Vector Root"],
    )


@case("RFC 5280 §6.1")
def path__partial_chain(pki: Pki) -> Case:
    """An intermediate alone is an anchor, as in Envoy."""
    return pki.case(pki.client(pki.ca), trusted=[pki.ca], path=["CN=client", "CN=Vector CA"])


@case("RFC 5280 §6.1")
def path__partial_chain_below_an_expired_root(pki: Pki) -> Case:
    """The anchor of a partial chain is good on its own: its own issuer plays no part."""
    old = pki.make_root("Old Root", not_after=AT - DAY)
    ca = pki.intermediate(old)
    return pki.case(pki.client(ca), trusted=[ca])


@case("RFC 5280 §6.1")
def path__intermediate_missing(pki: Pki) -> Case:
    """Nobody has the intermediate."""
    return pki.case(pki.client(pki.ca), failure="unknown_issuer")


@case("RFC 5246 §7.4.2")
def path__intermediates_in_any_order(pki: Pki) -> Case:
    """Three intermediates, sent upside down."""
    first = pki.intermediate(pki.root, "First CA")
    second = pki.intermediate(first, "Second CA")
    third = pki.intermediate(second, "Third CA")
    return pki.case(pki.client(third), first, second, third)


@case("RFC 8446 §4.4.2")
def path__unrelated_certificates_sent(pki: Pki) -> Case:
    """What else is sent along does no harm."""
    stranger = pki.make_root("Stranger")
    return pki.case(pki.client(pki.ca), stranger, pki.ca, pki.client(stranger))


@case("RFC 8446 §4.4.2")
def path__root_sent_along(pki: Pki) -> Case:
    """The peer sends the root as well."""
    return pki.case(pki.client(pki.ca), pki.ca, pki.root)


@case("RFC 5280 §6.1")
def path__self_signed(pki: Pki) -> Case:
    """A certificate that signed itself is vouched for by nobody."""
    own = pki.make_root("client", basic_constraints=None, key_usage=None)
    return pki.case(own, failure="unknown_issuer")


@case("RFC 5280 §6.1")
def path__other_authority(pki: Pki) -> Case:
    """A good certificate of an authority that this site does not trust."""
    return pki.case(pki.client(pki.make_root("Stranger")), failure="unknown_issuer")


@case("RFC 5280 §6.1")
def path__other_authority_sends_its_root(pki: Pki) -> Case:
    """Sending a root does not make it trusted."""
    stranger = pki.make_root("Stranger")
    return pki.case(pki.client(stranger), stranger, failure="unknown_issuer")


@case("RFC 5280 §6.1.3 (a)(1)")
def path__same_name_other_key(pki: Pki) -> Case:
    """Signed by a stranger that took the anchor's name."""
    impostor = pki.make_root()
    return pki.case(pki.client(impostor, authority_key_id=None), impostor, failure="bad_signature")


@case("RFC 5280 §4.2.1.1")
def path__forged_authority_key_identifier(pki: Pki) -> Case:
    """A stranger of the anchor's name that also claims its key identifier."""
    impostor = pki.make_root()
    ski = pki.root.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    claim = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    return pki.case(pki.client(impostor, authority_key_id=claim), failure="bad_signature")


@case("RFC 5280 §6.1.3 (a)(1)")
def path__signature_damaged(pki: Pki) -> Case:
    """The last byte of the signature is another one."""
    good = pki.client().der
    return pki.case(good[:-1] + bytes([good[-1] ^ 1]), failure="bad_signature")


@case("RFC 5280 §6.1.3 (a)(1)")
def path__content_changed_after_signing(pki: Pki) -> Case:
    """The subject was changed, the signature kept."""
    good = pki.client().der
    return pki.case(good.replace(b"client", b"Client"), failure="bad_signature")


@case("RFC 5280 §6.1.3 (a)(1)")
def path__intermediate_of_stranger(pki: Pki) -> Case:
    """The intermediate names the anchor as its issuer, which did not sign it."""
    impostor = pki.make_root()
    ca = pki.intermediate(impostor)
    return pki.case(pki.client(ca), ca, failure="bad_signature")


@case("RFC 4158 §2.4.2")
def path__two_anchors_of_one_name(pki: Pki) -> Case:
    """Two anchors with the same subject and different keys; no key identifiers to choose by."""
    first = pki.make_root(_SAME_NAME, subject_key_id=None, authority_key_id=None)
    second = pki.make_root(_SAME_NAME, subject_key_id=None, authority_key_id=None)
    return pki.case(
        pki.client(second, authority_key_id=None), trusted=[first, second], differs=_NO_BACKTRACKING
    )


@case("RFC 4158 §2.4.2")
def path__many_anchors_of_one_name(pki: Pki) -> Case:
    """Twelve of them, the last is the one; the key identifier finds it."""
    anchors = [pki.make_root(_SAME_NAME) for _ in range(12)]
    return pki.case(pki.client(anchors[-1]), trusted=anchors)


@case("RFC 4158 §2.4.2")
def path__wrong_authority_key_identifier(pki: Pki) -> Case:
    """A key identifier is a hint: the signature is what counts."""
    other = x509.AuthorityKeyIdentifier(b"\x01" * 20, None, None)
    return pki.case(
        pki.client(authority_key_id=other),
        differs="OpenSSL takes a key identifier that does not match for another issuer",
    )


@case("RFC 4158 §2.4.1")
def path__cross_signed(pki: Pki) -> Case:
    """The CA is known here by the certificate that our root made for its key."""
    theirs = pki.make_root("Their Root")
    key = fixed_key("cross")
    by_them = pki.intermediate(theirs, _SAME_NAME, key=key)
    by_us = pki.intermediate(pki.root, _SAME_NAME, key=key)
    return pki.case(
        pki.client(by_them),
        by_them,
        by_us,
        path=["CN=client", "CN=Vector CA", "CN=Vector Root"],
        differs=_NO_BACKTRACKING,
    )


@case("RFC 4158 §2.4.1")
def path__cross_signed_one_expired(pki: Pki) -> Case:
    """Of two certificates for the CA's key one is expired: the other path is taken."""
    key = fixed_key("cross")
    old = pki.intermediate(pki.root, _SAME_NAME, key=key, not_after=AT - DAY)
    new = pki.intermediate(pki.root, _SAME_NAME, key=key)
    return pki.case(pki.client(old), old, new)


@case("RFC 4158 §2.4.1")
def path__anchor_renewed_with_its_key(pki: Pki) -> Case:
    """The old root is expired, the new one has its name and key."""
    key = fixed_key("renewed")
    old = pki.make_root(_SAME_NAME, key=key, not_after=AT - DAY)
    new = pki.make_root(_SAME_NAME, key=key)
    return pki.case(pki.client(old), trusted=[old, new])


@case("RFC 5280 §6.1")
def path__loop(pki: Pki) -> Case:
    """Two CAs that certified each other and lead nowhere."""
    first, second = fixed_key("loop 1"), fixed_key("loop 2")
    start = pki.make_root("First", key=first)
    b = start.intermediate("Second", key=second, serial=2)
    a = b.intermediate("First", key=first, serial=3)
    return pki.case(pki.client(b), a, b, failure="unknown_issuer")


@case("RFC 5280 §4.1.2.4")
def path__empty_subject(pki: Pki) -> Case:
    """A client certificate may have an empty subject; no alternative name is needed either."""
    return pki.case(pki.client(subject=common_name("")))


@case("RFC 5280 §4.2.1.1")
def path__no_key_identifiers(pki: Pki) -> Case:
    """Neither the certificate nor its issuer has key identifiers."""
    root = pki.make_root(subject_key_id=None, authority_key_id=None)
    leaf = pki.client(root, subject_key_id=None, authority_key_id=None)
    return pki.case(leaf, trusted=[root])


@case("RFC 5280 §6.1")
def path__no_trust_at_all(pki: Pki) -> Case:
    """An authority without certificates verifies nobody and is refused."""
    return pki.case(pki.client(), trusted=[], load_error="CertificateError", openssl=False)


@case("RFC 5280 §4.1.2.5")
def time__last_second(pki: Pki) -> Case:
    """Validity includes the whole of its last second."""
    return pki.case(
        pki.client(not_after=AT),
        at=AT + 0.75,
        differs="OpenSSL takes the last second for too late",
    )


@case("RFC 5280 §4.1.2.5")
def time__after_last_second(pki: Pki) -> Case:
    """One second later it is expired."""
    return pki.case(pki.client(not_after=AT), at=AT + 1, failure="expired")


@case("RFC 5280 §4.1.2.5")
def time__first_second(pki: Pki) -> Case:
    """Validity begins with notBefore."""
    return pki.case(pki.client(not_before=AT))


@case("RFC 5280 §4.1.2.5")
def time__before_first_second(pki: Pki) -> Case:
    """One second earlier it is not yet valid."""
    return pki.case(pki.client(not_before=AT + 1), failure="not_yet_valid")


@case("RFC 5280 §4.1.2.5")
def time__intermediate_expired(pki: Pki) -> Case:
    """The certificate is valid, its issuer no longer."""
    ca = pki.intermediate(not_after=AT - DAY)
    return pki.case(pki.client(ca), ca, failure="expired")


@case("RFC 5280 §4.1.2.5")
def time__intermediate_not_yet_valid(pki: Pki) -> Case:
    """The certificate is valid, its issuer not yet."""
    ca = pki.intermediate(not_before=AT + DAY)
    return pki.case(pki.client(ca), ca, failure="not_yet_valid")


@case("RFC 5280 §6.1")
def time__anchor_expired(pki: Pki) -> Case:
    """An expired anchor loads, and vouches for nobody."""
    root = pki.make_root(not_after=AT - DAY)
    return pki.case(pki.client(root), trusted=[root], failure="expired")


@case("RFC 5280 §4.1.2.5")
def time__no_well_defined_end(pki: Pki) -> Case:
    """99991231235959Z: no well-defined expiration date."""
    return pki.case(pki.client(not_after=253402300799.0))


@case("RFC 5280 §4.2.1.9")
def length__path_length_kept(pki: Pki) -> Case:
    """A CA with pathlen 0 that issues end-entity certificates."""
    ca = pki.intermediate(path_length=0)
    return pki.case(pki.client(ca), ca)


@case("RFC 5280 §4.2.1.9")
def length__path_length_exceeded(pki: Pki) -> Case:
    """A CA below a CA with pathlen 0."""
    first = pki.intermediate(path_length=0)
    second = pki.intermediate(first, "Second CA")
    return pki.case(pki.client(second), first, second, failure="constraint_violated")


@case("RFC 5280 §4.2.1.9")
def length__anchor_path_length_exceeded(pki: Pki) -> Case:
    """A CA below a root with pathlen 0."""
    root = pki.make_root(path_length=0)
    ca = pki.intermediate(root)
    return pki.case(
        pki.client(ca),
        ca,
        trusted=[root],
        failure="constraint_violated",
    )


@case("limits.chain_length")
def length__eight_intermediates(pki: Pki) -> Case:
    """As many intermediates as are allowed."""
    chain = [pki.root]
    for number in range(8):
        chain.append(pki.intermediate(chain[-1], f"CA {number}"))
    return pki.case(pki.client(chain[-1]), *chain[1:])


@case("limits.chain_length")
def length__eight_intermediates_with_slow_keys(pki: Pki) -> Case:
    """The same with P-384 everywhere: what the signatures of a real chain cost is allowed."""
    chain = [pki.make_root(key=fixed_key("slow root", KeyKind.P384))]
    for number in range(8):
        key = fixed_key(f"slow {number}", KeyKind.P384)
        chain.append(pki.intermediate(chain[-1], f"CA {number}", key=key))
    return pki.case(pki.client(chain[-1]), *chain[1:], trusted=chain[:1])


@case("limits.chain_length")
def length__slow_keys_of_one_name(pki: Pki) -> Case:
    """Eight CAs of the anchor's name and P-384, made up to have all their signatures checked."""
    above = [pki.make_root(_SAME_NAME, key=fixed_key("slow 0", KeyKind.P384))]
    for number in range(1, 8):
        key = fixed_key(f"slow {number}", KeyKind.P384)
        above.append(pki.intermediate(above[-1], _SAME_NAME, key=key))
    anchor = pki.make_root(_SAME_NAME)
    return pki.case(pki.client(above[-1]), *above, trusted=[anchor], failure="too_large")


@case("limits.chain_length")
def length__nine_intermediates(pki: Pki) -> Case:
    """One more, in the bundle."""
    chain = [pki.root]
    for number in range(9):
        chain.append(pki.intermediate(chain[-1], f"CA {number}"))
    return pki.case(
        pki.client(chain[-1]),
        *chain[2:],
        trusted=chain[:2],
        failure="too_large",
        differs="OpenSSL allows a hundred",
    )


@case("RFC 5280 §4.2.1.10")
def names__dns_permitted(pki: Pki) -> Case:
    """A DNS name inside the permitted tree."""
    ca = pki.intermediate(name_constraints=_permitted(x509.DNSName("a.test")))
    return pki.case(pki.client(ca, san=[x509.DNSName("c.a.test")]), ca)


@case("RFC 5280 §4.2.1.10")
def names__dns_outside(pki: Pki) -> Case:
    """A DNS name outside the permitted tree."""
    ca = pki.intermediate(name_constraints=_permitted(x509.DNSName("a.test")))
    return pki.case(pki.client(ca, san=[x509.DNSName("b.test")]), ca, failure="constraint_violated")


@case("RFC 5280 §4.2.1.10")
def names__dns_excluded(pki: Pki) -> Case:
    """A DNS name inside the excluded tree."""
    ca = pki.intermediate(name_constraints=_excluded(x509.DNSName("a.test")))
    return pki.case(pki.client(ca, san=[x509.DNSName("a.test")]), ca, failure="constraint_violated")


@case("RFC 5280 §4.2.1.10")
def names__address_outside(pki: Pki) -> Case:
    """An address outside the permitted network."""
    network = x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))
    ca = pki.intermediate(name_constraints=_permitted(network))
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
    return pki.case(pki.client(ca, san=[address]), ca, failure="constraint_violated")


@case("RFC 5280 §4.2.1.10")
def names__no_constrained_name(pki: Pki) -> Case:
    """A constraint on DNS names does not touch a certificate without any."""
    ca = pki.intermediate(name_constraints=_permitted(x509.DNSName("a.test")))
    return pki.case(pki.client(ca), ca)


@case("RFC 5280 §4.2.1.10")
def names__uri_constraint(pki: Pki) -> Case:
    """URI constraints are not supported: a certificate with a URI below one is refused."""
    ca = pki.intermediate(name_constraints=_permitted(x509.UniformResourceIdentifier("a.test")))
    uri = x509.UniformResourceIdentifier("spiffe://a.test/client")
    return pki.case(
        pki.client(ca, san=[uri]),
        ca,
        failure="constraint_violated",
        differs="a documented limit: OpenSSL supports URI constraints",
    )


@case("RFC 5280 §4.2.1.10")
def names__directory_constraint(pki: Pki) -> Case:
    """Directory name constraints are not supported: whatever stands below one is refused."""
    ca = pki.intermediate(name_constraints=_permitted(x509.DirectoryName(common_name("client"))))
    return pki.case(
        pki.client(ca),
        ca,
        failure="constraint_violated",
        differs="a documented limit: OpenSSL supports directory name constraints",
    )


@case("RFC 5280 §4.2.1.10")
def names__directory_constraint_not_critical(pki: Pki) -> Case:
    """Nor when it is not critical, which the library would pass over."""
    constraint = _permitted(x509.DirectoryName(common_name("another")))
    ca = pki.intermediate(extensions=[(constraint, False)])
    return pki.case(pki.client(ca), ca, failure="constraint_violated")


@case("RFC 5280 §4.2.1.10")
def names__mail_in_subject(pki: Pki) -> Case:
    """A mail constraint holds for emailAddress in a subject without an alternative name."""
    ca = pki.intermediate(name_constraints=_permitted(x509.RFC822Name("a.test")))
    subject = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "c@b.test")])
    return pki.case(pki.client(ca, subject=subject), ca, failure="constraint_violated")


@case("RFC 5280 §4.2.1.10")
def names__directory_constraint_on_anchor(pki: Pki) -> Case:
    """An anchor that would refuse everybody is refused when it is loaded."""
    root = pki.make_root(name_constraints=_permitted(x509.DirectoryName(common_name("client"))))
    return pki.case(
        pki.client(root),
        trusted=[root],
        load_error="UnsupportedCertificateError",
        openssl=False,
    )


@case("RFC 5280 §4.1.1.2")
def path__outer_algorithm_differs(pki: Pki) -> Case:
    """The algorithm outside the signed part is not the one inside."""
    good = pki.client().der
    inner_sha256 = bytes.fromhex("2a8648ce3d040302")
    head, _, tail = good.rpartition(inner_sha256)
    return pki.case(head + bytes.fromhex("2a8648ce3d040303") + tail, failure="bad_signature")


@case("RFC 5280 §4.1.2.2")
def path__negative_serial(pki: Pki) -> Case:
    """A serial number is positive."""
    made = pki.client(serial=0x11223344)
    edit = (bytes.fromhex("020411223344"), bytes.fromhex("020491223344"))
    der = resign(made.certificate, pki.root.key, edit)
    return pki.case(der, failure="malformed", differs="OpenSSL takes any serial number")


def _permitted(name: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints([name], None)


def _excluded(name: x509.GeneralName) -> x509.NameConstraints:
    return x509.NameConstraints(None, [name])
