# SPDX-License-Identifier: Apache-2.0
"""Lints over a CRL and the certificate of its issuer. RFC 5280 §5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.ca.key_kinds import algorithm_of
from authz.ca.lints.finding import Lint
from authz.ca.lints.view import (
    AUTHORITY_KEY_ID,
    KEY_USAGE,
    URI,
    distribution_names,
)
from authz.ca.names import is_http_url
from authz.ca.profiles import CRL_SIGN
from authz.certs import der
from authz.certs.profile import MAX_SERIAL_BITS

if TYPE_CHECKING:
    from authz.ca.lints.crl_view import CrlView

CRL_NUMBER: Final = "2.5.29.20"
DELTA_INDICATOR: Final = "2.5.29.27"
DISTRIBUTION_POINT: Final = "2.5.29.28"
FRESHEST_CRL: Final = "2.5.29.46"

_CRITICAL: Final = {DELTA_INDICATOR: "delta CRL indicator", DISTRIBUTION_POINT: "scope"}
_NOT_CRITICAL: Final = {
    CRL_NUMBER: "CRL number",
    AUTHORITY_KEY_ID: "authority key identifier",
    FRESHEST_CRL: "freshest CRL",
}


def version(view: CrlView) -> str | None:
    """Extensions need version 2."""
    return None if view.version == 2 else f"the version is {view.version}"


def algorithms_equal(view: CrlView) -> str | None:
    """What is signed says how it is signed."""
    equal = view.inner_algorithm == view.outer_algorithm
    return None if equal else "the signature algorithms inside and outside differ"


def algorithm_of_issuer(view: CrlView) -> str | None:
    """The algorithm is that of the issuer's key."""
    right = view.outer_algorithm == algorithm_of(view.issuer.spki).identifier
    return None if right else "the signature algorithm is not that of the issuer's key"


def issuer_name(view: CrlView) -> str | None:
    """The issuer's name is its subject, byte for byte."""
    equal = view.issuer_name == view.issuer.subject
    return None if equal else "the issuer name is not the issuer's subject, byte for byte"


def issuer_may_sign(view: CrlView) -> str | None:
    """The issuer's key usage, where it has one, has cRLSign."""
    limited = view.issuer.extension(KEY_USAGE) is not None
    if limited and CRL_SIGN not in view.issuer.key_usage:
        return "the issuer's key usage lacks cRLSign"
    return None


def time_form(view: CrlView) -> str | None:
    """Times are written as in certificates."""
    wrong = next(
        (one for one in (view.this_update, view.next_update) if one and one.at is None), None
    )
    return None if wrong is None else f"a time is written as {wrong.text[:40]!r}"


def next_update(view: CrlView) -> str | None:
    """There is a nextUpdate."""
    return "there is no nextUpdate" if view.next_update is None else None


def update_order(view: CrlView) -> str | None:
    """The next update is after this one."""
    begin, end = view.this_update.at, view.next_update.at if view.next_update else None
    if begin is None or end is None or begin < end:
        return None
    return "nextUpdate is not after thisUpdate"


def number(view: CrlView) -> str | None:
    """Every CRL has a number that is not negative and has at most 20 octets."""
    own = view.number(CRL_NUMBER)
    if own is None:
        return "there is no CRL number"
    return None if 0 <= own < 2**159 else "the CRL number has more than 20 octets, or is negative"


def base_number(view: CrlView) -> str | None:
    """A delta is to an earlier CRL."""
    own, base = view.number(CRL_NUMBER), view.number(DELTA_INDICATOR)
    if own is None or base is None or base < own:
        return None
    return "the base CRL number of a delta is not below its own"


def authority_key_id(view: CrlView) -> str | None:
    """It is the issuer's key identifier, where the issuer has one."""
    expected = view.issuer.subject_key_id
    if expected is None:
        return None
    extension = view.extension(AUTHORITY_KEY_ID)
    if extension is None:
        return "there is no authority key identifier"
    parts = der.children(der.read(extension.value)[0].content)
    if any(part.tag == 0x80 and part.content == expected for part in parts):
        return None
    return "the authority key identifier is not the issuer's key identifier"


def no_duplicate_extensions(view: CrlView) -> str | None:
    """An extension is there once."""
    kinds = [one.oid for one in view.extensions]
    return None if len(kinds) == len(set(kinds)) else "an extension is there twice"


