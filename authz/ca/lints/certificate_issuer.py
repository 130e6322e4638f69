# SPDX-License-Identifier: Apache-2.0
"""Lints over a certificate and the one above it. RFC 5280 §6.1 would refuse what breaks these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.ca.lints.finding import Lint
from authz.ca.lints.view import KEY_USAGE
from authz.ca.profiles import KEY_CERT_SIGN

if TYPE_CHECKING:
    from authz.ca.lints.view import CertificateView


def issuer_name(view: CertificateView) -> str | None:
    """The issuer's name is the issuer's subject, byte for byte."""
    issuer = view.issuer or view
    equal = view.issuer_name == issuer.subject
    return None if equal else "the issuer name is not the issuer's subject, byte for byte"


def issuer_may_sign(view: CertificateView) -> str | None:
    """The issuer is a CA that may sign certificates."""
    issuer = view.issuer or view
    if not issuer.is_ca:
        return "the issuer is no CA"
    limited = issuer.extension(KEY_USAGE) is not None
    if limited and KEY_CERT_SIGN not in issuer.key_usage:
        return "the issuer's key usage lacks keyCertSign"
    return None


def within_issuer(view: CertificateView) -> str | None:
    """A certificate is valid within its issuer's validity: nothing else would verify."""
    issuer = view.issuer
    if issuer is None:
        return None
    begin, end = view.not_before.at, view.not_after.at
    first, last = issuer.not_before.at, issuer.not_after.at
    if begin is None or end is None or first is None or last is None:
        return None
    return None if first <= begin and end <= last else "the validity goes beyond the issuer's"


def path_length(view: CertificateView) -> str | None:
    """The issuer's path length leaves room for another CA."""
    issuer = view.issuer
    if issuer is None or not view.is_ca or view.subject == view.issuer_name:
        return None  # RFC 5280 §4.2.1.9: self-issued certificates do not count.
    above, own = issuer.basic_constraints[1], view.basic_constraints[1]
    if above is None:
        return None
    if above == 0:
        return "the issuer's path length allows no CA below it"
    # A longer one would not lengthen any path, but promises what does not hold.
    return None if own is not None and own < above else "the path length is not below the issuer's"


def key_of_its_own(view: CertificateView) -> str | None:
    """A certificate below another has another key: or the CA's key is in somebody's hands."""
    same = view.issuer is not None and view.spki == view.issuer.spki
    return "the certificate has its issuer's key" if same else None


ISSUER_LINTS: Final[tuple[Lint[CertificateView], ...]] = (
    Lint(id="issuer_name", clause="RFC 5280 §4.1.2.4", check=issuer_name),
    Lint(id="issuer_may_sign", clause="RFC 5280 §4.2.1.3, §4.2.1.9", check=issuer_may_sign),
    Lint(id="within_issuer", clause="RFC 5280 §6.1.3 (a)(2)", check=within_issuer),
    Lint(id="path_length", clause="RFC 5280 §4.2.1.9", check=path_length),
    Lint(id="key_of_its_own", clause="RFC 5280 §3.2", check=key_of_its_own),
)
