# SPDX-License-Identifier: Apache-2.0
"""Lints over what every certificate has: version, serial number, times, names, key, algorithm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.ca.key_kinds import algorithm_of, check_public_key
from authz.ca.lints.finding import Lint
from authz.ca.lints.view import ALTERNATIVE_NAME, GENERALIZED_TIME, UTC_TIME
from authz.certs.names import value_text
from authz.errors import WeakKeyError

if TYPE_CHECKING:
    from authz.ca.lints.view import CertificateView, Moment

# RFC 5280 appendix A.1: upper bounds in characters.
_BOUNDS: Final = {
    "2.5.4.3": ("common name", 64),
    "2.5.4.5": ("serial number", 64),
    "2.5.4.7": ("locality", 128),
    "2.5.4.8": ("state", 128),
    "2.5.4.10": ("organization", 64),
    "2.5.4.11": ("organizational unit", 64),
}
_COUNTRY: Final = "2.5.4.6"
_MAIL: Final = "1.2.840.113549.1.9.1"
_STRINGS: Final = (0x0C, 0x13)  # UTF8String, PrintableString
_TWO_LETTERS: Final = re.compile(rb"[A-Z]{2}\Z")


def version(view: CertificateView) -> str | None:
    """Extensions need version 3."""
    return None if view.version == 3 else f"the version is {view.version}"


def serial_positive(view: CertificateView) -> str | None:
    """Zero and negative numbers are none."""
    positive = int.from_bytes(view.serial, signed=True) > 0
    return None if positive else "the serial number is not positive"


def serial_length(view: CertificateView) -> str | None:
    """At most 20 octets, the sign among them."""
    size = len(view.serial)
    return None if size <= 20 else f"the serial number has {size} octets"


def serial_random(view: CertificateView) -> str | None:
    """64 bits of a random number at least; a shorter number has not been drawn from them."""
    bits = int.from_bytes(view.serial, signed=True).bit_length()
    if bits > 64 or int.from_bytes(view.serial, signed=True) <= 0:
        return None
    return f"the serial number has {bits} bits only"


def algorithms_equal(view: CertificateView) -> str | None:
    """What is signed says how it is signed."""
    equal = view.inner_algorithm == view.outer_algorithm
    return None if equal else "the signature algorithms inside and outside differ"


def algorithm_supported(view: CertificateView) -> str | None:
    """The algorithm is that of the issuer's key, with the parameters that belong to it."""
    issuer = view.issuer or view
    try:
        identifier = algorithm_of(issuer.spki).identifier
    except WeakKeyError:
        return None  # key_strength says it, of the certificate with that key.
    right = view.outer_algorithm == identifier
    return None if right else "the signature algorithm is not that of the issuer's key"


def time_form(view: CertificateView) -> str | None:
    """UTCTime through 2049 and GeneralizedTime later, both with seconds and Z."""
    for name, moment in (("notBefore", view.not_before), ("notAfter", view.not_after)):
        if moment.at is None:
            return f"{name} is written as {moment.text[:40]!r}"
        late = moment.tag == GENERALIZED_TIME and moment.text < "2050"
        if late or (moment.tag == UTC_TIME and _ambiguous(moment)):
            return f"{name} is of the wrong type for its year"
    return None


def _ambiguous(moment: Moment) -> bool:
    # Two digits: 50 to 99 are 1950 to 1999, in which nothing was issued here.
    return moment.text[:2] >= "50"


def validity_order(view: CertificateView) -> str | None:
    """It does not end before it begins."""
    before, after = view.not_before.at, view.not_after.at
    if before is None or after is None or before <= after:
        return None
    return "the validity ends before it begins"


def whole_days(view: CertificateView) -> str | None:
    """The last second counts: 23:59:59 later, not 24:00:00, or a day has a second too many."""
    before, after = view.not_before.at, view.not_after.at
    if before is None or after is None or (after - before) % 86400:
        return None
    return "the validity is whole days and one second, the last one being part of it"


