# SPDX-License-Identifier: Apache-2.0
"""Which site a Host belongs to (architecture 4.6).

Normalising a Host, and the table of exact names, wildcards and the catch-all. Envoy must choose
its virtual host the same way: the shipped listener strips ports and one trailing dot and matches
without regard to case; whatever it would read differently is no host at all here.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Generic, TypeVar

from authz.errors import PolicyError

T = TypeVar("T")

#: A DNS name as an HTTP authority carries it: labels of letters, digits, "-" and "_".
_NAME = re.compile(rb"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z")
_PORT = re.compile(rb":[0-9]{1,5}\Z")
_MAX_NAME = 253  # RFC 1035 2.3.4, in its textual form

#: Hosts remembered per table; client-controlled, so bounded.
_MAX_REMEMBERED = 4096


def _strip_port(host: bytes) -> bytes:
    found = _PORT.search(host)
    return host[: found.start()] if found else host


def as_envoy_sees(raw: bytes) -> bytes:
    """`raw` as the shipped listener's virtual host matching reads it: case, port, one dot gone."""
    host = _strip_port(raw.lower())
    return host[:-1] if host.endswith(b".") else host


def normalise_host(raw: bytes) -> str | None:
    """The canonical name for a Host or SNI, None when it is not a host.

    Lower case, without port and one trailing dot; IPv6 compressed in brackets; internationalised
    names as A-labels. A comma (Envoy joins two Host headers), userinfo and anything else that is
    no host gives None.
    """
    host = as_envoy_sees(raw)
    if _NAME.match(host):
        return host.decode("ascii") if len(host) <= _MAX_NAME else None
    if host.startswith(b"[") and host.endswith(b"]"):
        try:
            # IPv6Address takes a zone id; a zone is no part of a Host (RFC 3986 3.2.2).
            text = host[1:-1].decode("ascii")
            return f"[{IPv6Address(text)}]" if "%" not in text else None
        except ValueError:
            return None
    if any(byte >= 0x80 for byte in host):
        return _to_ascii(host)
    return None


def _to_ascii(host: bytes) -> str | None:
    import idna  # rarely needed, so not at start

    try:
        name = idna.encode(host.decode("utf-8"), uts46=True).decode("ascii")
    except (UnicodeError, ValueError):  # idna.IDNAError is a UnicodeError
        return None
    return name if _NAME.match(name.encode()) and len(name) <= _MAX_NAME else None


class HostTable(Generic[T]):
    """Hosts to values: exact beats wildcard, the longest suffix wins, `*` catches the rest.

    `*.example.com` covers any depth and not the apex.
    """

    def __init__(self) -> None:
        self._exact: dict[str, T] = {}
        self._wildcard: dict[str, T] = {}
        self._catch_all: T | None = None
        self._remembered: dict[bytes, T] = {}

    def add(self, pattern: str, value: T, *, where: str = "") -> None:
        """Register one host pattern.

        Raises:
            PolicyError: not a host, or registered before.
        """
        if pattern == "*":
            if self._catch_all is not None:
                raise PolicyError('two sites answer for "*"', where=where, hint="keep one of them")
            self._catch_all = value
            return
        wildcard = pattern.startswith("*.")
        name = normalise_host(pattern.removeprefix("*.").encode())
        port = _strip_port(pattern.encode()) != pattern.encode()
        if name is None or port or (wildcard and name.startswith("[")):
            raise PolicyError(
                f'"{pattern}" is not a host',
                where=where,
                hint='write a name without port ("api.example.com"), a wildcard for whole labels '
                '("*.example.com"), an address ("192.0.2.1", "[2001:db8::1]") or "*"',
            )
        table = self._wildcard if wildcard else self._exact
        if name in table:
            raise PolicyError(
                f'two sites answer for "{pattern}"', where=where, hint="keep one of them"
            )
        table[name] = value

    def find(self, raw: bytes) -> T | None:
        """The value for a Host as received, None when no pattern covers it.

        A spelling that is normalised further than Envoy does (IPv6 not in its short form, raw
        internationalised names) is only accepted when both spellings lead to the same value:
        otherwise Envoy would route it to one site and this service judge it by another.
        """
        value = self._remembered.get(raw)
        if value is not None:
            return value
        name = normalise_host(raw)
        if name is None:
            return None
        value = self._match(name)
        seen = as_envoy_sees(raw)
        if value is None or (
            seen != name.encode() and self._match(seen.decode("latin-1")) is not value
        ):
            return None
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[raw] = value
        return value

    def pattern_of(self, raw: bytes) -> str | None:
        """The pattern that gives the value for a Host as received: an exact name, `*.…` or `*`.

        None when `find` gives none.
        """
        name = normalise_host(raw)
        if name is None or self.find(raw) is None:
            return None
        if name in self._exact:
            return name
        suffix = name
        while "." in suffix:
            suffix = suffix.partition(".")[2]
            if suffix in self._wildcard:
                return f"*.{suffix}"
        return "*"

    def _match(self, name: str) -> T | None:
        value = self._exact.get(name)
        if value is not None:
            return value
        if self._wildcard:
            dot = name.find(".")
            while dot >= 0:
                value = self._wildcard.get(name[dot + 1 :])
                if value is not None:
                    return value
                dot = name.find(".", dot + 1)
        return self._catch_all
