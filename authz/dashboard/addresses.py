# SPDX-License-Identifier: Apache-2.0
"""Addresses of pages, put together where several pages lead to the same one."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

#: A path of one segment that no address needs: an answer's name for a file (RFC 6266).
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def with_query(path: str, **values: object) -> str:
    """A path and a query, without the values that are empty or None."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def client_certificates(zone_id: str) -> str:
    """The client certificates of a zone."""
    return f"/zones/{zone_id}/client-certificates"


def client_certificate(zone_id: str, certificate_id: str) -> str:
    """A client certificate of a zone."""
    return f"{client_certificates(zone_id)}/{certificate_id}"


def authority(zone_id: str | None, authority_id: str) -> str:
    """An authority: an embedded one of a zone, or one of the account."""
    where = "" if zone_id is None else f"/zones/{zone_id}"
    return f"{where}/authorities/{authority_id}"


def mtls_rule(zone_id: str, *, host: str = "", fingerprint: str = "") -> str:
    """Where a rule is made that blocks requests without a valid certificate.

    Args:
        host, fingerprint: what is filled in there.
    """
    return with_query(f"/zones/{zone_id}/rules/mtls", host=host, fingerprint=fingerprint)


def file_name(text: str, end: str, *, otherwise: str) -> str:
    """A name for a file, of the letters that every system takes."""
    name = "".join(one if one in _PLAIN else "-" for one in text[:60]).strip("-")
    return f"{name or otherwise}{end}"