def criticality(view: CrlView) -> str | None:
    """What changes the meaning of a CRL is critical, and nothing else is."""
    for one in view.extensions:
        if one.oid in _CRITICAL and not one.critical:
            return f"the {_CRITICAL[one.oid]} is not critical"
        if one.oid in _NOT_CRITICAL and one.critical:
            return f"the {_NOT_CRITICAL[one.oid]} is critical"
    return None


def known(view: CrlView) -> str | None:
    """Nothing is written that is not known here."""
    kinds = _CRITICAL.keys() | _NOT_CRITICAL.keys()
    other = next((one.oid for one in view.extensions if one.oid not in kinds), None)
    return None if other is None else f"the extension {other} is not known"


def freshest_in_complete(view: CrlView) -> str | None:
    """A delta does not point to deltas."""
    both = view.extension(FRESHEST_CRL) and view.extension(DELTA_INDICATOR)
    return "a delta CRL points to a delta CRL" if both else None


def urls(view: CrlView) -> str | None:
    """Where deltas are is an http URL."""
    extension = view.extension(FRESHEST_CRL)
    if extension is None:
        return None
    names = distribution_names(extension)
    if names and all(tag == URI and is_http_url(text.decode("latin-1")) for tag, text in names):
        return None
    return "the freshest CRL is not an http URL"


def no_duplicates(view: CrlView) -> str | None:
    """A serial number is listed once."""
    listed = len(view.revoked) + len(view.removed)
    once = len({*view.revoked, *view.removed}) == listed
    return None if once else "a serial number is listed twice"


def serials_positive(view: CrlView) -> str | None:
    """Serial numbers are those that certificates have."""
    least = min(min(view.revoked, default=1), min(view.removed, default=1))
    most = max(max(view.revoked, default=1), max(view.removed, default=1))
    right = least > 0 and most.bit_length() <= MAX_SERIAL_BITS
    return None if right else "a serial number is not positive or has more than 20 octets"


def removed_in_delta(view: CrlView) -> str | None:
    """removeFromCRL is said in deltas only."""
    wrong = view.removed and view.extension(DELTA_INDICATOR) is None
    return "removeFromCRL is in a complete CRL" if wrong else None


def no_unspecified(view: CrlView) -> str | None:
    """The reason unspecified is left out."""
    return "the reason unspecified is written" if view.says_unspecified else None


CRL_LINTS: Final[tuple[Lint[CrlView], ...]] = (
    Lint(id="crl_version_2", clause="RFC 5280 §5.1.2.1", check=version),
    Lint(id="crl_algorithms_equal", clause="RFC 5280 §5.1.1.2", check=algorithms_equal),
    Lint(id="crl_algorithm_of_issuer", clause="RFC 5280 §5.1.2.2", check=algorithm_of_issuer),
    Lint(id="crl_issuer_name", clause="RFC 5280 §5.1.2.3", check=issuer_name),
    Lint(id="crl_issuer_may_sign", clause="RFC 5280 §6.3.3 (f)", check=issuer_may_sign),
    Lint(id="crl_time_form", clause="RFC 5280 §5.1.2.4", check=time_form),
    Lint(id="crl_next_update", clause="RFC 5280 §5.1.2.5", check=next_update),
    Lint(id="crl_update_order", clause="RFC 5280 §5.1.2.5", check=update_order),
    Lint(id="crl_number", clause="RFC 5280 §5.2.3", check=number),
    Lint(id="crl_base_number", clause="RFC 5280 §5.2.4", check=base_number),
    Lint(id="crl_authority_key_id", clause="RFC 5280 §5.2.1", check=authority_key_id),
    Lint(id="crl_extension_once", clause="RFC 5280 §5.2", check=no_duplicate_extensions),
    Lint(
        id="crl_criticality",
        clause="RFC 5280 §5.2.3, §5.2.4, §5.2.5, §5.2.6",
        check=criticality,
    ),
    Lint(id="crl_extension_known", clause="RFC 5280 §5.2", check=known),
    Lint(id="crl_freshest_in_complete", clause="RFC 5280 §5.2.6", check=freshest_in_complete),
    Lint(id="crl_url", clause="RFC 5280 §5.2.6, §8", check=urls),
    Lint(id="crl_serial_once", clause="RFC 5280 §5.1.2.6", check=no_duplicates),
    Lint(id="crl_serial_form", clause="RFC 5280 §4.1.2.2", check=serials_positive),
    Lint(id="crl_removed_in_delta", clause="RFC 5280 §5.3.1", check=removed_in_delta),
    Lint(id="crl_no_unspecified", clause="RFC 5280 §5.3.1", check=no_unspecified),
)
