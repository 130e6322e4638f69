# SPDX-License-Identifier: Apache-2.0
"""Decision into CheckResponse bytes.

Every answer has `status` set, because Envoy reads an unset one as "allowed", and every denial is a
`denied_response`: `error_response` and gRPC errors would hand the decision to failure_mode_allow
(architecture 4.3, ADR-0007). Does not decide anything.
Source: envoy.service.auth.v3.CheckResponse.

How it is fast: serialised protobuf messages may be concatenated, and parsing the whole merges them
(protobuf encoding guide, "Last One Wins": embedded messages merge field by field, map entries
join). So the parts of an answer that repeat are serialised once and remembered, and what belongs to
one check (decision id, fingerprint) is appended.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authz.extauthz.upstream_headers import (
    CF_CERT_HEADERS,
    RFC9440_HEADERS,
    XFCC_HEADER,
    header_value,
    is_believed,
    upstream_headers,
)
from authz.pb.core_pb2 import HeaderValue, HeaderValueOption, HttpStatus, Status
from authz.pb.ext_authz_pb2 import CheckResponse, DeniedHttpResponse, OkHttpResponse
from authz.policy.decision import (
    DENIALS,
    UNAUTHENTICATED,
    UNJUDGED,
    BlockResponse,
    Reason,
    Ruling,
    Verdict,
)

if TYPE_CHECKING:
    from authz.extauthz.upstream_headers import Headers
    from authz.policy.client import Client
    from authz.policy.decision import Decision, Standing

_ALLOW: Final = Verdict.ALLOW

#: Length of every decision id: the parts of an answer are put together by known lengths.
DECISION_ID_LENGTH: Final = 20
_FINGERPRINT_LENGTH: Final = 64

_TEXT: Final = "text/plain; charset=utf-8"
# What the client sees tells it nothing about the policy; the access log has the reason.
_BODIES: Final = {403: "access denied\n", 421: "misdirected request\n", 429: "too many requests\n"}


def encode(
    decision: Decision,
    decision_id: bytes,
    removed: tuple[str, ...] = (),
) -> bytes:
    """The serialised CheckResponse for `decision`; `decision_id` is DECISION_ID_LENGTH long.

    `removed` is what upstream_headers.removals says of an allowed request.
    """
    answer = decision.answer
    if answer is None:
        answer = decision.answer = _beginning(decision)
    answer += decision_id + _ID_AFTER
    ruling = decision.ruling
    if ruling.verdict is not _ALLOW:
        return answer
    if ruling.upstream_headers:
        # Sets and removes every name that is written as it should be. What is removed besides is
        # merged into the same ok_response: repeated fields of the two are joined.
        answer += _upstream(decision.client, ruling.upstream_headers)
        removed = tuple(name for name in removed if name not in _WRITTEN)
    return answer + _removing(removed) if removed else answer


def _beginning(decision: Decision) -> bytes:
    """Everything that does not belong to one check, up to the value of the decision id."""
    head = _head(decision.ruling, decision.standing)
    client = decision.client
    if client is None or not client.fingerprint:
        return head + _ID_BEFORE
    return head + _FINGERPRINT_BEFORE + client.fingerprint + _FINGERPRINT_AFTER


@lru_cache(maxsize=2048)
def _head(ruling: Ruling, standing: Standing) -> bytes:
    """Status, denied response and metadata.

    What is empty, false or zero is left out, as protobuf does it: an answer that fits into one
    small HTTP/2 frame is sent together with others (ADR-0021).
    """
    answer = CheckResponse()
    reason = ruling.reason
    if ruling.verdict is _ALLOW:
        # Set, and equal to its default: Envoy would read a missing one as "allowed" as well, and
        # nobody should have to know that.
        answer.status.SetInParent()
    else:
        # gRPC's own distinction: 16 when nobody said who they are, 7 when that is not enough.
        code = DENIALS[reason].grpc_code if standing.presented else UNAUTHENTICATED
        answer.status.CopyFrom(Status(code=code, message=reason.value))
        answer.denied_response.CopyFrom(_denied(reason, ruling.response))
    metadata: dict[str, bool | int | str | list[str]] = {
        "verdict": ruling.verdict.value,
        "reason": reason.value,
        "site": ruling.site,
        "action": ruling.action if reason is Reason.RULE else "",
        "rule": ruling.rule,
        "logged": list(ruling.logged),
        "generation": ruling.generation,
        # Verified implies it.
        "presented": standing.judged and standing.presented and not standing.verified,
        "verified": standing.verified,
        "revoked": standing.revoked,
        "failure": standing.failure,
    }
    answer.dynamic_metadata.update({name: value for name, value in metadata.items() if value})
    return answer.SerializeToString()


def _denied(reason: Reason, response: BlockResponse | None) -> DeniedHttpResponse:
    if response is None:
        status = DENIALS[reason].http_status
        response = BlockResponse(status_code=status, content_type=_TEXT, content=_BODIES[status])
    content_type = header_value(response.content_type) or _TEXT
    return DeniedHttpResponse(
        status=HttpStatus(code=response.status_code),  # type: ignore[arg-type] # open enum
        headers=[_set_header("content-type", content_type)],
        body=response.content,
    )


def _upstream(client: Client | None, families: frozenset[str]) -> bytes:
    """The serialised `ok_response`: what the upstream is told, and what is taken off."""
    if not is_believed(client) or client.certificate is None:
        return _STRANGER
    issuer = client.issuer
    key = (
        client.certificate.fingerprint_sha256,
        issuer.fingerprint_sha256 if issuer else "",
        client.judgement.sent_chain,
        families,
    )
    found = _remembered.get(key)
    if found is None:
        if len(_remembered) >= _REMEMBERED_LIMIT:
            # Rare, and cheaper than keeping an order on every hit.
            _remembered.clear()
        found = _remembered[key] = _ok_response(*upstream_headers(client, families))
        # What they were read out of stays with the client otherwise, and clients are many.
        client.certificate.shed()
    return found


def _ok_response(headers: Headers, removed: tuple[str, ...]) -> bytes:
    return CheckResponse(
        ok_response=OkHttpResponse(
            headers=[_set_header(name, value) for name, value in headers],
            headers_to_remove=removed,
        )
    ).SerializeToString()


@lru_cache(maxsize=256)
def _removing(names: tuple[str, ...]) -> bytes:
    return _ok_response((), names)


def _set_header(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def _metadata(name: str, value: str) -> bytes:
    answer = CheckResponse()
    answer.dynamic_metadata.update({name: value})
    return answer.SerializeToString()


def _around(name: str, length: int) -> tuple[bytes, bytes]:
    """The bytes before and after a metadata string of `length` ASCII characters."""
    mark = "\x01" * length
    before, _, after = _metadata(name, mark).partition(mark.encode())
    return before, after


_ID_BEFORE, _ID_AFTER = _around("decision_id", DECISION_ID_LENGTH)
_FINGERPRINT_BEFORE, _after = _around("fingerprint", _FINGERPRINT_LENGTH)
_FINGERPRINT_AFTER: Final = _after + _ID_BEFORE

# Names that `upstream_headers` sets or removes itself.
_WRITTEN: Final = frozenset((*CF_CERT_HEADERS, *RFC9440_HEADERS, XFCC_HEADER))

#: `ok_response` for a client that is not verified, or revoked.
_STRANGER: Final = _ok_response(*upstream_headers(None, frozenset()))

# Answers with certificate headers, by certificate; mostly 2 to 4 KiB each, at most some 16.
_REMEMBERED_LIMIT: Final = 512
_remembered: dict[tuple[str, str, tuple[bytes, ...], frozenset[str]], bytes] = {}

#: The answer when nothing else can be made any more.
CONSTANT_DENIAL: Final = _head(
    Ruling(verdict=Verdict.DENY, reason=Reason.INTERNAL_ERROR), UNJUDGED[True]
)
