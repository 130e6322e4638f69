# SPDX-License-Identifier: Apache-2.0
"""How fresh the CRLs are that were fetched for an authority: what this node has of each address.

Fetching is the control process's (node.control.fetching), which also says what went wrong; here the
files that it leaves are read, for people. Addresses that only certificates name are not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.certs.authority import CRLS_OF_CERTIFICATES
from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.pem import split_crls
from authz.errors import CertificateError

if TYPE_CHECKING:
    from authz.certs.authority import CrlModel
    from authz.services.authorities import KnownAuthority
    from authz.sources.fetched import FetchedFiles

#: Larger ones are not read for a page: a million entries take seconds.
MAX_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedCrl:
    """What there is of one address.

    Args:
        fetched_at: when this content first came, in Unix seconds; None: nothing came yet.
        this_update, next_update: of the CRL that goes stale first, None where it was not read.
        problem: why it is of no use, "" for none.
    """

    url: str
    fetched_at: float | None = None
    this_update: float | None = None
    next_update: float | None = None
    problem: str = ""


def fetched_crls(files: FetchedFiles | None, known: KnownAuthority) -> tuple[FetchedCrl, ...]:
    """What was fetched of each address of CRLs that an authority has, in their order.

    Args:
        files: None where nothing is fetched.
    """
    urls = [one for one in known.authority.sources.crl_urls if one != CRLS_OF_CERTIFICATES]
    issuers = [Certificate.from_der(one.der, allow_zero_serial=True) for one in known.certificates]
    return tuple(_state(files, url, issuers) for url in urls)


def _state(files: FetchedFiles | None, url: str, issuers: list[Certificate]) -> FetchedCrl:
    stored = None if files is None else files.stored(url)
    if stored is None:
        return FetchedCrl(url=url)
    at = stored.header.fetched_at
    if len(stored.body) > MAX_BYTES:
        return FetchedCrl(url=url, fetched_at=at)
    read: list[CrlModel] = []
    problem = ""
    try:
        for der in split_crls(stored.body):
            # Others, who have other certificates, may have named this URL as well.
            try:
                read.append(read_crl(der, issuers, where=url))
            except CertificateError as error:
                problem = problem or error.message
    except CertificateError as error:
        problem = error.message
    if not read:
        return FetchedCrl(url=url, fetched_at=at, problem=problem)
    first = min(read, key=lambda one: one.next_update)
    return FetchedCrl(
        url=url, fetched_at=at, this_update=first.this_update, next_update=first.next_update
    )
