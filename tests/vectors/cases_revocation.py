# SPDX-License-Identifier: Apache-2.0
"""Certificate vectors about revocation: CRLs, deltas, scopes, serial lists, staleness."""

from __future__ import annotations

import datetime

from cryptography import x509

from tests.factories.pki import AT, DAY, fixed_key
from tests.vectors.certificate_cases import Case, Pki, case

_EXCLUSIVE = "OpenSSL takes the last second for too late"
_SCOPE_ALONE = "OpenSSL wants a CRL for every certificate, we want those that are configured"


@case("RFC 5280 §6.3")
def crl__not_listed(pki: Pki) -> Case:
    """A fresh CRL that lists somebody else."""
    return pki.case(pki.client(), crls=[pki.root.crl([4711])])


@case("RFC 5280 §6.3")
def crl__empty(pki: Pki) -> Case:
    """A fresh CRL that lists nobody."""
    return pki.case(pki.client(), crls=[pki.root.crl()])


@case("RFC 5280 §6.3")
def crl__listed(pki: Pki) -> Case:
    """A revoked certificate is verified and revoked."""
    alice = pki.client()
    return pki.case(alice, revoked=True, crls=[pki.root.crl([4711, alice.serial])])


@case("RFC 5280 §5.3.1")
def crl__listed_with_reason(pki: Pki) -> Case:
    """Any reason but removeFromCRL revokes, certificateHold too."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], reason=x509.ReasonFlags.certificate_hold)
    return pki.case(alice, revoked=True, crls=[crl])


@case("architecture 4.1")
def crl__listed_and_expired(pki: Pki) -> Case:
    """Revoked implies verified: an expired certificate on the list is expired."""
    alice = pki.client(not_after=AT - DAY)
    return pki.case(alice, failure="expired", crls=[pki.root.crl([alice.serial])])


@case("architecture 4.11")
def crl__intermediate_listed(pki: Pki) -> Case:
    """The root revoked the intermediate: what stands below it is revoked."""
    crls = [pki.root.crl([pki.ca.serial]), pki.ca.crl()]
    return pki.case(pki.client(pki.ca), revoked=True, trusted=[pki.root, pki.ca], crls=crls)


@case("architecture 4.11")
def crl__intermediate_sent_and_listed(pki: Pki) -> Case:
    """The same with an intermediate that the peer sent."""
    return pki.case(pki.client(pki.ca), pki.ca, revoked=True, crls=[pki.root.crl([pki.ca.serial])])


@case("architecture 4.11")
def crl__none_for_the_intermediate(pki: Pki) -> Case:
    """A CA without a CRL has nothing to check."""
    return pki.case(pki.client(pki.ca), pki.ca, crls=[pki.root.crl()], differs=_SCOPE_ALONE)


@case("RFC 5280 §5")
def crl__same_serial_of_another_ca(pki: Pki) -> Case:
    """Serial numbers are the issuer's: another CA revoking the same number means nothing."""
    alice = pki.client(serial=77)
    other = pki.make_root("Other Root")
    crls = [other.crl([77]), pki.root.crl()]
    return pki.case(alice, trusted=[pki.root, other], crls=crls)


@case("RFC 5280 §5")
def crl__same_name_of_another_key(pki: Pki) -> Case:
    """A CRL belongs to the key that signed it, not to everybody of that name."""
    other = pki.make_root()
    alice = pki.client(serial=78)
    return pki.case(
        alice, trusted=[pki.root, other], crls=[other.crl([78]), pki.root.crl()], openssl=False
    )


@case("RFC 4158 §2.4.1")
def crl__issuer_renewed_with_its_key(pki: Pki) -> Case:
    """A CRL holds for every certificate of the issuer's key."""
    key = fixed_key("renewed crl")
    old = pki.make_root("Renewed", key=key, not_after=AT - DAY)
    new = pki.make_root("Renewed", key=key)
    alice = pki.client(old)
    return pki.case(alice, revoked=True, trusted=[old, new], crls=[old.crl([alice.serial])])


@case("RFC 5280 §5.1.2.5")
def stale__strict(pki: Pki) -> Case:
    """Strict: past nextUpdate nobody is verified."""
    crl = pki.root.crl(this_update=AT - 9 * DAY, next_update=AT - 1)
    return pki.case(pki.client(), failure="crl_stale", crls=[crl])


@case("RFC 5280 §5.1.2.5")
def stale__at_next_update(pki: Pki) -> Case:
    """At nextUpdate itself the CRL still counts."""
    return pki.case(pki.client(), crls=[pki.root.crl(next_update=AT)], differs=_EXCLUSIVE)


