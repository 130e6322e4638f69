# SPDX-License-Identifier: Apache-2.0
"""Items of lists as clients write them: judged, and written as Cloudflare writes them.

    {"ip": "2001:DB8::1/32", "comment": "offices"}  →  2001:db8::/32

What is wrong with an item is a value, for all of them are judged at once. What a list of a policy
file may hold is in rules.list_items: whatever passes here, passes there.
https://developers.cloudflare.com/waf/tools/lists/custom-lists/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import TYPE_CHECKING, Any, Final

import msgspec

from authz.rules.address_suggestions import hint_for_item
from authz.rules.list_items import BadItemError, ListKind, hostname_of
from authz.rules.types import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Characters of a comment, as at Cloudflare.
MAX_COMMENT: Final = 500

#: Characters of an item of a list of strings: as many as an expression may have.
MAX_STRING: Final = 4096

#: DNS (RFC 1035 §2.3.4) without the final dot.
MAX_HOSTNAME: Final = 253

#: The least prefix length of a network: a shorter one is most of the Internet, which is no list.
MIN_PREFIX4: Final = 2
MIN_PREFIX6: Final = 4

#: So many problems are told of one call.
MAX_PROBLEMS: Final = 20

_ASN_MAX: Final = 2**32 - 1
_PREFIX: Final = re.compile(r"[0-9]{1,3}")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SHOWN: Final = 80


class GivenHostname(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A host name as a client writes it."""

    url_hostname: str
    exclude_exact_hostname: bool | None = None


