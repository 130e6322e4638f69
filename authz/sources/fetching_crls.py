# SPDX-License-Identifier: Apache-2.0
"""The CRLs of a round: asked for, verified, compared with what we have, kept.

A CRL may name where its deltas are (freshestCRL); those are fetched as well, as far as such hosts
are allowed. RFC 5280 §5.2.6. Who can change what a server sends cannot make a CRL go back to one
that was issued earlier, as long as what we have is in force.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.pem import split_crls
from authz.errors import AuthzError, CertificateError, FetchError
from authz.sources.fetch import NotModified
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetched import Header, Stored
from authz.sources.fetching_share import ALONE
from authz.sources.fetching_state import Attempts, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.certs.authority import CrlModel
    from authz.sources.fetch import Fetched, Fetcher
    from authz.sources.fetch_targets import AuthorityId, CrlTarget
    from authz.sources.fetching import Sink
    from authz.sources.fetching_share import Share
    from authz.sources.fetching_state import Allowance

#: Authorities with the same certificates share what they name the same URL for.
_Key = tuple[str, tuple[bytes, ...]]


class _Known:
    """One URL for one set of certificates. `issued` says which CRLs we have, without their entries:
    number, thisUpdate and nextUpdate by issuer key, scope and kind."""

    def __init__(self, target: CrlTarget, kind: str) -> None:
        self.target = target
        self.kind = kind
        self.attempts = Attempts(key=target.url)
        self.authorities: list[AuthorityId] = []
        self.etag = self.last_modified = ""
        self.digest = b""
        self.issued: dict[tuple[bytes, bytes, bool], tuple[int, float, float]] = {}
        self.deltas: tuple[str, ...] = ()

    def take(self, body: bytes, crls: Sequence[CrlModel], ders: Sequence[bytes]) -> None:
        """This is what we have from now on."""
        self.digest = hashlib.sha256(body).digest()
        self.issued = dict(map(_issued, crls))
        self.deltas = tuple(dict.fromkeys(url for der in ders for url in delta_urls_of_crl(der)))
        self.attempts.this_update = min(crl.this_update for crl in crls)
        self.attempts.next_update = min(crl.next_update for crl in crls)


class CrlFetching:
    """What is known about each URL, from round to round.

    Attributes:
        changed: whether the last round kept something new.
    """

    def __init__(self, fetcher: Fetcher, sink: Sink, share: Share = ALONE) -> None:
        self._fetcher = fetcher
        self._sink = sink
        self._share = share
        self._known: dict[_Key, _Known] = {}
        self.changed = False

    def run(self, targets: Sequence[CrlTarget], at: float, allowance: Allowance) -> None:
        """Fetch what is due, as far as that is allowed."""
        self.changed = False
        before, self._known = self._known, {}
        deltas: list[CrlTarget] = []
        for kind, wanted in (("crl", targets), ("delta", deltas)):
            for target in wanted:
                known = self._remembered(target, kind, before)
                if target.authority in known.authorities:
                    continue
                known.authorities.append(target.authority)
                if self._share.is_due(known.attempts, at) and allowance.take():
                    self._fetch(known, at)
                if kind == "crl":
                    deltas += (
                        replace(target, url=url, named_by=NamedBy.CERTIFICATE)
                        for url in known.deltas
                    )

    def due(self, at: float) -> Iterator[float]:
        """When each of them is to be asked for next."""
        return (self._share.next_at(known.attempts, at) for known in self._known.values())

    def facts(self) -> Iterator[Fact]:
        """What there is to say about each of them."""
        for known in self._known.values():
            for authority in known.authorities:
                yield Fact(
                    authority=authority,
                    kind=known.kind,
                    url=known.target.url,
                    last_success=known.attempts.last_success,
                    failures=known.attempts.failures,
                    next_update=known.attempts.next_update,
                    error=known.attempts.error,
                )

    def _remembered(self, target: CrlTarget, kind: str, before: dict[_Key, _Known]) -> _Known:
        key = (target.url, target.certificates)
        known = self._known.get(key)
        if known is None:
            known = before.get(key)
            if known is None or known.target.named_by is not target.named_by:
                known = _Known(target, kind)
                self._recall(known)
            known.authorities = []
            self._known[key] = known
        return known

    def _recall(self, known: _Known) -> None:
        """Begin with what was kept before this process started, if it is still good for us."""
        stored = self._sink.stored(known.target.url)
        if stored is None:
            return
        try:
            ders, crls = self._read(known, stored.body)
        except CertificateError:
            return
        known.take(stored.body, crls, ders)
        known.etag, known.last_modified = stored.header.etag, stored.header.last_modified
        known.attempts.asked_at = known.attempts.last_success = stored.header.fetched_at

    def _fetch(self, known: _Known, at: float) -> None:
        try:
            brought = self._share.brought(known.attempts, known.digest)
            has = self._share.has(known.attempts, known.digest)
            answer = brought or self._fetcher.get(
                known.target.url,
                named_by=known.target.named_by,
                etag=known.etag if has else "",
                last_modified=known.last_modified if has else "",
            )
            if not isinstance(answer, NotModified):
                self._take(known, answer, at)
        except AuthzError as error:
            known.attempts.failed(at, error)
        else:
            known.attempts.succeeded(at)
            if brought is None:
                self._share.verified(known.attempts, answer)

    def _take(self, known: _Known, answer: Fetched, at: float) -> None:
        # The same bytes are no news, and nobody has to load a policy for them.
        if hashlib.sha256(answer.body).digest() != known.digest:
            ders, crls = self._read(known, answer.body)
            for crl in crls:
                _check_not_older(crl, known, at)
            header = Header(
                url=known.target.url,
                fetched_at=at,
                etag=answer.etag,
                last_modified=answer.last_modified,
            )
            try:
                self._sink.store(Stored(header=header, body=answer.body))
            except OSError as error:
                raise FetchError(
                    f"cannot be kept: {(error.strerror or str(error)).lower()}",
                    where=known.target.url,
                    hint="is there space in data_dir, and may authz write there?",
                ) from error
            known.take(answer.body, crls, ders)
            self.changed = True
        known.etag, known.last_modified = answer.etag, answer.last_modified

    def _read(self, known: _Known, body: bytes) -> tuple[Sequence[bytes], list[CrlModel]]:
        """The CRLs of a body, verified.

        Raises:
            CertificateError: it has none, or one of them is not of this authority.
        """
        url = known.target.url
        certificates = [
            Certificate.from_der(der, allow_zero_serial=True) for der in known.target.certificates
        ]
        try:
            ders = split_crls(body)
        except CertificateError as error:
            error.where = error.where or url
            raise
        return ders, [read_crl(der, certificates, where=url) for der in ders]


def _issued(crl: CrlModel) -> tuple[tuple[bytes, bytes, bool], tuple[int, float, float]]:
    number = int.from_bytes(crl.number or b"")
    kind = (crl.spki, crl.scope, crl.base_number is not None)
    return kind, (number, crl.this_update, crl.next_update)


def _check_not_older(crl: CrlModel, known: _Known, at: float) -> None:
    kind, (number, this_update, next_update) = _issued(crl)
    had = known.issued.get(kind)
    # A CA that was set up again from a backup counts from an earlier number: taken when what we
    # have is of no use any more.
    if had is None or had[2] < at <= next_update:
        return
    # Ours is dated ahead, and its CA issued this one later by its own count: its clock was put back
    # between the two. Who replays an earlier one has no higher number.
    if had[1] > at >= this_update and number > had[0]:
        return
    if this_update < had[1] or number < had[0]:
        raise FetchError(
            "the CRL is older than the one we have",
            where=known.target.url,
            hint="a mirror or cache is behind; it is taken once ours is past its nextUpdate",
        )