@case("architecture 4.11")
def stale__soft(pki: Pki) -> Case:
    """Soft: a stale CRL is used as it is."""
    crl = pki.root.crl(this_update=AT - 9 * DAY, next_update=AT - 1)
    return pki.case(pki.client(), crls=[crl], revocation="soft", openssl=False)


@case("architecture 4.11")
def stale__soft_listed(pki: Pki) -> Case:
    """Soft: whom a stale CRL lists is revoked."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], this_update=AT - 9 * DAY, next_update=AT - 1)
    return pki.case(alice, revoked=True, crls=[crl], revocation="soft")


@case("architecture 4.1")
def stale__strict_listed(pki: Pki) -> Case:
    """Strict: stale beats listed, for revoked implies verified."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], this_update=AT - 9 * DAY, next_update=AT - 1)
    return pki.case(alice, failure="crl_stale", crls=[crl])


@case("architecture 4.11")
def stale__off(pki: Pki) -> Case:
    """Off: nobody looks."""
    alice = pki.client()
    return pki.case(alice, crls=[pki.root.crl([alice.serial])], revocation="off", openssl=False)


@case("RFC 5280 §5.1.2.4")
def stale__future_this_update(pki: Pki) -> Case:
    """A CRL from the future is not in force yet."""
    crl = pki.root.crl(this_update=AT + DAY)
    return pki.case(pki.client(), failure="crl_stale", crls=[crl])


@case("RFC 5280 §5.2.3")
def crl__newest_number_counts(pki: Pki) -> Case:
    """Two complete CRLs: the one with the greater number; the certificate has been restored."""
    alice = pki.client()
    crls = [pki.root.crl([alice.serial], number=1), pki.root.crl([], number=2, this_update=AT - 60)]
    return pki.case(alice, crls=crls, openssl=False)


@case("RFC 5280 §5.2.4")
def delta__adds(pki: Pki) -> Case:
    """A delta that lists what its base does not."""
    alice = pki.client()
    crls = [pki.root.crl(number=5), pki.root.crl([alice.serial], number=6, base_number=5)]
    return pki.case(
        alice, revoked=True, crls=crls, differs="OpenSSL follows only a freshestCRL pointer"
    )


@case("RFC 5280 §5.2.4")
def delta__removes(pki: Pki) -> Case:
    """A delta that takes an entry of its base away: removeFromCRL."""
    alice = pki.client()
    base = pki.root.crl([alice.serial], number=5, reason=x509.ReasonFlags.certificate_hold)
    delta = pki.root.crl(removed=[alice.serial], number=6, base_number=5)
    return pki.case(alice, crls=[base, delta], openssl=False)


@case("RFC 5280 §5.2.4")
def delta__without_base(pki: Pki) -> Case:
    """A delta alone is not used, and strict misses the complete CRL."""
    crls = [pki.root.crl(number=6, base_number=5)]
    return pki.case(pki.client(), failure="crl_stale", crls=crls)


@case("RFC 5280 §5.2.4")
def delta__base_too_old(pki: Pki) -> Case:
    """A delta to a later base than ours is not used; the base stands alone."""
    alice = pki.client()
    crls = [pki.root.crl(number=3), pki.root.crl([alice.serial], number=6, base_number=5)]
    return pki.case(alice, crls=crls, openssl=False)


@case("RFC 5280 §5.2.4")
def delta__older_than_complete(pki: Pki) -> Case:
    """A delta that a newer complete CRL overtook is not used."""
    alice = pki.client()
    crls = [pki.root.crl(number=7), pki.root.crl([alice.serial], number=6, base_number=5)]
    return pki.case(alice, crls=crls, openssl=False)


@case("RFC 5280 §5.2.4")
def delta__stale(pki: Pki) -> Case:
    """The combination is as fresh as its delta."""
    delta = pki.root.crl(number=6, base_number=5, this_update=AT - 900, next_update=AT - 1)
    return pki.case(
        pki.client(), failure="crl_stale", crls=[pki.root.crl(number=5), delta], openssl=False
    )


@case("RFC 5280 §5.2.5")
def scope__user_certificates(pki: Pki) -> Case:
    """onlyContainsUserCerts covers the end-entity certificate."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], scope=_scope(only_contains_user_certs=True))
    return pki.case(alice, revoked=True, crls=[crl])


@case("RFC 5280 §5.2.5")
def scope__ca_certificates(pki: Pki) -> Case:
    """onlyContainsCACerts does not cover it, whatever it lists."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], scope=_scope(only_contains_ca_certs=True))
    return pki.case(alice, crls=[crl], differs=_SCOPE_ALONE)


