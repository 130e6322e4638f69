# SPDX-License-Identifier: Apache-2.0
"""Lints over the extensions of a certificate. RFC 5280 §4.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.ca.lints.finding import Lint, Severity
from authz.ca.lints.view import (
    ADDRESS,
    ALTERNATIVE_NAME,
    AUTHORITY_INFORMATION_ACCESS,
    AUTHORITY_KEY_ID,
    BASIC_CONSTRAINTS,
    CRL_DISTRIBUTION_POINTS,
    DNS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    MAIL,
    OCSP_NO_CHECK,
    SUBJECT_KEY_ID,
    URI,
)
from authz.ca.names import is_dns_name, is_http_url, is_mail_address, is_uri
from authz.ca.profiles import (
    CLIENT_AUTH,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    OCSP_SIGNING,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.ca.lints.view import CertificateView

_KNOWN: Final = frozenset(
    {
        ALTERNATIVE_NAME,
        AUTHORITY_INFORMATION_ACCESS,
        AUTHORITY_KEY_ID,
        BASIC_CONSTRAINTS,
        CRL_DISTRIBUTION_POINTS,
        EXTENDED_KEY_USAGE,
        KEY_USAGE,
        OCSP_NO_CHECK,
        SUBJECT_KEY_ID,
    }
)
_NOT_CRITICAL: Final = {
    AUTHORITY_KEY_ID: "authority key identifier",
    SUBJECT_KEY_ID: "subject key identifier",
    AUTHORITY_INFORMATION_ACCESS: "authority information access",
}
_FORMS: Final[dict[int, Callable[[str], bool]]] = {
    MAIL: is_mail_address,
    DNS: is_dns_name,
    URI: is_uri,
}


def no_duplicates(view: CertificateView) -> str | None:
    """An extension is there once."""
    kinds = [one.oid for one in view.extensions]
    twice = next((kind for kind in kinds if kinds.count(kind) > 1), None)
    return None if twice is None else f"the extension {twice} is there twice"


def known(view: CertificateView) -> str | None:
    """Nothing is issued that no profile writes."""
    other = next((one.oid for one in view.extensions if one.oid not in _KNOWN), None)
    return None if other is None else f"the extension {other} is of no profile"


def basic_constraints_critical(view: CertificateView) -> str | None:
    """In a CA certificate they are critical."""
    extension = view.extension(BASIC_CONSTRAINTS)
    wrong = extension is not None and view.is_ca and not extension.critical
    return "the basic constraints are not critical" if wrong else None


def path_length_of_ca(view: CertificateView) -> str | None:
    """Only a CA certificate has a path length."""
    is_ca, length = view.basic_constraints
    return "a path length is in no CA certificate" if length is not None and not is_ca else None


def ca_usage(view: CertificateView) -> str | None:
    """A CA signs certificates and CRLs, and the usage is critical."""
    if not view.is_ca:
        return None
    extension = view.extension(KEY_USAGE)
    if extension is None:
        return "a CA certificate has no key usage"
    if not {KEY_CERT_SIGN, CRL_SIGN} <= view.key_usage:
        return "the key usage of a CA lacks keyCertSign or cRLSign"
    return None if extension.critical else "the key usage is not critical"


def end_entity_usage(view: CertificateView) -> str | None:
    """An end entity signs handshakes and answers, and never certificates."""
    if view.is_ca:
        return None
    extension = view.extension(KEY_USAGE)
    if extension is None:
        return "the certificate has no key usage"
    if KEY_CERT_SIGN in view.key_usage or CRL_SIGN in view.key_usage:
        return "the key usage of an end entity has keyCertSign or cRLSign"
    if DIGITAL_SIGNATURE not in view.key_usage:
        return "the key usage lacks digitalSignature"
    return None if extension.critical else "the key usage is not critical"


def purpose(view: CertificateView) -> str | None:
    """An end entity has exactly one purpose: clientAuth or OCSPSigning."""
    right = view.is_ca or view.extended_key_usage in ((CLIENT_AUTH,), (OCSP_SIGNING,))
    return None if right else "the extended key usage is neither clientAuth nor OCSPSigning"


def ca_purpose(view: CertificateView) -> str | None:
    """A CA that is limited to other purposes could issue no client certificate."""
    limited = view.extension(EXTENDED_KEY_USAGE) is not None
    if view.is_ca and limited and CLIENT_AUTH not in view.extended_key_usage:
        return "the extended key usage of a CA lacks clientAuth"
    return None


def no_check(view: CertificateView) -> str | None:
    """Only an OCSP responder is not asked about, and always is not."""
    responder = OCSP_SIGNING in view.extended_key_usage
    if responder == (view.extension(OCSP_NO_CHECK) is not None):
        return None
    return "id-pkix-ocsp-nocheck and OCSPSigning are not together"


def subject_key_id(view: CertificateView) -> str | None:
    """A CA has a key identifier; others should."""
    missing = view.is_ca and view.subject_key_id is None
    return "a CA certificate has no subject key identifier" if missing else None


def subject_key_id_recommended(view: CertificateView) -> str | None:
    """An end entity should have one."""
    missing = not view.is_ca and view.subject_key_id is None
    return "the certificate has no subject key identifier" if missing else None


def authority_key_id(view: CertificateView) -> str | None:
    """It is the issuer's key identifier, where the issuer has one."""
    issuer = view.issuer or view
    if issuer.subject_key_id is None or view.authority_key_id == issuer.subject_key_id:
        return None
    if view.authority_key_id is None:
        return "there is no authority key identifier"
    return "the authority key identifier is not the issuer's key identifier"


