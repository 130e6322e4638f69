# SPDX-License-Identifier: Apache-2.0
"""What a line of the decision log says of a decision and its request, by the settings.

A function of what was noted: it writes nothing and counts nothing. What each field means is said in
decision_line; how parts are left out, in redaction.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from authz.certs import names
from authz.observability.decision_line import EVERY, MAX_LINE, SCHEMA, DecisionLine, line_of
from authz.observability.log import escape
from authz.observability.redaction import bare_host, names_only, network_of, plain, words_only
from authz.policy.decision import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.certs.certificate import Certificate
    from authz.observability.checked_request import CheckedRequest
    from authz.observability.decision_log_options import DecisionLogOptions
    from authz.policy.decision import Ruling, Standing

#: Characters of a path and of a query; of any other text.
MAX_PATH: Final = 1024
MAX_TEXT: Final = 256
#: Of every text when the line would be too long otherwise; it then has no headers.
MAX_SHORT: Final = 64
#: Rules in a list of matches.
MAX_LOGGED: Final = 16
MAX_SHORT_LOGGED: Final = 2
#: Subjects whose text is remembered; the same clients come again.
MAX_SUBJECTS: Final = 1024

_ALLOW: Final = Verdict.ALLOW
_X_REQUEST_ID: Final = b"x-request-id"


class Noted(NamedTuple):
    """A check as it was noted. Small parts of it and its bytes: nobody knows how long it waits.

    `certificate` is None unless somebody reads more of it than the fingerprint; `host` and `path`
    are `b""` where nobody had read them; `metadata` is that of the call.
    """

    ruling: Ruling
    standing: Standing
    detail: str
    fingerprint: bytes
    certificate: Certificate | None
    decision_id: bytes
    at: float
    seconds: float
    host: bytes
    path: bytes
    data: bytes
    metadata: Sequence[tuple[str, str | bytes]]
    for_log: bool = True
    for_trace: bool = False

    @property
    def blocked(self) -> bool:
        """As `is_blocked` says."""
        return is_blocked(self.ruling)


def is_blocked(ruling: Ruling) -> bool:
    """Whether it is a denial, or a `log` rule matched: what people look for."""
    return ruling.verdict is not _ALLOW or bool(ruling.logged)


class DecisionWords:
    """Makes lines, as `options` say, for worker `worker`."""

    def __init__(self, options: DecisionLogOptions, worker: str) -> None:
        self._options = options
        self._worker = worker
        self._headers = tuple((name, name.encode()) for name in options.headers)

    def line(
        self, noted: Noted, request: CheckedRequest, trace_id: str, *, delivered: bool
    ) -> tuple[DecisionLine, bytes]:
        """The line of a decision, and its text: MAX_LINE bytes at most, with its line feed."""
        line = self._filled(noted, request, trace_id, delivered, _Cut())
        text = line_of(line)
        if len(text) > MAX_LINE:
            line = self._filled(noted, request, trace_id, delivered, _Cut(short=True))
            text = line_of(line)
        return line, text

    def _filled(
        self, noted: Noted, request: CheckedRequest, trace_id: str, delivered: bool, cut: _Cut
    ) -> DecisionLine:
        options, ruling, standing = self._options, noted.ruling, noted.standing
        target, _, query = (request.path or noted.path).partition(b"#")[0].partition(b"?")
        rate = options.share(blocked=noted.blocked)
        line = DecisionLine(
            schema=SCHEMA,
            time=datetime.fromtimestamp(noted.at, UTC),
            id=noted.decision_id.decode(),
            verdict=ruling.verdict,
            reason=ruling.reason,
            delivered=delivered,
            duration_us=round(noted.seconds * 1e6, 1),
            worker=self._worker,
            site=cut("site", escape(ruling.site)),
            action=ruling.action,
            rule=cut("rule", escape(ruling.rule)),
            logged=cut.several("logged", ruling.logged),
            # It may quote the path.
            detail=cut("detail", escape(noted.detail)) if options.path_segments == "all" else "",
            generation=ruling.generation,
            presented=standing.judged and standing.presented,
            verified=standing.verified,
            revoked=standing.revoked,
            failure=standing.failure,
            fingerprint=noted.fingerprint.decode(),
            subject=cut("subject", self._subject(noted)),
            method=cut("method", plain(request.method)),
            host=cut("host", plain(bare_host(request.host or noted.host))),
            path=cut("path", self._path(target), MAX_PATH),
            query=cut("query", self._query(query), MAX_PATH),
            protocol=cut("protocol", plain(request.protocol)),
            sni=cut("sni", plain(request.sni.encode("utf-8", "backslashreplace"))),
            client_ip=cut("client_ip", self._client_ip(request.client_ip)),
            headers=self._kept_headers(request, cut),
            request_id=cut("request_id", plain(request.header(_X_REQUEST_ID))),
            trace_id=trace_id,
            sample_rate=EVERY if rate >= EVERY else rate,
        )
        return msgspec.structs.replace(line, cut=cut.names) if cut.names else line

    def _subject(self, noted: Noted) -> str:
        # What an unverified certificate says of itself is anybody's claim.
        if not (self._options.subject and noted.certificate and noted.standing.verified):
            return ""
        return plain(_subject(noted.certificate.outline.subject).encode("utf-8", "replace"))

    def _kept_headers(self, request: CheckedRequest, cut: _Cut) -> dict[str, str]:
        found = {name: request.header(raw) for name, raw in self._headers}
        if cut.short:
            if any(found.values()):
                cut.note("headers")
            return {}
        return {name: cut("headers", plain(value)) for name, value in found.items() if value}

    def _path(self, target: bytes) -> str:
        segments = self._options.path_segments
        if segments == "none":
            return ""
        return words_only(plain(target)) if segments == "words" else plain(target)

    def _query(self, query: bytes) -> str:
        what = self._options.query
        if what == "none":
            return ""
        return plain(names_only(query) if what == "names" else query)

    def _client_ip(self, address: str) -> str:
        what = self._options.client_ip
        if what == "none":
            return ""
        return network_of(address) if what == "network" else address


class _Cut:
    """Cuts texts, and remembers of which fields."""

    def __init__(self, *, short: bool = False) -> None:
        self.short = short
        self.names: tuple[str, ...] = ()

    def __call__(self, name: str, text: str, most: int = MAX_TEXT) -> str:
        most = MAX_SHORT if self.short else most
        if len(text) <= most:
            return text
        self.note(name)
        return text[:most]

    def several(self, name: str, texts: tuple[str, ...]) -> tuple[str, ...]:
        most = MAX_SHORT_LOGGED if self.short else MAX_LOGGED
        if len(texts) > most:
            self.note(name)
        return tuple(self(name, escape(text)) for text in texts[:most])

    def note(self, name: str) -> None:
        if name not in self.names:
            self.names = (*self.names, name)


@lru_cache(maxsize=MAX_SUBJECTS)
def _subject(name: bytes) -> str:
    """A subject in RFC 2253 form, of its DER: the certificate itself would keep it."""
    return names.rfc2253(names.parse_name(name))