@case("RFC 5280 §5.2.5")
def scope__attribute_certificates(pki: Pki) -> Case:
    """onlyContainsAttributeCerts covers nothing that we see."""
    alice = pki.client()
    crl = pki.root.crl([alice.serial], scope=_scope(only_contains_attribute_certs=True))
    return pki.case(alice, crls=[crl], differs=_SCOPE_ALONE)


@case("RFC 5280 §5.2.5")
def scope__both_partitions(pki: Pki) -> Case:
    """Partitions by kind: each certificate of the path is looked up in its own."""
    users = pki.root.crl(scope=_scope(only_contains_user_certs=True))
    authorities = pki.root.crl([pki.ca.serial], scope=_scope(only_contains_ca_certs=True))
    return pki.case(
        pki.client(pki.ca),
        revoked=True,
        trusted=[pki.root, pki.ca],
        crls=[users, authorities],
        openssl=False,
    )


@case("RFC 5280 §5.2.5")
def scope__indirect(pki: Pki) -> Case:
    """Indirect CRLs are refused when they are loaded."""
    crl = pki.root.crl(scope=_scope(indirect_crl=True))
    return pki.case(
        pki.client(), load_error="UnsupportedCertificateError", crls=[crl], openssl=False
    )


@case("RFC 5280 §5.2.5")
def scope__some_reasons(pki: Pki) -> Case:
    """CRLs for only some reasons are refused when they are loaded."""
    reasons = frozenset({x509.ReasonFlags.key_compromise})
    crl = pki.root.crl(scope=_scope(only_some_reasons=reasons))
    return pki.case(
        pki.client(), load_error="UnsupportedCertificateError", crls=[crl], openssl=False
    )


@case("RFC 5280 §5.2")
def crl__unknown_critical_extension(pki: Pki) -> Case:
    """A CRL with a critical extension that nobody here knows must not be used."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.4"), b"\x05\x00")
    crl = pki.root.crl(extensions=[(unknown, True)])
    return pki.case(
        pki.client(), load_error="UnsupportedCertificateError", crls=[crl], openssl=False
    )


@case("RFC 5280 §5.3.3")
def crl__certificate_issuer_entry(pki: Pki) -> Case:
    """An entry about another CA's certificate: an indirect CRL that does not say so."""
    names = x509.CertificateIssuer([x509.DirectoryName(pki.ca.subject)])
    crl = pki.root.crl([4711], entry_extensions=[(names, True)])
    return pki.case(
        pki.client(), load_error="UnsupportedCertificateError", crls=[crl], openssl=False
    )


@case("RFC 5280 §5.3.2")
def crl__invalidity_date_entry(pki: Pki) -> Case:
    """An entry that says since when is an ordinary one."""
    alice = pki.client()
    since = x509.InvalidityDate(datetime.datetime(2026, 1, 1))
    crl = pki.root.crl([alice.serial], entry_extensions=[(since, False)])
    return pki.case(alice, revoked=True, crls=[crl])


@case("RFC 5280 §6.3.3 (g)")
def crl__wrong_signature(pki: Pki) -> Case:
    """A CRL in the anchor's name that somebody else signed."""
    crl = pki.root.crl(signed_by=fixed_key("somebody else"))
    return pki.case(pki.client(), load_error="CertificateError", crls=[crl], openssl=False)


@case("RFC 5280 §6.3.3 (b)")
def crl__of_nobody(pki: Pki) -> Case:
    """A CRL whose issuer is none of the authority's certificates."""
    crl = pki.make_root("Stranger").crl()
    return pki.case(pki.client(), load_error="CertificateError", crls=[crl], openssl=False)


@case("architecture 4.11")
def serials__listed(pki: Pki) -> Case:
    """A serial number revoked without a CRL."""
    alice = pki.client()
    return pki.case(alice, revoked=True, revoked_serials=[alice.serial], openssl=False)


@case("architecture 4.11")
def serials__intermediate_listed(pki: Pki) -> Case:
    """The serial number of an intermediate that the peer sent."""
    return pki.case(
        pki.client(pki.ca),
        pki.ca,
        revoked=True,
        revoked_serials=[pki.ca.serial],
        openssl=False,
    )


@case("architecture 4.11")
def serials__anchor_listed(pki: Pki) -> Case:
    """The anchor is trusted as such: nobody above it could revoke it."""
    return pki.case(pki.client(), revoked_serials=[pki.root.serial], openssl=False)


@case("architecture 4.11")
def serials__not_listed(pki: Pki) -> Case:
    """Another serial number."""
    return pki.case(pki.client(), revoked_serials=[4711], openssl=False)


def _scope(**flags: object) -> x509.IssuingDistributionPoint:
    values: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**values, **flags})  # type: ignore[arg-type]
