# SPDX-License-Identifier: Apache-2.0
"""One CheckRequest answered by a snapshot, and how the answer came about.

The answer is that of extauthz.service, which is what serves; nothing is decided here. Behind
`authz check`, the simulator and the explanation of recorded requests. Which snapshot is the
caller's matter (live_policy.py, simulation.py, a policy file).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from authz.certs.presented import DEFAULT_LIMITS
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.extauthz.memo import ClientMemo
from authz.extauthz.service import CheckService, draw_seed
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.budget import MAX_WORK
from authz.policy.explain import TraceBudget, explain
from authz.policy.explain_json import explanation_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.pb.core_pb2 import HeaderValueOption
    from authz.policy.decision import Decision
    from authz.policy.explanation import Explanation
    from authz.policy.snapshot import Snapshot

    Headers = tuple[tuple[str, str], ...]

#: Expressions of one request that are taken apart, and microseconds that it may take.
MAX_TRACES: Final = 200
MAX_TRACE_WORK: Final = 2 * MAX_WORK


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReading:
    """How this installation reads a CheckRequest: whose word counts, and how much of it."""

    options: DecodeOptions = field(default_factory=DecodeOptions)
    limits: CertificateLimits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Envoy is told.

    Args:
        grpc_code: a google.rpc.Code, 0 for allowed.
        http_status: what the client gets; None when it is the upstream's to say.
        headers: of a denial, those that the client gets; else those set on the way upstream.
        removed: headers taken off the request on its way upstream.
        body: what the client gets with a denial.
        metadata: what Envoy's access log can show.
    """

    grpc_code: int
    http_status: int | None
    headers: Headers
    removed: tuple[str, ...] = ()
    body: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredCheck:
    """What was decided about a CheckRequest, and what Envoy is told."""

    decision: Decision
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedCheck:
    """The same with its reasons.

    Args:
        at: Unix seconds, the moment it was decided for.
        explanation: None when the request cannot be read; `undecodable` says why.
    """

    at: float
    decision: Decision
    answer: Answer
    explanation: Explanation | None
    undecodable: str = ""


def answer_check(
    snapshot: Snapshot | None,
    data: bytes,
    at: float,
    how: CheckReading,
    *,
    seed: Callable[[], bytes] = draw_seed,
) -> AnsweredCheck:
    """The answer to one serialised CheckRequest at Unix time `at`. Never raises for what is in it.

    Args:
        seed: gives what cf.random_seed shall be.
    """
    recorder = _Recorder()
    service = CheckService(how.options, how.limits, recorder, clock=lambda: at, seed=seed)
    service.snapshot = snapshot
    answer = service.check(data)
    assert recorder.decision is not None, "every check is observed"
    return AnsweredCheck(decision=recorder.decision, answer=_answer(answer))


def explain_check(
    snapshot: Snapshot | None,
    data: bytes,
    at: float,
    how: CheckReading,
    *,
    seed: Callable[[], bytes] = draw_seed,
    budget: TraceBudget | None = None,
) -> ExplainedCheck:
    """The same with its reasons.

    Args:
        budget: how much may be spent on traces; None for all of them. `trace_budget` is for
            whoever answers to others.
    """
    # Drawn once: the explanation is of the decision that was made.
    seed = cache(seed)
    answered = answer_check(snapshot, data, at, how, seed=seed)
    explanation, undecodable = None, ""
    try:
        facts = decode(data, how.options)
        # What no rule reads may be unreadable all the same; an explanation shows it.
        facts.insist()
        explanation = explain(
            snapshot, facts, at, ClientMemo(how.limits).client_of, seed, budget=budget
        )
    except Undecodable as error:
        undecodable = str(error)
    return ExplainedCheck(
        at=at,
        decision=answered.decision,
        answer=answered.answer,
        explanation=explanation,
        undecodable=undecodable,
    )


def trace_budget() -> TraceBudget:
    """What a request to a server may spend on traces."""
    return TraceBudget(work=MAX_TRACE_WORK, number=MAX_TRACES)


def answered_object(found: AnsweredCheck | ExplainedCheck) -> dict[str, Any]:
    """A decision and its answer, as JSON; with `explain` if that was asked for."""
    decision, answer = found.decision, found.answer
    client = decision.client
    shown: dict[str, Any] = {
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "site": decision.site,
        "action": decision.action,
        "rule": decision.rule,
        "logged": list(decision.logged),
        "grpc_code": answer.grpc_code,
        "status": answer.http_status,
        "certificate": {
            "presented": client is not None and client.presented,
            "verified": client is not None and client.verified,
            "revoked": client is not None and client.revoked,
            "failure": client.failure.value if client and client.failure else None,
            "fingerprint_sha256": client.certificate.fingerprint_sha256
            if client and client.certificate
            else "",
        },
        "headers": dict(answer.headers),
    }
    if answer.http_status is None:
        shown["headers_to_remove"] = list(answer.removed)
    else:
        shown["body"] = answer.body
    if isinstance(found, ExplainedCheck):
        shown["explain"] = (
            {"undecodable": found.undecodable}
            if found.explanation is None
            else explanation_json(found.explanation)
        )
    return shown


class _Recorder:
    """Remembers the decision that CheckService made."""

    def __init__(self) -> None:
        self.decision: Decision | None = None

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """Called once per check."""
        del source, seconds
        self.decision = decision

    def internal_error(self) -> None:
        """The decision says so as well."""


def _answer(data: bytes) -> Answer:
    response = CheckResponse.FromString(data)
    metadata = dict(response.dynamic_metadata)
    if response.HasField("denied_response"):
        denied = response.denied_response
        return Answer(
            grpc_code=response.status.code,
            http_status=denied.status.code,
            headers=_headers(denied.headers),
            body=denied.body,
            metadata=metadata,
        )
    allowed = response.ok_response
    return Answer(
        grpc_code=response.status.code,
        http_status=None,
        headers=_headers(allowed.headers),
        removed=tuple(allowed.headers_to_remove),
        metadata=metadata,
    )


def _headers(options: Iterable[HeaderValueOption]) -> Headers:
    return tuple((one.header.key, one.header.value) for one in options)