def not_critical(view: CertificateView) -> str | None:
    """Key identifiers and addresses are never critical."""
    for one in view.extensions:
        if one.critical and one.oid in _NOT_CRITICAL:
            return f"the {_NOT_CRITICAL[one.oid]} is critical"
    return None


def distribution_points(view: CertificateView) -> str | None:
    """Where CRLs are is an http URL."""
    return _not_http("CRL distribution point", view, CRL_DISTRIBUTION_POINTS)


def information_access(view: CertificateView) -> str | None:
    """Where OCSP answers and the issuer are is an http URL."""
    return _not_http("authority information access", view, AUTHORITY_INFORMATION_ACCESS)


def _not_http(what: str, view: CertificateView, oid: str) -> str | None:
    if view.extension(oid) is None:
        return None
    names = view.distribution_urls if oid == CRL_DISTRIBUTION_POINTS else view.access_urls
    if names and all(tag == URI and is_http_url(text.decode("latin-1")) for tag, text in names):
        return None
    return f"the {what} is not an http URL"


def alternative_names(view: CertificateView) -> str | None:
    """Each is of a form that its kind has, and there is one at least."""
    if view.extension(ALTERNATIVE_NAME) is None:
        return None
    if not view.alternative_names:
        return "the alternative name is empty"
    for tag, content in view.alternative_names:
        if tag == ADDRESS:
            right = len(content) in (4, 16)
        else:
            form = _FORMS.get(tag)
            right = form is not None and form(content.decode("latin-1"))
        if not right:
            return f"the alternative name {content[:60]!r} is not well formed"
    return None


EXTENSION_LINTS: Final[tuple[Lint[CertificateView], ...]] = (
    Lint(id="extension_once", clause="RFC 5280 §4.2", check=no_duplicates),
    Lint(id="extension_known", clause="RFC 5280 §4.2", check=known),
    Lint(
        id="basic_constraints_critical",
        clause="RFC 5280 §4.2.1.9",
        check=basic_constraints_critical,
    ),
    Lint(id="path_length_of_ca", clause="RFC 5280 §4.2.1.9", check=path_length_of_ca),
    Lint(id="ca_key_usage", clause="RFC 5280 §4.2.1.3", check=ca_usage),
    Lint(id="end_entity_key_usage", clause="RFC 5280 §4.2.1.3", check=end_entity_usage),
    Lint(id="purpose", clause="RFC 5280 §4.2.1.12", check=purpose),
    Lint(id="ca_purpose", clause="RFC 5280 §4.2.1.12", check=ca_purpose),
    Lint(id="ocsp_no_check", clause="RFC 6960 §4.2.2.2.1", check=no_check),
    Lint(id="ca_subject_key_id", clause="RFC 5280 §4.2.1.2", check=subject_key_id),
    Lint(
        id="subject_key_id",
        clause="RFC 5280 §4.2.1.2",
        check=subject_key_id_recommended,
        severity=Severity.WARNING,
    ),
    Lint(id="authority_key_id", clause="RFC 5280 §4.2.1.1", check=authority_key_id),
    Lint(id="not_critical", clause="RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.2.1", check=not_critical),
    Lint(id="crl_url", clause="RFC 5280 §4.2.1.13, §8", check=distribution_points),
    Lint(id="access_url", clause="RFC 5280 §4.2.2.1, §8", check=information_access),
    Lint(id="san_form", clause="RFC 5280 §4.2.1.6", check=alternative_names),
)
