# SPDX-License-Identifier: Apache-2.0
"""Which hosts and addresses may be asked for a CRL or an OCSP answer.

What is asked for comes from settings, and from certificates, which strangers write: without a check
a URL would reach whatever this machine can reach (server-side request forgery). Addresses are
judged, not names, because only an address says where a connection goes. IANA IPv4 and IPv6
Special-Purpose Address Registries (RFC 6890).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class NamedBy(StrEnum):
    """Who named a URL: the operator, or a certificate or CRL, which are others' words."""

    OPERATOR = "operator"
    CERTIFICATE = "certificate"


class Reach(StrEnum):
    """What an address leads to.

    PRIVATE needs a host or network in `fetch.allowed_hosts`; RESERVED an address or network there,
    because nobody means it by a name.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    RESERVED = "reserved"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


#: Nothing that serves CRLs: this network, link-local (where clouds keep their metadata), multicast,
#: reserved; then the same services of clouds at other addresses.
_RESERVED: Final = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "fe80::/10",
    "ff00::/8",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "fd00:ec2::254/128",
)
_PRIVATE: Final = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    # Protocol assignments with Teredo (which hides an IPv4 address), and documentation.
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")

#: IPv6 networks whose addresses lead to an IPv4 address, and how many bits follow that one:
#: mapped and translated (RFC 4291, RFC 7915), compatible, 6to4 (RFC 3056), NAT64 (RFC 6052).
_EMBEDDING: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::ffff:0:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("2002::/16"), 80),
    (IPv6Network("64:ff9b::/96"), 0),
)

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, IPv6Address) and address not in _PLAIN_IPV6:
        for network, after in _EMBEDDING:
            if address in network:
                return IPv4Address(int(address) >> after & 0xFFFFFFFF)
    return address


#: The two addresses of ::/96 that are none of that kind (RFC 4291 §2.5.2 and §2.5.3).
_PLAIN_IPV6: Final = frozenset({IPv6Address("::"), IPv6Address("::1")})


def reach_of(address: Address) -> Reach:
    """What an address leads to."""
    target = embedded(address)
    if _in(target, _RESERVED):
        return Reach.RESERVED
    if _in(target, _PRIVATE):
        return Reach.PRIVATE
    if isinstance(target, IPv6Address) and target not in _GLOBAL_UNICAST:
        return Reach.PRIVATE
    return Reach.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """`fetch.allowed_hosts`, taken apart: exact names, suffixes of `*.` names, networks."""

    names: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AllowedHosts:
        """Read exact names, `*.example.com` (any depth, not the apex), addresses and networks.

        Raises:
            SettingsError: an entry is none of these.
        """
        names: set[str] = set()
        suffixes: list[str] = []
        networks: list[Network] = []
        for index, text in enumerate(texts):
            try:
                networks.append(ip_network(text.strip("[]"), strict=True))
                continue
            except ValueError:
                pass
            name = canonical_host(text)
            bare = name.removeprefix("*.")
            if "/" in text or not _NAME.fullmatch(bare):
                raise SettingsError(
                    f'"{text}" is neither a host name nor an address nor a network',
                    where=f"fetch.allowed_hosts[{index}]",
                    hint='write "crl.example.com", "*.example.com", "10.1.2.3" or "10.1.0.0/16"',
                )
            if bare == name:
                names.add(name)
            else:
                suffixes.append(f".{bare}")
        return cls(names=frozenset(names), suffixes=tuple(suffixes), networks=tuple(networks))

    def has_host(self, host: str) -> bool:
        """Whether a host, as a URL writes it, is listed: by its name, or as an address."""
        name = canonical_host(host)
        if name in self.names or name.endswith(self.suffixes):
            return True
        try:
            return self.has_address(ip_address(name))
        except ValueError:
            return False

    def has_address(self, address: Address) -> bool:
        """Whether an address, or the IPv4 address that it leads to, is listed."""
        return _in(address, self.networks) or _in(embedded(address), self.networks)

    def refusal(self, host: str, address: Address) -> str:
        """Why `host` may not be asked at `address`, `""` when it may."""
        reach = reach_of(address)
        if reach is Reach.PUBLIC or self.has_address(address):
            return ""
        if reach is Reach.PRIVATE and self.has_host(host):
            return ""
        return f"{host} is at {address}, a {reach.value} address"


def canonical_host(text: str) -> str:
    """A host name as names are compared: lower case, without a dot at its end."""
    return text.lower().removesuffix(".")


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
