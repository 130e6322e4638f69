# SPDX-License-Identifier: Apache-2.0
"""The lint over the name constraints of all certificates above the one that is looked at.

Host names, mail addresses and IP addresses are judged; a name of any other form that is
constrained cannot be, and is refused (RFC 5280 §4.2.1.10: process or reject). Directory names are
among these: our own judge refuses every path that constrains them (authz/certs/profile.py). A
common name that looks like a host name is taken for one, as OpenSSL does, where no alternative
name is a host name. RFC 5280 §4.2.1.10, §6.1.3 (b) and (c).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from authz.ca.lints.finding import Lint
from authz.ca.lints.view import ADDRESS, DNS, MAIL, NAME_CONSTRAINTS, URI
from authz.ca.names import is_dns_name, is_mail_address
from authz.certs import der
from authz.certs.names import parse_name, rfc2253, value_text
from authz.errors import MalformedCertificateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from authz.ca.lints.view import CertificateView

_DIRECTORY: Final = 0xA4
_EXCLUDED: Final = 0xA1
_FORMS: Final = {
    MAIL: "mail address",
    DNS: "DNS name",
    URI: "URI",
    ADDRESS: "IP address",
    _DIRECTORY: "directory name",
}
_MAIL_ATTRIBUTE: Final = "1.2.840.113549.1.9.1"
_COMMON_NAME: Final = "2.5.4.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subtree:
    """A GeneralSubtree; `is_bounded` when it has a minimum or maximum, which RFC 5280 forbids."""

    tag: int
    base: bytes
    is_excluded: bool
    is_bounded: bool


def name_constraints(view: CertificateView) -> str | None:
    """Each name is permitted, and none excluded, by every certificate above."""
    if view.is_ca and view.subject == view.issuer_name:
        return None  # RFC 5280 §6.1.3 (b): self-issued certificates are not asked.
    names = tuple(_names(view))
    above = view.issuer
    while above is not None:
        extension = above.extension(NAME_CONSTRAINTS)
        if extension is not None:
            whose = f"the name constraints of {rfc2253(above.attributes)[:200]!r}"
            try:
                subtrees = tuple(_subtrees(extension.value))
            except MalformedCertificateError:
                return f"{whose} cannot be read"
            for tag, content in names:
                wrong = _judge(tag, content, [one for one in subtrees if one.tag == tag])
                if wrong is not None:
                    return f"the {_shown(tag, content)} {wrong} {whose}"
        above = above.issuer
    return None


def _judge(tag: int, content: bytes, subtrees: list[_Subtree]) -> str | None:
    is_permitted = all(one.is_excluded for one in subtrees)
    for one in subtrees:
        matches = _MATCHERS[tag](one.base, content) if tag in _MATCHERS else None
        if matches is None or one.is_bounded:
            return "cannot be judged by"
        if matches and one.is_excluded:
            return "is excluded by"
        is_permitted = is_permitted or matches
    return None if is_permitted else "is not permitted by"


def _names(view: CertificateView) -> Iterator[tuple[int, bytes]]:
    """The names as constraints see them: the tag of a general name, and its content."""
    yield _DIRECTORY, view.subject
    yield from view.alternative_names
    hosts = any(tag == DNS for tag, _ in view.alternative_names)
    for attribute in view.attributes:
        text = value_text(attribute) or ""
        if attribute.oid == _MAIL_ATTRIBUTE:
            yield MAIL, text.encode()
        looks_like_host = "." in text and is_dns_name(text)
        if attribute.oid == _COMMON_NAME and looks_like_host and not (hosts or view.is_ca):
            yield DNS, text.encode()


def _subtrees(value: bytes) -> Iterator[_Subtree]:
    for side in der.children(der.expect(der.read(value)[0], der.SEQUENCE).content):
        for subtree in der.children(side.content):
            base, end = der.read(subtree.content)
            yield _Subtree(
                tag=base.tag,
                base=base.content,
                is_excluded=side.tag == _EXCLUDED,
                is_bounded=end != len(subtree.content),
            )


def _within_host(base: bytes, name: bytes) -> bool | None:
    """The host itself and every one below it."""
    host, wanted = _text(base), _text(name)
    if not is_dns_name(host):
        return None  # With a leading dot or empty: RFC 5280 gives that no meaning for DNS names.
    return wanted == host or wanted.endswith(f".{host}")


def _within_mail(base: bytes, name: bytes) -> bool | None:
    """One mailbox, all of a host, or with a leading dot all of the hosts below a domain."""
    address, constraint = name.decode("latin-1"), base.decode("latin-1")
    if not is_mail_address(address):
        return None
    local, _, host = address.rpartition("@")
    if "@" in constraint:
        box, _, domain = constraint.rpartition("@")
        # RFC 5280 §7.5: the local part is compared exactly, the host in any case.
        same = (box, domain.lower()) == (local, host.lower())
        return same if is_mail_address(constraint) else None
    domain = constraint.lower()
    if not is_dns_name(domain.removeprefix(".")):
        return None
    return host.lower().endswith(domain) if domain.startswith(".") else host.lower() == domain


def _within_network(base: bytes, name: bytes) -> bool | None:
    """A network of addresses; one of IPv4 holds no address of IPv6."""
    half = len(base) // 2
    try:
        mask = ip_address(base[half:])
        network = ip_network((base[:half], _prefix_length(int(mask), mask.max_prefixlen)), False)
        return ip_address(name) in network
    except ValueError:
        return None


def _prefix_length(mask: int, bits: int) -> int:
    length = mask.bit_count()
    if mask != (1 << bits) - (1 << bits - length):
        raise ValueError("the ones of the mask do not come first")
    return length


_MATCHERS: Final[dict[int, Callable[[bytes, bytes], bool | None]]] = {
    DNS: _within_host,
    MAIL: _within_mail,
    ADDRESS: _within_network,
}


def _text(content: bytes) -> str:
    return content.decode("latin-1").lower()


def _shown(tag: int, content: bytes) -> str:
    form = _FORMS.get(tag, "name")
    if tag == _DIRECTORY:
        return f"{form} {rfc2253(parse_name(content))[:200]!r}"
    if tag == ADDRESS and len(content) in (4, 16):
        return f"{form} {ip_address(content)}"
    return f"{form} {content.decode('latin-1')[:200]!r}"


NAME_CONSTRAINT_LINTS: Final[tuple[Lint[CertificateView], ...]] = (
    Lint(
        id="name_constraints",
        clause="RFC 5280 §4.2.1.10, §6.1.3 (b)(c)",
        check=name_constraints,
    ),
)