class GivenItem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An item as a client writes it: one value, that of the list's kind, and a comment."""

    ip: str | None = None
    hostname: GivenHostname | None = None
    asn: int | None = None
    string: str | None = None
    integer: int | None = None
    redirect: msgspec.Raw | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item that a list can hold; `exclude_exact` as in ListItem."""

    value: str
    comment: str = ""
    exclude_exact: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProblem:
    """What is wrong with an item.

    Args:
        position: of the item, from 0.
        field: of the item, `""` for all of it.
        repeats: the position of the item that it has the value of.
    """

    position: int
    field: str
    message: str
    repeats: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItems:
    """Items of a kind, or what is wrong with them: there are `items` when nothing is."""

    kind: ListKind
    items: tuple[NewItem, ...] = ()
    problems: tuple[ItemProblem, ...] = ()


class _WrongValueError(Exception):
    """Why a value is none; internal to this module."""


def judge_items(kind: ListKind, given: Iterable[GivenItem]) -> JudgedItems:
    """Judge what a client wants in a list of this kind; MAX_PROBLEMS problems at most."""
    items: list[NewItem] = []
    problems: list[ItemProblem] = []
    positions: dict[str, int] = {}
    for position, one in enumerate(given):
        found = _judge(kind, one)
        if isinstance(found, NewItem):
            earlier = positions.setdefault(found.value, position)
            if earlier == position:
                items.append(found)
                continue
            twice = f"{_shown(found.value)} is there twice: item {earlier} has it, too"
            problem = ItemProblem(
                position=position, field=kind.value, message=twice, repeats=earlier
            )
        else:
            field, message = found
            problem = ItemProblem(position=position, field=field, message=message)
        problems.append(problem)
        if len(problems) == MAX_PROBLEMS:
            break
    if problems:
        return JudgedItems(kind=kind, problems=tuple(problems))
    return JudgedItems(kind=kind, items=tuple(items))


def searched(kind: ListKind, text: str) -> str:
    """What somebody looks for, as a value of this kind has it; as it is, if it is a part of one."""
    if kind is ListKind.IP:
        try:
            return _ip(text)
        except _WrongValueError:
            return text.lower()
    return text.lower() if kind is ListKind.HOSTNAME else text


def excludes_exact(value: str, given: bool | None) -> bool | None:
    """Whether an item leaves out the name itself: said of every wildcard (Terraform wants it)."""
    return True if given is None and value.startswith("*.") else given


def _judge(kind: ListKind, one: GivenItem) -> NewItem | tuple[str, str]:
    """The item, or the field that is wrong and why."""
    if one.redirect is not None and bytes(one.redirect) != b"null":
        return "redirect", "this service does no redirects"
    for other in ListKind:
        if other is not kind and getattr(one, other.value) is not None:
            return other.value, f"the list is of kind {kind.value}, not {other.value}"
    value: Any = getattr(one, kind.value)
    if value is None:
        return "", f'an item of a list of kind {kind.value} has "{kind.value}"'
    comment = one.comment or ""
    if len(comment) > MAX_COMMENT or not _is_text(comment):
        return "comment", f"a comment has {MAX_COMMENT} characters at most, and no NUL"
    exclude_exact = None
    field = kind.value
    if kind is ListKind.HOSTNAME:
        exclude_exact, value = value.exclude_exact_hostname, value.url_hostname
        field = "hostname/url_hostname"
    try:
        return NewItem(value=_VALUES[kind](value), comment=comment, exclude_exact=exclude_exact)
    except _WrongValueError as error:
        return field, f"{_shown(value)} is not a valid value for {kind.value} because {error}"


def _ip(text: str) -> str:
    """An address or network, in the shortest form and without host bits."""
    address, slash, prefix = text.partition("/")
    family, width, least = (
        (AF_INET6, 128, MIN_PREFIX6) if ":" in address else (AF_INET, 32, MIN_PREFIX4)
    )
    try:
        number = int.from_bytes(inet_pton(family, address))
    except (OSError, ValueError):
        raise _WrongValueError(f"it is not an IP address or network{_hint_for(text)}") from None
    if slash and (not _PREFIX.fullmatch(prefix) or int(prefix) > width):
        raise _WrongValueError(f"it has no prefix length up to {width}")
    bits = int(prefix) if slash else width
    if width == 128 and bits >= 96 and number >> 32 == 0xFFFF:
        # Clients whose addresses are written ::ffff:a.b.c.d are IPv4 clients (policy.fields).
        number, width, bits, least = number & 0xFFFFFFFF, 32, bits - 96, MIN_PREFIX4
    if bits < least:
        raise _WrongValueError(f"a network has a prefix length from /{least} to /{width}")
    hosts = width - bits
    number = number >> hosts << hosts
    shown = _written(number, width)
    return shown if bits == width else f"{shown}/{bits}"


def _hint_for(text: str) -> str:
    hint = hint_for_item(text) if len(text) <= _SHOWN else None
    # Lists of policy files take ranges; Cloudflare's do not, and what it gives must be its own.
    return f" ({hint})" if hint and ".." not in hint else ""


def _written(number: int, width: int) -> str:
    if width == 32:
        return inet_ntop(AF_INET, number.to_bytes(4))
    shown = inet_ntop(AF_INET6, number.to_bytes(16))
    # RFC 5952 §5 leaves it to the writer whether there is an IPv4 address in it.
    return str(IPv6Address(number)) if "." in shown else shown


def _hostname(text: str) -> str:
    if len(text) > 2 * MAX_HOSTNAME:
        raise _WrongValueError(f"a host name has {MAX_HOSTNAME} characters at most")
    try:
        name = hostname_of(text)
    except BadItemError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise _WrongValueError(f"it {error.problem}{hint}") from None
    if len(name.removeprefix("*.")) > MAX_HOSTNAME:
        raise _WrongValueError(f"a host name has {MAX_HOSTNAME} characters at most")
    return name


def _asn(number: int) -> str:
    if not 0 <= number <= _ASN_MAX:
        raise _WrongValueError("an AS number has 32 bits")
    return str(number)


def _string(text: str) -> str:
    if len(text) > MAX_STRING or not _is_text(text):
        raise _WrongValueError(f"a string has {MAX_STRING} characters at most, and no NUL")
    return text


def _integer(number: int) -> str:
    if not INT_MIN <= number <= INT_MAX:
        raise _WrongValueError("an integer has 64 bits")
    return str(number)


def _is_text(text: str) -> bool:
    """Whether a database takes it (store.columns)."""
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))


def _shown(value: str | int) -> str:
    text = value if isinstance(value, str) else str(value)
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"


_VALUES: Final[dict[ListKind, Callable[[Any], str]]] = {
    ListKind.IP: _ip,
    ListKind.HOSTNAME: _hostname,
    ListKind.ASN: _asn,
    ListKind.STRING: _string,
    ListKind.INTEGER: _integer,
}
