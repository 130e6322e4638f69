# SPDX-License-Identifier: Apache-2.0
"""The URL of a CRL or an OCSP responder, taken apart and judged by its text alone. RFC 3986.

Whether its host may be asked is fetch_hosts's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from authz.errors import FetchError

#: Longer ones are nobody's CRL.
MAX_URL: Final = 2048

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_PRINTABLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchUrl:
    """A URL that can be asked for.

    `host` is without brackets; `target` is what a request line has: path and query.
    """

    text: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def is_usual_port(self) -> bool:
        """Whether the port is that of HTTP or HTTPS."""
        return self.port in DEFAULT_PORTS.values()

    @property
    def authority(self) -> str:
        """What the Host field says (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def joined(self, reference: str) -> FetchUrl:
        """The URL that a reference leads to from here.

        Raises:
            FetchError: it cannot be asked for.
        """
        try:
            text = urljoin(self.text, reference)
        except ValueError:
            raise _no_url(reference) from None
        return parse_url(text)


def parse_url(text: str) -> FetchUrl:
    """Take a URL apart.

    Raises:
        FetchError: it is none, of another scheme than http and https, or has credentials.
    """
    where = _shown(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _no_url(text) from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        if scheme in {"ldap", "ldaps", "file", "ftp"}:
            raise FetchError(
                f"{scheme} URLs are not fetched",
                where=where,
                hint="publish the CRL over http, or have it written to a file named under crls",
            )
        raise _no_url(text)
    if "@" in parts.netloc:
        # Not shown: it may hold a password.
        raise FetchError(
            "the URL has credentials in it",
            where=f"{scheme}://…@{parts.hostname or ''}",
            hint="CRLs and OCSP answers are public: leave user and password out",
        )
    host = parts.hostname or ""
    if len(text) > MAX_URL or not _PRINTABLE.fullmatch(text) or not _HOST.fullmatch(host):
        raise _no_url(text)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return FetchUrl(
        text=text,
        scheme=scheme,
        host=host,
        port=DEFAULT_PORTS[scheme] if port is None else port,
        target=target,
    )


def _no_url(text: str) -> FetchError:
    return FetchError(
        "is no URL that can be fetched",
        where=_shown(text),
        hint='write "http://crl.example.com/ca.crl"; in ASCII, international names as xn--…',
    )


def _shown(text: str) -> str:
    """A text of somebody else's, as a message may have it."""
    return text[:MAX_URL] if text.isprintable() else ascii(text[:MAX_URL])