def key_strength(view: CertificateView) -> str | None:
    """Keys that our own judge, and Envoy, accept."""
    try:
        check_public_key(view.spki)
    except WeakKeyError as error:
        return error.message
    return None


def issuer_named(view: CertificateView) -> str | None:
    """The issuer has a name."""
    return None if len(view.issuer_name) > 2 else "the issuer name is empty"


def ca_named(view: CertificateView) -> str | None:
    """A CA has a name: it is found by it."""
    empty = view.is_ca and len(view.subject) <= 2
    return "a CA certificate has no subject" if empty else None


def subject_or_alternative(view: CertificateView) -> str | None:
    """Without a subject the alternative names are critical."""
    if len(view.subject) > 2 or view.is_ca:
        return None
    names = view.extension(ALTERNATIVE_NAME)
    if names is None:
        return "there is neither a subject nor an alternative name"
    return None if names.critical else "the subject is empty and the alternative name not critical"


def name_lengths(view: CertificateView) -> str | None:
    """Attributes keep to their upper bounds."""
    for attribute in view.attributes:
        if attribute.oid in _BOUNDS:
            name, bound = _BOUNDS[attribute.oid]
            text = value_text(attribute)
            if text is not None and not 0 < len(text) <= bound:
                return f"the {name} has {len(text)} characters, of {bound}"
    return None


def name_strings(view: CertificateView) -> str | None:
    """New names are written in UTF8String or PrintableString."""
    for attribute in view.attributes:
        if attribute.oid in _BOUNDS and attribute.tag not in _STRINGS:
            return f"the {_BOUNDS[attribute.oid][0]} is of the string type {attribute.tag:#04x}"
    return None


def country(view: CertificateView) -> str | None:
    """Two capital letters, printable."""
    for attribute in view.attributes:
        if attribute.oid == _COUNTRY and not (
            attribute.tag == 0x13 and _TWO_LETTERS.match(attribute.content)
        ):
            return "the country is not a PrintableString of two capital letters"
    return None


def mail_in_subject(view: CertificateView) -> str | None:
    """Mail addresses are alternative names."""
    found = any(attribute.oid == _MAIL for attribute in view.attributes)
    return "a mail address is in the subject" if found else None


FORM_LINTS: Final[tuple[Lint[CertificateView], ...]] = (
    Lint(id="version_3", clause="RFC 5280 §4.1.2.1", check=version),
    Lint(id="serial_positive", clause="RFC 5280 §4.1.2.2", check=serial_positive),
    Lint(id="serial_length", clause="RFC 5280 §4.1.2.2", check=serial_length),
    Lint(id="serial_random", clause="CA/Browser Forum BR §7.1", check=serial_random),
    Lint(id="algorithms_equal", clause="RFC 5280 §4.1.1.2", check=algorithms_equal),
    Lint(id="algorithm_of_issuer", clause="RFC 5280 §4.1.2.3", check=algorithm_supported),
    Lint(id="time_form", clause="RFC 5280 §4.1.2.5", check=time_form),
    Lint(id="validity_order", clause="RFC 5280 §4.1.2.5", check=validity_order),
    Lint(id="validity_inclusive", clause="RFC 5280 §4.1.2.5", check=whole_days),
    Lint(id="key_strength", clause="RFC 5280 §4.1.2.7", check=key_strength),
    Lint(id="issuer_named", clause="RFC 5280 §4.1.2.4", check=issuer_named),
    Lint(id="ca_named", clause="RFC 5280 §4.1.2.6", check=ca_named),
    Lint(id="subject_or_san", clause="RFC 5280 §4.1.2.6", check=subject_or_alternative),
    Lint(id="name_lengths", clause="RFC 5280 appendix A.1", check=name_lengths),
    Lint(id="name_strings", clause="RFC 5280 §4.1.2.4", check=name_strings),
    Lint(id="country", clause="RFC 5280 appendix A.1", check=country),
    Lint(id="mail_in_subject", clause="RFC 5280 §4.1.2.6", check=mail_in_subject),
)
