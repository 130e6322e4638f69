# SPDX-License-Identifier: Apache-2.0
"""Whom a certificate is about: the subject and the alternative names, as text and in DER.

Values are checked when they are made: what is here can be put into a certificate. RFC 5280
§4.1.2.6, §4.2.1.6 and appendix A.1 (upper bounds).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from authz.ca import encode
from authz.certs import names as certificate_names
from authz.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: The attributes a subject may have: object identifier and upper bound in characters.
ATTRIBUTES: Final[dict[str, tuple[str, int]]] = {
    "country": ("2.5.4.6", 2),
    "state": ("2.5.4.8", 128),
    "location": ("2.5.4.7", 128),
    "organization": ("2.5.4.10", 64),
    "organizational_unit": ("2.5.4.11", 64),
    "common_name": ("2.5.4.3", 64),
    "serial_number": ("2.5.4.5", 64),
}
#: Further than a person reads, and a certificate grows with each.
MAX_ALTERNATIVE_NAMES: Final = 100
MAX_UNITS: Final = 16

#: Attributes that are PrintableString whatever they say (RFC 5280 appendix A.1).
_PRINTABLE: Final = frozenset({"country", "serial_number"})
_PRINTABLE_TEXT: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*\Z")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")
# What shows as nothing although Python calls it printable: letters and marks among Unicode's
# Default_Ignorable_Code_Point (fillers, joiners, variation selectors), and the Braille blank.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# RFC 1034 §3.5 with RFC 1123 §2.1: letters, digits and inner hyphens.
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
# RFC 5321 §4.1.2: a Dot-string; quoted local parts are refused.
_LOCAL_PART: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z"
)
# RFC 3986 §2: unreserved, reserved and percent-encoded characters.
_URI: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+\Z"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A distinguished name, in the order it is written. Make one with `Subject.of`.

    Attributes:
        attributes: pairs of a name in `ATTRIBUTES` and its value.

    Raises:
        InvalidRequestError: a value is empty, too long or has characters it may not have.
    """

    attributes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name, value in self.attributes:
            _check_attribute(name, value)
        names = [name for name, _ in self.attributes]
        for name in ATTRIBUTES:
            most = MAX_UNITS if name == "organizational_unit" else 1
            if names.count(name) > most:
                raise InvalidRequestError(
                    f"the subject has {names.count(name)} {_spoken(name)}s",
                    hint=f"at most {most} is taken",
                )

    @classmethod
    def of(
        cls,
        common_name: str = "",
        *,
        organization: str = "",
        organizational_unit: str = "",
        location: str = "",
        state: str = "",
        country: str = "",
        serial_number: str = "",
    ) -> Subject:
        """A subject of these attributes, those that are empty left out."""
        given = {
            "country": country,
            "state": state,
            "location": location,
            "organization": organization,
            "organizational_unit": organizational_unit,
            "common_name": common_name,
            "serial_number": serial_number,
        }
        return cls(tuple((name, value) for name, value in given.items() if value))

    def value(self, name: str) -> str:
        """The first value of this attribute, "" without one."""
        return next((value for key, value in self.attributes if key == name), "")

    @property
    def common_name(self) -> str:
        """The common name, "" without one."""
        return self.value("common_name")

    @property
    def dn(self) -> str:
        """The name in RFC 2253 form, as the rule fields show it."""
        return certificate_names.rfc2253(certificate_names.parse_name(self.der))

    @property
    def der(self) -> bytes:
        """The Name in DER."""
        return encode.sequence(*(_attribute(name, value) for name, value in self.attributes))


@dataclass(frozen=True, slots=True)
class KeptName:
    """A subject that exists, byte for byte: what was issued under it is found by it."""

    der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeNames:
    """The alternative names a client certificate may have; `ip` in canonical text.

    Raises:
        InvalidRequestError: one is not well formed, or there are too many.
    """

    dns: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self) > MAX_ALTERNATIVE_NAMES:
            raise InvalidRequestError(
                f"there are {len(self)} alternative names",
                hint=f"at most {MAX_ALTERNATIVE_NAMES} are taken",
            )
        _check_all("a DNS name", self.dns, is_dns_name)
        _check_all("a URI", self.uri, is_uri)
        _check_all("a mail address", self.email, is_mail_address)
        _check_all("an IP address", self.ip, _is_ip)

    def __len__(self) -> int:
        return len(self.dns) + len(self.uri) + len(self.email) + len(self.ip)

    @property
    def der(self) -> bytes:
        """The GeneralNames in DER; not to be written when there are none."""
        return encode.sequence(
            *(encode.tlv(0x82, name.encode("ascii")) for name in self.dns),
            *(encode.tlv(0x86, name.encode("ascii")) for name in self.uri),
            *(encode.tlv(0x81, name.encode("ascii")) for name in self.email),
            *(encode.tlv(0x87, ip_address(name).packed) for name in self.ip),
        )


