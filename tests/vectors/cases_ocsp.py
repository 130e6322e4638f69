# SPDX-License-Identifier: Apache-2.0
"""Certificate vectors about OCSP: answers that count and answers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.factories.ocsp import answer, refused
from tests.factories.pki import AT, DAY, fixed_key
from tests.vectors.certificate_cases import Case, Pki, case

if TYPE_CHECKING:
    from authz.demo.pki import Issued


@case("RFC 6960 §2.2")
def ocsp__good(pki: Pki) -> Case:
    """The issuer's own answer: not revoked."""
    alice = pki.client()
    return pki.case(alice, ocsp=[answer(alice, pki.root)])


@case("RFC 6960 §2.2")
def ocsp__revoked(pki: Pki) -> Case:
    """A revoked certificate is verified and revoked."""
    alice = pki.client()
    return pki.case(alice, revoked=True, ocsp=[answer(alice, pki.root, status="revoked")])


@case("RFC 6960 §2.2")
def ocsp__unknown(pki: Pki) -> Case:
    """A responder that does not know the certificate has not answered."""
    alice = pki.client()
    data = answer(alice, pki.root, status="unknown")
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("architecture 4.11")
def ocsp__none(pki: Pki) -> Case:
    """Strict: without an answer nobody is verified."""
    return pki.case(pki.client(), failure="ocsp_missing", ocsp=[], openssl=False)


@case("architecture 4.11")
def ocsp__none_soft(pki: Pki) -> Case:
    """Soft: without an answer nobody is revoked."""
    return pki.case(pki.client(), ocsp=[], revocation="soft", openssl=False)


@case("architecture 4.11")
def ocsp__revoked_soft(pki: Pki) -> Case:
    """Soft: an answer that revokes counts."""
    alice = pki.client()
    data = answer(alice, pki.root, status="revoked")
    return pki.case(alice, revoked=True, ocsp=[data], revocation="soft")


@case("architecture 4.11")
def ocsp__revoked_off(pki: Pki) -> Case:
    """Off: nobody looks."""
    alice = pki.client()
    data = answer(alice, pki.root, status="revoked")
    return pki.case(alice, ocsp=[data], revocation="off", openssl=False)


@case("RFC 6960 §4.1.1")
def ocsp__named_with_sha256(pki: Pki) -> Case:
    """An answer that names the issuer with SHA-256."""
    alice = pki.client()
    data = answer(alice, pki.root, named_with="sha256")
    return pki.case(alice, ocsp=[data], differs="the openssl command asks with SHA-1")


@case("RFC 6960 §3.2 (1)")
def ocsp__about_another_serial(pki: Pki) -> Case:
    """An answer about somebody else."""
    data = answer(pki.client(), pki.root)
    return pki.case(pki.client(), failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §3.2 (1)")
def ocsp__about_another_issuer(pki: Pki) -> Case:
    """An answer about the same serial number of another CA."""
    other = pki.make_root("Other Root")
    alice = pki.client(serial=77)
    data = answer(pki.client(other, serial=77), other, signer=pki.root)
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §3.2 (2)")
def ocsp__wrong_signature(pki: Pki) -> Case:
    """An answer in the issuer's name that somebody else signed."""
    alice = pki.client()
    stranger = pki.make_root("Vector Root", key=fixed_key("somebody else"))
    data = answer(alice, pki.root, signer=stranger, certificates=[])
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §4.2.2.2")
def ocsp__delegated(pki: Pki) -> Case:
    """A responder that the issuer certified for it."""
    alice = pki.client()
    return pki.case(alice, ocsp=[answer(alice, pki.root, signer=_responder(pki))])


@case("RFC 6960 §4.2.2.2")
def ocsp__delegated_without_usage(pki: Pki) -> Case:
    """A client certificate of the issuer is no responder's."""
    alice = pki.client()
    responder = _responder(pki, eku=[ExtendedKeyUsageOID.CLIENT_AUTH])
    data = answer(alice, pki.root, signer=responder)
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §4.2.2.2")
def ocsp__delegated_with_any_usage(pki: Pki) -> Case:
    """anyExtendedKeyUsage does not stand for OCSPSigning."""
    alice = pki.client()
    responder = _responder(pki, eku=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])
    data = answer(alice, pki.root, signer=responder)
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §4.2.2.2")
def ocsp__delegated_by_another_ca(pki: Pki) -> Case:
    """A responder has to be certified by the issuer itself, not by a CA below it."""
    alice = pki.client()
    data = answer(
        alice,
        pki.root,
        signer=_responder(pki, pki.ca),
        certificates=[_responder(pki, pki.ca).der, pki.ca.der],
    )
    return pki.case(alice, failure="ocsp_missing", ocsp=[data], openssl=False)


@case("RFC 6960 §4.2.2.2")
def ocsp__delegated_expired(pki: Pki) -> Case:
    """A responder whose certificate has expired."""
    alice = pki.client()
    data = answer(alice, pki.root, signer=_responder(pki, not_after=AT - 1))
    return pki.case(alice, failure="ocsp_missing", ocsp=[data])


@case("RFC 6960 §3.2 (5)")
def ocsp__dated_ahead(pki: Pki) -> Case:
    """An answer whose thisUpdate is an hour away."""
    alice = pki.client()
    data = answer(alice, pki.root, this_update=AT + 3600)
    return pki.case(alice, failure="ocsp_missing", ocsp=[data], openssl=False)


@case("RFC 6960 §3.2 (6)")
def ocsp__past_its_next_update(pki: Pki) -> Case:
    """An answer that should have been replaced."""
    alice = pki.client()
    data = answer(alice, pki.root, this_update=AT - DAY, next_update=AT - 1)
    return pki.case(alice, failure="ocsp_missing", ocsp=[data], openssl=False)


@case("RFC 6960 §3.2 (6)")
def ocsp__at_its_next_update(pki: Pki) -> Case:
    """At nextUpdate itself an answer still counts."""
    alice = pki.client()
    data = answer(alice, pki.root, this_update=AT - DAY, next_update=AT)
    return pki.case(alice, ocsp=[data], openssl=False)


@case("RFC 6960 §4.2.1")
def ocsp__no_answer(pki: Pki) -> Case:
    """The responder says tryLater."""
    return pki.case(pki.client(), failure="ocsp_missing", ocsp=[refused(3)])


@case("architecture 4.11")
def ocsp__good_and_listed(pki: Pki) -> Case:
    """A CRL revokes what OCSP calls good."""
    alice = pki.client()
    return pki.case(
        alice,
        revoked=True,
        ocsp=[answer(alice, pki.root)],
        crls=[pki.root.crl([alice.serial])],
        openssl=False,
    )


@case("architecture 4.11")
def ocsp__newer_answer_restores(pki: Pki) -> Case:
    """Of two answers the newer one counts."""
    alice = pki.client()
    held = answer(alice, pki.root, status="revoked", this_update=AT - 7200)
    return pki.case(alice, ocsp=[answer(alice, pki.root), held], openssl=False)


def _responder(pki: Pki, issuer: Issued | None = None, **changes: Any) -> Issued:
    usage = [ExtendedKeyUsageOID.OCSP_SIGNING]
    return pki.client(issuer, **{"eku": usage, "key": fixed_key("responder"), **changes})
