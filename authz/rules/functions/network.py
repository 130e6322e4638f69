# SPDX-License-Identifier: Apache-2.0
"""cidr and cidr6: the network address that an address belongs to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from authz.rules.functions.model import ArgumentError, ArgumentKind, Function, Parameter
from authz.rules.types import Int, Ip

if TYPE_CHECKING:
    from authz.rules.functions.model import Implementation, LiteralValue
    from authz.rules.types import Address


def _bits(literals: tuple[LiteralValue | None, ...], position: int, highest: int) -> int:
    bits = literals[position]
    if not isinstance(bits, int) or not 1 <= bits <= highest:
        raise ArgumentError(position, f"the number of network bits must be from 1 to {highest}")
    return bits


def _masker(bits4: int, bits6: int) -> Implementation:
    mask4 = (2**bits4 - 1) << (32 - bits4)
    mask6 = (2**bits6 - 1) << (128 - bits6)

    def network(address: Address, *_bits: int) -> Address:
        if isinstance(address, IPv4Address):
            return IPv4Address(int(address) & mask4)
        return IPv6Address(int(address) & mask6)

    return network


_ADDRESS: Final = Parameter(name="address", accepts=(Ip,), kind=ArgumentKind.NOT_LITERAL)
_BITS4: Final = Parameter(name="IPv4 bits", accepts=(Int,), kind=ArgumentKind.LITERAL)
_BITS6: Final = Parameter(name="IPv6 bits", accepts=(Int,), kind=ArgumentKind.LITERAL)

CIDR: Final = Function(
    name="cidr",
    parameters=(_ADDRESS, _BITS4, _BITS6),
    returns=Ip,
    bind=lambda literals: _masker(_bits(literals, 1, 32), _bits(literals, 2, 128)),
    doc="The network address, with so many bits kept of an IPv4 and of an IPv6 address.",
    limits="From 1 to 32 bits of an IPv4, from 1 to 128 bits of an IPv6 address.",
)
CIDR6: Final = Function(
    name="cidr6",
    parameters=(_ADDRESS, _BITS6),
    returns=Ip,
    bind=lambda literals: _masker(32, _bits(literals, 1, 128)),
    doc="The network address of an IPv6 address; an IPv4 address is unchanged.",
    limits="From 1 to 128 bits.",
)
