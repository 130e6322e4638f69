# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come and whatever breaks, a check is answered, and never with a wrong allow."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz import service as module
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import check_request
from tests.factories.pki import AT, presented, root
from tests.factories.policies import snapshot

SNAPSHOT = snapshot()
ALICE = presented(root().client("alice")).certificate
XFCC = f'Hash={"0" * 64};Cert="{ALICE}"'

ORIGINALS = [
    check_request(**changes).SerializeToString()  # type: ignore[arg-type]
    for changes in (
        {},
        {"raw": False},
        {"path": "/admin"},
        {"path": "/admin", "certificate": ALICE},
        {"headers": [("x-forwarded-client-cert", XFCC), ("x-forwarded-for", "10.0.0.1, ::1")]},
        {"sni": None, "method": "POST", "raw_body": b"a=b", "size": 3},
    )
]

options = st.builds(
    DecodeOptions,
    certificate_source=st.sampled_from(CertificateSource),
    xfcc_trusted_hops=st.integers(1, 3),
    client_ip_trusted_hops=st.integers(0, 3),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request of Envoy's with some of its bytes changed, added, moved or taken away."""
    data = bytearray(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 20)))
        data[at:end] = draw(st.binary(max_size=20) | st.just(bytes(data[at:end]) * 2))
    return bytes(data)


messages = st.binary(max_size=300) | mutated()


def make(decode_options: DecodeOptions, observer: Any = None) -> CheckService:
    made = CheckService(decode_options, DEFAULT_LIMITS, observer or Metrics(), clock=lambda: AT)
    SNAPSHOT.decided.clear()  # What is remembered does not break.
    made.snapshot = SNAPSHOT
    return made


def answer(service: CheckService, data: bytes, remaining: float | None = None) -> CheckResponse:
    response = CheckResponse.FromString(service.check(data, remaining))
    assert response.HasField("status")
    assert not (response.HasField("ok_response") and response.status.code)
    assert response.HasField("denied_response") is (response.status.code in (7, 16))
    return response


@given(data=messages, decode_options=options)
@example(data=b"", decode_options=DecodeOptions())
def test_any_bytes_get_an_answer_and_undecodable_ones_are_denied(
    data: bytes, decode_options: DecodeOptions
) -> None:
    response = answer(make(decode_options), data)

    reason = response.dynamic_metadata["reason"]
    try:
        facts = decode(data, decode_options)
    except Undecodable:
        assert reason == "undecodable"
        return
    assert reason != "internal_error"
    if reason == "undecodable":
        # A part that a rule asked for, or that says which headers there are.
        with pytest.raises(Undecodable):
            facts.headers, facts.sni, facts.presented  # noqa: B018


@given(data=messages, remaining=st.floats(max_value=0) | st.just(float("-inf")))
def test_no_bytes_are_allowed_after_the_deadline(data: bytes, remaining: float) -> None:
    assert answer(make(DecodeOptions()), data, remaining).status.code == 7


@given(data=messages)
def test_no_bytes_are_allowed_without_a_snapshot(data: bytes) -> None:
    service = make(DecodeOptions())
    service.snapshot = None

    assert answer(service, data).status.code in {7, 16}


class Broken:
    """An observer that raises, once or always."""

    def __init__(self, error: BaseException, *, always: bool) -> None:
        self.error = error
        self.always = always
        self.calls = 0

    def observe(self, *_: object) -> None:
        self.calls += 1
        if self.always or self.calls == 1:
            raise self.error

    def internal_error(self) -> None:
        if self.always:
            raise self.error


class Panic(BaseException):
    """As a panic in a Rust extension arrives."""


FAULTS = st.sampled_from(
    [
        ValueError("x"),
        KeyError("x"),
        AssertionError(),
        OSError(28, "no space left"),
        TimeoutError(),
        UnicodeDecodeError("utf-8", b"", 0, 0, "x"),
        MemoryError(),
        RecursionError(),
        StopIteration(),
        GeneratorExit(),
        KeyboardInterrupt(),
        SystemExit(0),
        Panic("x"),
    ]
)
STAGES = ("decode_rest", "authorize", "encode", "observer", "observer always")


@given(
    data=st.sampled_from(ORIGINALS),
    error=FAULTS,
    stages=st.sets(st.sampled_from(STAGES), min_size=1),
    broken_log=st.booleans(),
)
def test_a_fault_anywhere_is_a_denial(
    data: bytes, error: BaseException, stages: set[str], broken_log: bool
) -> None:
    observer: Any = Metrics()
    if stages & {"observer", "observer always"}:
        observer = Broken(error, always="observer always" in stages)
    service = make(DecodeOptions(), observer)
    with ExitStack() as stack:
        for stage in stages & {"decode_rest", "authorize", "encode"}:
            stack.enter_context(patch.object(module, stage, side_effect=error))
        # Kept quiet, or broken as well.
        stack.enter_context(
            patch.object(module, "get_logger", side_effect=error if broken_log else None)
        )

        assert answer(service, data).status.code in {7, 16}


@given(data=st.sampled_from(ORIGINALS))
def test_the_service_recovers_from_a_fault(data: bytes) -> None:
    service = make(DecodeOptions())
    before = service.check(data)
    with (
        patch.object(module, "encode", side_effect=MemoryError),
        patch.object(module, "get_logger"),
    ):
        assert answer(service, data).status.code in {7, 16}

    after = CheckResponse.FromString(service.check(data))

    assert after.status == CheckResponse.FromString(before).status
