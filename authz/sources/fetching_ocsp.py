# SPDX-License-Identifier: Apache-2.0
"""The OCSP questions of a round: asked, answers verified and kept, one by one.

A responder that fails is left alone for a while, whatever certificates it is asked about. An answer
counts until its nextUpdate, one that revokes until a newer one takes its place; that a responder
does not know a certificate is no answer. Of two answers of one moment the one that revokes counts:
thisUpdate has whole seconds, and the other may be a copy from just before.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from authz.certs.certificate import Certificate
from authz.certs.distribution import ocsp_urls
from authz.certs.ocsp import build_request, read_answer
from authz.errors import AuthzError, FetchError
from authz.sources.fetch import Fetched
from authz.sources.fetch_hosts import NamedBy
from authz.sources.fetching_share import ALONE
from authz.sources.fetching_state import Attempts, Fact
from authz.sources.refresh import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.certs.authority import OcspStatus
    from authz.sources.fetch import Fetcher
    from authz.sources.fetch_targets import AuthorityId, OcspTarget
    from authz.sources.fetching import Sink
    from authz.sources.fetching_share import Share
    from authz.sources.fetching_state import Allowance

#: A certificate: its issuer's key and its serial number, as in OcspStatus.
_Subject = tuple[bytes, bytes]


class _Question:
    """One certificate to ask about, taken apart."""

    def __init__(self, target: OcspTarget) -> None:
        self.target = target
        self.certificate = Certificate.from_der(target.certificate)
        self.issuer = Certificate.from_der(target.issuer, allow_zero_serial=True)
        serial = self.certificate.serial_number
        self.subject: _Subject = (
            hashlib.sha256(self.issuer.spki).digest(),
            serial.to_bytes((serial.bit_length() + 7) // 8),
        )
        named = ocsp_urls(self.certificate)
        self.url = target.url or next((url for url in named if url.startswith("http")), "")
        self.named_by = NamedBy.OPERATOR if target.url else NamedBy.CERTIFICATE
        # The issuer's key, too: others have to know what was asked.
        self.attempts = Attempts(
            key=f"{self.url} {self.subject[0].hex()} {self.certificate.serial}"
        )

    def know(self, status: OcspStatus) -> None:
        """This is the answer we have."""
        self.attempts.this_update, self.attempts.next_update = status.this_update, status.until


class OcspFetching:
    """What is known about each certificate and each responder, from round to round.

    Attributes:
        changed: whether the last round kept something new.
    """

    def __init__(self, fetcher: Fetcher, sink: Sink, share: Share = ALONE) -> None:
        self._fetcher = fetcher
        self._sink = sink
        self._share = share
        self._questions: dict[OcspTarget, _Question] = {}
        self._responders: dict[tuple[AuthorityId, str], Attempts] = {}
        self._statuses: dict[AuthorityId, dict[_Subject, OcspStatus]] = {}
        self._unsaved: set[AuthorityId] = set()
        self.changed = False

    def run(self, targets: Sequence[OcspTarget], at: float, allowance: Allowance) -> None:
        """Ask what is due, as far as that is allowed."""
        self.changed = False
        self._follow(targets)
        for question in self._questions.values():
            if self._share.is_due(question.attempts, at) and not self._rests(question, at):
                if not allowance.take():
                    break
                self._ask(question, at)
        for authority in sorted(self._unsaved):
            self._save(authority, at)

    def due(self, at: float) -> Iterator[float]:
        """When each question is to be asked next."""
        for question in self._questions.values():
            responder = self._responders[question.target.authority, question.url]
            moment = self._share.next_at(question.attempts, at)
            rests = responder.failures and not self._share.is_brought(question.attempts)
            yield max(moment, responder.due_at(at)) if rests else moment
        if self._unsaved:
            yield at + SHORTEST

    def facts(self) -> Iterator[Fact]:
        """What there is to say about each responder."""
        earliest: dict[tuple[AuthorityId, str], float] = {}
        for question in self._questions.values():
            until = question.attempts.next_update
            if until is not None:
                key = (question.target.authority, question.url)
                earliest[key] = min(until, earliest.get(key, until))
        for key, responder in self._responders.items():
            authority, url = key
            yield Fact(
                authority=authority,
                kind="ocsp",
                url=url,
                last_success=responder.last_success,
                failures=responder.failures,
                next_update=earliest.get(key),
                error=responder.error,
            )

    def _follow(self, targets: Sequence[OcspTarget]) -> None:
        """Take up new targets and forget those that are gone."""
        before, self._questions = self._questions, {}
        for target in targets:
            question = before.get(target)
            if question is None:
                try:
                    question = _Question(target)
                except AuthzError:
                    continue  # nobody verifies by what cannot be read
                status = self._known(target.authority).get(question.subject)
                if status is not None:
                    question.know(status)
                    question.attempts.asked_at = status.this_update
            self._questions[target] = question
        earlier = self._responders
        keys = dict.fromkeys((one.target.authority, one.url) for one in self._questions.values())
        self._responders = {key: earlier.get(key) or Attempts(key=key[1]) for key in keys}
        wanted = {target.authority for target in targets}
        for authority in self._statuses.keys() - wanted:
            del self._statuses[authority]
        self._unsaved &= wanted

    def _known(self, authority: AuthorityId) -> dict[_Subject, OcspStatus]:
        known = self._statuses.get(authority)
        if known is None:
            stored = self._sink.statuses(authority)
            known = {(status.issuer, status.serial): status for status in stored}
            self._statuses[authority] = known
        return known

    def _ask(self, question: _Question, at: float) -> None:
        responder = self._responders[question.target.authority, question.url]
        brought = None
        try:
            if not question.url:
                raise FetchError(
                    f"the certificate with serial {question.certificate.serial} names no responder",
                    hint="name the responder's URL under ocsp",
                )
            brought = self._share.brought(question.attempts, b"")
            if isinstance(brought, Fetched):
                answer = brought
            else:
                answer = self._ask_responder(question, responder, at)
            self._take(question, answer.body, at)
        except AuthzError as error:
            question.attempts.failed(at, error)
            if not responder.failures:
                # It is there, and has no answer about this one.
                responder.error = error
        else:
            question.attempts.succeeded(at)
            responder.succeeded(at)
            if brought is None:
                self._share.verified(question.attempts, answer)

    def _ask_responder(self, question: _Question, responder: Attempts, at: float) -> Fetched:
        try:
            return self._fetcher.post(
                question.url,
                build_request(question.certificate, question.issuer),
                named_by=question.named_by,
            )
        except FetchError as error:
            responder.failed(at, error)
            raise

    def _take(self, question: _Question, body: bytes, at: float) -> None:
        answer = read_answer(body, question.certificate, question.issuer, at=at, where=question.url)
        status = answer.about(question.certificate, question.issuer)
        if status is None:
            raise FetchError(
                f"the responder does not know serial {question.certificate.serial}",
                where=question.url,
                hint="is it the responder of this CA?",
            )
        known = self._known(question.target.authority)
        had = known.get(question.subject)
        if had is not None and status.this_update < had.this_update:
            raise FetchError(
                "the answer is older than the one we have",
                where=question.url,
                hint="a cache before the responder is behind",
            )
        if had is not None and _takes_back(had, status):
            raise FetchError(
                f"the answer no longer revokes serial {question.certificate.serial}, and is of the "
                "same moment as the one that does",
                where=question.url,
                hint="a cache before the responder is behind; a later answer is taken",
            )
        question.know(status)
        if status != had:
            known[question.subject] = status
            self._unsaved.add(question.target.authority)

    def _save(self, authority: AuthorityId, at: float) -> None:
        """Keep what is of use: answers in time, and all that revoke."""
        known = self._statuses[authority]
        kept = {
            subject: status
            for subject, status in known.items()
            if status.revoked or status.until >= at
        }
        try:
            self._sink.store_statuses(authority, kept.values())
        except OSError as error:
            failure = FetchError(
                f"OCSP answers cannot be kept: {(error.strerror or str(error)).lower()}",
                hint="is there space in data_dir, and may authz write there?",
            )
            for (of, _), responder in self._responders.items():
                if of == authority:
                    responder.failed(at, failure)
            return
        self._statuses[authority] = kept
        self._unsaved.discard(authority)
        self.changed = True

    def _rests(self, question: _Question, at: float) -> bool:
        """Whether its responder failed and is left alone for now."""
        responder = self._responders[question.target.authority, question.url]
        asks = not self._share.is_brought(question.attempts)
        return asks and responder.failures > 0 and responder.due_at(at) > at


def _takes_back(had: OcspStatus, status: OcspStatus) -> bool:
    """Whether an answer says good of what an answer of the same moment revokes."""
    return status.this_update == had.this_update and had.revoked and not status.revoked
