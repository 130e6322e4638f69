# SPDX-License-Identifier: Apache-2.0
"""Random and mutated CheckRequests: always a well-formed answer, and never a wrong allow.

`make test` sends a few thousand, `make acceptance` 100,000 (both bounded by a count, not a time).
"""

from __future__ import annotations

import gc
import random
import resource
from typing import TYPE_CHECKING

import pytest

from authz.certs.presented import CertificateLimits
from authz.extauthz.decode import DecodeOptions, Undecodable, decode
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.model import Action, PolicyModel, SkipParameters
from authz.policy.snapshot import compile_snapshot
from authz.rules.lists import ListKind, ListModel
from tests.factories.checks import check_request
from tests.factories.pki import AT, authority, presented, root, self_signed
from tests.factories.policies import rule, site
from tests.factories.reference import reference_allows

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261124
OPTIONS = DecodeOptions()


def _policy() -> PolicyModel:
    ca = root()
    revoked = ca.client("revoked")
    return PolicyModel(
        sites=(
            site(
                rule(ref="admin"),
                rule('ip.src in $office and http.request.uri.path eq "/office"', ref="o"),
                rule(
                    'http.request.method in {"PUT" "POST"} and http.user_agent matches "(?i)bot"',
                    ref="bots",
                ),
                rule('any(http.request.headers["x-debug"][*] eq "1")', ref="d", action=Action.LOG),
                rule(
                    'http.request.uri.path wildcard "/health*"',
                    ref="health",
                    action=Action.SKIP,
                    skip=SkipParameters(current=True),
                ),
                rule('http.request.uri.query contains "drop"', ref="q"),
                rule('http.request.body.raw contains "evil"', ref="b"),
                trust=(authority(ca, revoked_serials=[revoked.serial]),),
                hosts=("api.example.com", "*.example.net"),
            ),
            site(rule("not cf.tls_client_auth.cert_verified"), name="closed", hosts=("*",)),
        ),
        lists=(ListModel(name="office", kind=ListKind.IP, items=("10.0.0.0/8", "2001:db8::/32")),),
    )


HOSTS = (b"api.example.com", b"API.example.com.:443", b"x.example.net", b"other.test", b"a,b", b"")
PATHS = (
    b"/admin",
    b"/",
    b"/x/..;/admin",
    b"/office?drop=1",
    b"/health%20",
    b"/%2561dmin",
    b"/caf\xc3\xa9",
)
METHODS = ("GET", "POST", "PUT", "OPTIONS", "get", "")
HEADER_NAMES = ("x-debug", "user-agent", "cookie", "content-length", "x-forwarded-client-cert")
HEADER_VALUES = (b"1", b"Bot", b"a=1; b=2", b"99", b"\xff\x00", b'Hash=00;Subject="x"', b"")


def _certificates() -> list[str]:
    ca = root()
    issued = [
        ca.client("alice"),
        ca.client("revoked"),
        ca.client("old", not_after=AT - 1),
        self_signed("mallory"),
    ]
    return ["", "junk", *(presented(one).certificate for one in issued)]


def _mutate(source: random.Random, data: bytes) -> bytes:
    """`data` with one to sixteen small damages."""
    damaged = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        position = source.randrange(len(damaged) + 1)
        match source.randrange(4):
            case 0 if position < len(damaged):
                damaged[position] = source.randrange(256)
            case 1:
                damaged[position:position] = source.randbytes(source.randrange(1, 9))
            case 2:
                del damaged[position : position + source.randrange(1, 40)]
            case _:
                damaged[position:position] = data[position : position + source.randrange(1, 60)]
    return bytes(damaged)


def _message(source: random.Random, certificates: list[str]) -> bytes:
    """A CheckRequest whose fields are ordinary, odd, or damaged."""

    def damaged(value: bytes) -> bytes:
        return _mutate(source, value) if source.random() < 0.3 else value

    certificate = source.choice(certificates)
    if source.random() < 0.1:
        certificate = _mutate(source, certificate.encode()).decode("latin-1")
    return check_request(
        host=damaged(source.choice(HOSTS)),
        path=damaged(source.choice(PATHS)),
        method=source.choice(METHODS),
        headers=[
            (source.choice(HEADER_NAMES), damaged(source.choice(HEADER_VALUES)))
            for _ in range(source.randrange(4))
        ],
        raw=source.random() < 0.7,
        certificate=certificate,
        sni=source.choice((None, "", "api.example.com", "other.test")),
        address=source.choice(("198.51.100.7", "10.1.2.3", "2001:db8::1", "", "unknown")),
        raw_body=damaged(b"evil") if source.random() < 0.2 else b"",
    ).SerializeToString()


def _hostile(count: int) -> Iterator[bytes]:
    """Random bytes, damaged messages, and well-formed messages with hostile fields."""
    source = random.Random(SEED)
    certificates = _certificates()
    for _ in range(count):
        kind = source.random()
        if kind < 0.1:
            yield source.randbytes(source.randrange(0, 400))
        elif kind < 0.4:
            yield _mutate(source, _message(source, certificates))
        else:
            yield _message(source, certificates)


def _send(count: int) -> dict[str, int]:
    model = _policy()
    snapshot = compile_snapshot(model, 1, AT)
    service = CheckService(OPTIONS, CertificateLimits(), Metrics(), clock=lambda: AT)
    service.snapshot = snapshot
    seen = {"allowed": 0, "denied": 0, "undecodable": 0}
    memory: list[int] = []
    for number, message in enumerate(_hostile(count)):
        answer = CheckResponse.FromString(service.check(message))

        assert answer.HasField("status")
        allowed = answer.status.code == 0
        assert answer.HasField("denied_response") is not allowed
        assert allowed or not answer.HasField("ok_response")
        assert answer.dynamic_metadata["reason"] != "internal_error", message
        try:
            facts = decode(message, OPTIONS)
        except Undecodable:
            seen["undecodable"] += 1
            assert not allowed
            continue
        try:
            expected = reference_allows(model, snapshot, facts, AT)
        except Undecodable:
            # A part that the rules ask for cannot be read.
            seen["undecodable"] += 1
            assert not allowed, message
            continue
        if expected and answer.dynamic_metadata["reason"] == "undecodable":
            # Which headers would have to be taken off cannot be read.
            with pytest.raises(Undecodable):
                facts.headers  # noqa: B018
            seen["undecodable"] += 1
            continue
        assert allowed is expected, message
        seen["allowed" if allowed else "denied"] += 1
        if number % max(1, count // 10) == 0:
            gc.collect()
            memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    # The peak may not go on growing once the memo and the caches are warm.
    half = len(memory) // 2
    assert memory[-1] - memory[half] < 16 * 1024, memory
    return seen


def test_thousands_of_hostile_messages_are_answered_as_the_reference_says() -> None:
    seen = _send(3_000)

    assert min(seen.values()) > 100, seen


@pytest.mark.acceptance
def test_a_hundred_thousand_hostile_messages(capsys: pytest.CaptureFixture[str]) -> None:
    seen = _send(100_000)

    with capsys.disabled():
        print(f"\n100,000 hostile messages: {seen}, wrong answers 0, unanswered 0")
    assert min(seen.values()) > 1_000, seen
