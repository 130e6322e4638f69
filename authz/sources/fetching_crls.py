# SPDX-License-Identifier: Apache-2.0
"""The CRLs of a round: asked for, verified, compared with what we have, kept.

A CRL may name where its deltas are (freshestCRL); those are fetched as well, as far as such hosts
are allowed. RFC 5280 §5.2.6. Who can change what a server sends cannot take a CRL away that is in
force (crl_succession): what a body lacks is kept beside it. What we have of a URL is its file,
which authorities with other certificates share.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.pem import split_crls, write_pem
from authz.errors import AuthzError, CertificateError, FetchError
from authz.sources.crl_succession import CrlHead, head_of, succeed
from authz.sources.fetch import NotModified
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetched import Header, Stored
from authz.sources.fetching_share import ALONE
from authz.sources.fetching_state import Attempts, Fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from authz.sources.crl_succession import Succession
    from authz.sources.fetch import Fetched, Fetcher
    from authz.sources.fetch_targets import AuthorityId, CrlTarget
    from authz.sources.fetching import Sink
    from authz.sources.fetching_share import Share
    from authz.sources.fetching_state import Allowance

#: Authorities with the same certificates share what they name the same URL for.
_Key = tuple[str, tuple[bytes, ...]]
#: CRLs in DER, and what they are.
_Crls = list[tuple[bytes, CrlHead]]


class _Known:
    """One URL for one set of certificates. `digest` is that of the file, `heads` are those CRLs in
    it that these certificates signed; a file that was of no use for them is `passed_over`."""

    def __init__(self, target: CrlTarget, kind: str) -> None:
        self.target = target
        self.kind = kind
        self.attempts = Attempts(key=target.url)
        self.authorities: list[AuthorityId] = []
        self.etag = self.last_modified = ""
        self.digest = self.passed_over = b""
        self.heads: tuple[CrlHead, ...] = ()
        self.deltas: tuple[str, ...] = ()
        self.next_update: float | None = None

    def take(self, body: bytes, crls: _Crls, came: Iterable[CrlHead] = ()) -> None:
        """This is what we have from now on. What came says when to ask again: what is kept beside
        it may have run out long ago."""
        self.digest = hashlib.sha256(body).digest()
        self.heads = tuple(head for _, head in crls)
        self.deltas = tuple(dict.fromkeys(url for der, _ in crls for url in delta_urls_of_crl(der)))
        self.next_update = min(head.next_update for head in self.heads)
        published = [head for head in came if head in self.heads] or self.heads
        self.attempts.this_update = min(head.this_update for head in published)
        self.attempts.next_update = min(head.next_update for head in published)


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
        self._before: dict[_Key, _Known] = {}
        # By URL: who names it, who may have signed what is there, what the file had last, and its
        # digest.
        self._naming: dict[str, set[AuthorityId]] = {}
        self._issuers: dict[str, dict[bytes, Certificate]] = {}
        self._heads: dict[str, dict[bytes, CrlHead]] = {}
        self._digests: dict[str, bytes] = {}
        self.changed = False

    def run(self, targets: Sequence[CrlTarget], at: float, allowance: Allowance) -> None:
        """Fetch what is due, as far as that is allowed."""
        self.changed = False
        self._before, self._known = self._known, {}
        issuers, self._issuers = self._issuers, {}
        self._naming = {}
        deltas: list[CrlTarget] = []
        for kind, wanted in (("crl", targets), ("delta", deltas)):
            self._learn_issuers(wanted, issuers)
            for target in wanted:
                known = self._remembered(target, kind)
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
        self._before = {}
        self._heads = {url: one for url, one in self._heads.items() if url in self._issuers}
        self._digests = {url: one for url, one in self._digests.items() if url in self._issuers}

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
                    next_update=known.next_update,
                    error=known.attempts.error,
                )

    def _learn_issuers(
        self, targets: Iterable[CrlTarget], before: dict[str, dict[bytes, Certificate]]
    ) -> None:
        for target in targets:
            self._naming.setdefault(target.url, set()).add(target.authority)
            issuers = self._issuers.setdefault(target.url, {})
            for der in target.certificates:
                if der not in issuers:
                    # One that cannot be read signed nothing: the compiler says what is wrong.
                    with suppress(CertificateError):
                        issuers[der] = before.get(target.url, {}).get(der) or Certificate.from_der(
                            der, allow_zero_serial=True
                        )

    def _remembered(self, target: CrlTarget, kind: str) -> _Known:
        key = (target.url, target.certificates)
        known = self._known.get(key)
        if known is None:
            known = self._before.get(key)
            if known is None or known.target.named_by is not target.named_by:
                known = _Known(target, kind)
                self._recall(known)
            known.authorities = []
            self._known[key] = known
        if self._digests.get(target.url, known.digest) not in (known.digest, known.passed_over):
            # Another authority brought it.
            self._recall(known)
        return known

    def _recall(self, known: _Known) -> None:
        """Go on with what is kept in the file, as far as it is good for us."""
        stored = self._sink.stored(known.target.url)
        if stored is None:
            return
        there = self._readable(known.target.url, stored)
        crls = self._own(known, there)
        if not crls:
            known.passed_over = hashlib.sha256(stored.body).digest()
            return
        known.take(stored.body, crls)
        known.etag, known.last_modified = "", ""
        # What is in part of somebody else is asked for as if it were not there.
        if len(crls) == len(split_crls(stored.body)):
            known.etag, known.last_modified = stored.header.etag, stored.header.last_modified
            if known.attempts.asked_at is None:
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
        """Keep what is good of it beside what we have and it lacks.

        Raises:
            CertificateError: nothing of it was taken.
            FetchError: it cannot be kept, or it lacked something that is to be told. What it has
                was taken then; other nodes are not told, and ask by themselves.
        """
        url = known.target.url
        digest = hashlib.sha256(answer.body).digest()
        # The same bytes are no news, and nobody has to load a policy for them.
        if digest == known.digest == self._digests.get(url, digest):
            known.etag, known.last_modified = answer.etag, answer.last_modified
            return
        came = self._read(known, answer.body)
        stored = self._sink.stored(url)
        had = [] if stored is None else self._readable(url, stored)
        heads = [head for _, head in came]
        besides = () if stored is None else stored.header.besides
        kept = succeed(
            heads,
            [head for _, head in had],
            at,
            self._known_heads(url),
            frozenset(map(bytes.fromhex, besides)),
            self._elsewhere(url),
        )
        newcomers = tuple(sorted(one.hex() for one in kept.besides))
        ders = {head.sha256: der for der, head in (*had, *came)}
        crls = [(ders[head.sha256], head) for head in (*kept.came, *kept.had)]
        whole = {head.sha256 for head in heads} == {head.sha256 for _, head in crls}
        body = _body_of(crls, answer.body if whole else b"", stored)
        # A server that has less than we do is to send it again: it is compared once more.
        etag, last_modified = (answer.etag, answer.last_modified) if whole else ("", "")
        if stored is None or (stored.body, besides) != (body, newcomers):
            header = Header(
                url=url,
                fetched_at=at,
                etag=etag,
                last_modified=last_modified,
                besides=newcomers,
            )
            self._keep(Stored(header=header, body=body))
        self._heads[url] = {head.sha256: head for _, head in crls}
        self._digests[url] = hashlib.sha256(body).digest()
        own = self._own(known, crls)
        # Not even one of this authority, when all that it signed has run out and lacks another's.
        if own:
            known.take(body, own, kept.came)
            known.etag, known.last_modified = etag, last_modified
        _check_nothing_lacks(kept, url)

    def _keep(self, stored: Stored) -> None:
        try:
            self._sink.store(stored)
        except OSError as error:
            raise FetchError(
                f"cannot be kept: {(error.strerror or str(error)).lower()}",
                where=stored.header.url,
                hint="is there space in data_dir, and may authz write there?",
            ) from error
        self.changed = True

    def _read(self, known: _Known, body: bytes) -> _Crls:
        """The CRLs of a body, verified.

        Raises:
            CertificateError: it has none of this authority, or one of nobody who names this URL.
        """
        url = known.target.url
        try:
            ders = split_crls(body)
        except CertificateError as error:
            error.where = error.where or url
            raise
        crls = [(der, self._head(url, der)) for der in ders]
        if not self._own(known, crls):
            own = [
                one for der, one in self._issuers[url].items() if der in known.target.certificates
            ]
            read_crl(ders[0], own, where=url)  # says why
        return crls

    def _readable(self, url: str, stored: Stored) -> _Crls:
        """The CRLs in a file that somebody who names its URL signed."""
        found: _Crls = []
        with suppress(CertificateError):
            for der in split_crls(stored.body):
                with suppress(CertificateError):
                    found.append((der, self._head(url, der)))
        self._heads[url] = {head.sha256: head for _, head in found}
        return found

    def _head(self, url: str, der: bytes) -> CrlHead:
        """What a CRL is; one that the file had is not read again."""
        issuers = self._issuers[url].values()
        known = self._heads.get(url, {}).get(hashlib.sha256(der).digest())
        if known is not None and any(issuer.spki == known.spki for issuer in issuers):
            return known
        return head_of(read_crl(der, list(issuers), where=url))

    def _own(self, known: _Known, crls: _Crls) -> _Crls:
        """Those that this authority's certificates signed."""
        issuers = self._issuers[known.target.url]
        keys = {one.spki for der, one in issuers.items() if der in known.target.certificates}
        return [(der, head) for der, head in crls if head.spki in keys]

    def _known_heads(self, url: str) -> list[CrlHead]:
        """What there is of other URLs."""
        everybody = (*self._before.values(), *self._known.values())
        return [head for one in everybody if one.target.url != url for head in one.heads]

    def _elsewhere(self, url: str) -> list[CrlHead]:
        """What there is of those other URLs that everybody names who names this one: what is let go
        here is there for all of them."""
        nobody: set[AuthorityId] = set()
        return [
            head
            for one in (*self._before.values(), *self._known.values())
            if one.target.url != url
            and self._naming[url] <= self._naming.get(one.target.url, nobody)
            for head in one.heads
        ]


def _body_of(crls: Sequence[tuple[bytes, CrlHead]], came: bytes, stored: Stored | None) -> bytes:
    """These CRLs as bytes: as they came, or as they are in the file, if that is all of them."""
    ders = [der for der, _ in crls]
    if stored is not None and came != stored.body:
        with suppress(CertificateError):
            if set(split_crls(stored.body)) == set(ders):
                return stored.body
    if came:
        return came
    if len(ders) == 1:
        return ders[0]
    return "".join(write_pem(der, "X509 CRL") for der in ders).encode()


def _check_nothing_lacks(kept: Succession, url: str) -> None:
    if kept.older:
        raise FetchError(
            "the CRL is older than the one we have",
            where=url,
            hint="a mirror or cache is behind; it is taken once ours is past its nextUpdate",
        )
    if not kept.absent:
        return
    what = {f"{'delta ' * (one.base is not None)}CRL of {one.issuer!r}" for one in kept.absent}
    raise FetchError(
        f"the {' and the '.join(sorted(what))} did not come, nor one that replaces it: ours stays",
        where=url,
        hint="is another CA's CRL there, another part, or a delta? Name where it is now, too; once "
        "none of its certificates are in use, take that CA out of the authority",
    )
