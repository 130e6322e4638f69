# SPDX-License-Identifier: Apache-2.0
"""The check path in this process, without a transport: what the stages are and how to call them.

The one place of the benchmarks that knows how the parts of a check are put together.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs.judgement import judge
from authz.certs.presented import CertificateLimits
from authz.extauthz.decision_id import decision_ids
from authz.extauthz.decode import DecodeOptions, decode
from authz.extauthz.encode import encode
from authz.extauthz.service import CheckService
from authz.observability.events import note_nothing
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.authorizer import authorize
from authz.policy.fields import SCHEME, field_values
from authz.policy.snapshot import compile_snapshot
from authz.rules import compile_expression, parse
from authz.sources.policy_file import load_policy
from benchmarks.figures import BenchError
from benchmarks.messages import OTHER_PATHS, check_for, checks_of_paths
from benchmarks.policies import pinned

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.observability.events import Note
    from benchmarks.policies import Authority


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The calls, by what they do."""

    decode: Callable[[], object]
    parse: Callable[[], object]
    compile: Callable[[], object]
    verify_cold: Callable[[], object]
    verify_remembered: Callable[[], object]
    evaluate: Callable[[], object]
    encode: Callable[[], object]
    authorize: Callable[[], object]
    check: Callable[[], object]
    check_other_paths: Callable[[], object]


def service_for(policy: Path, note: Note = note_nothing) -> CheckService:
    """A service that answers by a policy file, and whom it tells of checks."""
    service = CheckService(DecodeOptions(), CertificateLimits(), Metrics(), note=note)
    service.snapshot = compile_snapshot(load_policy(policy).model, 1, time.time())
    return service


def expect_allowed(answer: bytes) -> None:
    """Refuse to measure anything but an allow.

    Raises:
        BenchError: it is something else.
    """
    response = CheckResponse.FromString(answer)
    if not response.HasField("status") or response.status.code != 0:
        raise BenchError(f"the check that is to be allowed was denied:\n{response}")


def stages(policy: Path, authority: Authority, paths: int = OTHER_PATHS) -> Stages:
    """The stages of the check that every benchmark asks, with the pinned certificate's policy."""
    service = service_for(policy)
    snapshot = service.snapshot
    assert snapshot is not None
    site = snapshot.sites[0]
    trust, ruleset = site.trust, site.ruleset
    data = check_for(authority.client)
    others = checks_of_paths(authority.client, paths)
    options, at, client_of = DecodeOptions(), time.time(), service.memo.client_of
    facts = decode(data, options)
    target = facts.path.partition(b"?")[0]
    client = client_of(facts, trust, at)
    decision = authorize(snapshot, facts, at, client_of)
    text = pinned(authority.client)
    expression = parse(text, SCHEME, {})
    identifier = next(decision_ids())
    for message in (data, *others):
        expect_allowed(service.check(message))
    turns = itertools.cycle(others)
    return Stages(
        decode=lambda: decode(data, options),
        parse=lambda: parse(text, SCHEME, {}),
        compile=lambda: compile_expression(expression),
        verify_cold=lambda: judge(facts.presented, trust, at),
        verify_remembered=lambda: client_of(facts, trust, at),
        evaluate=lambda: ruleset.run(
            field_values(facts, client, site.name, target, at, None), frozenset()
        ),
        encode=lambda: encode(decision, identifier),
        authorize=lambda: authorize(snapshot, facts, at, client_of),
        check=lambda: service.check(data),
        check_other_paths=lambda: service.check(next(turns)),
    )