def http_url(text: str) -> str:
    """An address that a certificate may name for CRLs, OCSP or its issuer, as it is.

    Raises:
        InvalidRequestError: it is not http, or not an address. https would need this very answer
            first (RFC 5280 §8), and LDAP is not served.
    """
    if not is_http_url(text):
        raise InvalidRequestError(
            f"{text[:100]!r} is no address that certificates can name",
            hint='write "http://pki.example.com/..."; RFC 5280 section 8 says why not https',
        )
    return text


def is_http_url(text: str) -> bool:
    """Whether it is an http URL with a host."""
    return bool(is_uri(text) and text.startswith("http://") and urlsplit(text).hostname)


def _check_attribute(name: str, value: str) -> None:
    bound = ATTRIBUTES[name][1]
    if not value.strip() or len(value) > bound:
        raise InvalidRequestError(
            f"the {_spoken(name)} is empty"
            if not value.strip()
            else f"the {_spoken(name)} has {len(value)} characters",
            hint=f"RFC 5280 appendix A.1: 1 to {bound} characters",
        )
    if value != value.strip():
        # RFC 4518 §2.6.1: it says the same without them, and nobody would see them.
        raise InvalidRequestError(
            f"the {_spoken(name)} begins or ends with a blank", hint="remove it"
        )
    if name == "country" and not _COUNTRY.match(value):
        raise InvalidRequestError(
            f"the country {value!r} is not a code of two capital letters",
            hint="ISO 3166: DE, US, ...",
        )
    if name in _PRINTABLE and not _PRINTABLE_TEXT.match(value):
        raise InvalidRequestError(
            f"the {_spoken(name)} has characters that a PrintableString cannot have",
            hint="RFC 5280 appendix A.1: letters, digits, space and '()+,-./:=?",
        )
    check_visible(_spoken(name), value)


def check_visible(what: str, value: str) -> None:
    """Refuse text that shows as another one than it is: it would be read as a name it is not.

    Letters of several scripts that look alike are shown apart (`Subject.dn`) and not refused.

    Raises:
        InvalidRequestError: there are control, format (bidirectional) or invisible characters, or
            blanks at an end.
    """
    if value != value.strip():
        raise InvalidRequestError(
            f"the {what} begins or ends with a blank", hint="remove the blanks at its ends"
        )
    if not value.isprintable() or _INVISIBLE.search(value):
        raise InvalidRequestError(
            f"the {what} has control characters, or such as cannot be seen", hint="remove them"
        )


def _attribute(name: str, value: str) -> bytes:
    # RFC 5280 §4.1.2.4: UTF8String or PrintableString.
    text = encode.printable_string if name in _PRINTABLE else encode.utf8_string
    pair = encode.sequence(encode.oid(ATTRIBUTES[name][0]), text(value))
    return encode.tlv(encode.SET, pair)


def _check_all(what: str, names: Iterable[str], is_one: Callable[[str], bool]) -> None:
    for name in names:
        if not is_one(name):
            raise InvalidRequestError(
                f"{name[:100]!r} is not {what}",
                hint="RFC 5280 section 4.2.1.6 says which form it must have",
            )


def is_dns_name(name: str) -> bool:
    """Whether it is a host name in preferred syntax; a wildcard is none."""
    return len(name) <= 253 and all(map(_LABEL.match, name.split(".")))


def is_mail_address(name: str) -> bool:
    """Whether it is a mail address of a dot-string and a host name (RFC 5321 §4.1.2)."""
    local, at, domain = name.rpartition("@")
    return bool(at and len(name) <= 254 and _LOCAL_PART.match(local) and is_dns_name(domain))


def is_uri(name: str) -> bool:
    """Whether it is an absolute URI in ASCII (RFC 3986 §4.3)."""
    if len(name) > 2048 or not _URI.match(name):
        return False
    try:
        # Raises over brackets that are no address, and over a port that is none.
        urlsplit(name).port  # noqa: B018  # asked for what it raises
    except ValueError:
        return False
    return True


def _is_ip(name: str) -> bool:
    try:
        return str(ip_address(name)) == name and "%" not in name
    except ValueError:
        return False


def _spoken(name: str) -> str:
    return name.replace("_", " ")
