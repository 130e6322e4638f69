# SPDX-License-Identifier: Apache-2.0
"""The clock jumps, both ways and far: what a service remembers never outlives its time.

A service that has seen everything is asked beside one that has seen nothing, at the same moment.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack.report import tried
from tests.attack.scenarios import scenarios
from tests.attack.world import World
from tests.factories.pki import AT, DAY

if TYPE_CHECKING:
    from pathlib import Path

SEED: Final = 20261127
JUMPS: Final = 120

#: Where something begins or ends: certificates, CRLs, OCSP answers, what is told again.
EDGES: Final = (0.0, 1.0, 60.0, 3600.0, DAY, 7 * DAY, 30 * DAY, 365 * DAY, 3650 * DAY)


def _moment(pick: random.Random, now: float) -> float:
    """A moment that the clock jumps to: near an edge, or back to where it was."""
    match pick.randrange(4):
        case 0:
            return AT
        case 1:
            return max(0.0, now + pick.uniform(-90.0, 90.0))
        case _:
            edge = pick.choice(EDGES) * pick.choice((-1, 1))
            return max(0.0, AT + edge + pick.choice((-1.0, 0.0, 0.5, 1.0, 2.0)))


def _content(answer: bytes) -> CheckResponse:
    response = CheckResponse.FromString(answer)
    response.dynamic_metadata.fields.pop("decision_id", None)
    return response


@pytest.mark.attack
def test_whatever_the_clock_says_what_is_remembered_answers_like_what_is_not(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    pick = random.Random(SEED)
    now = [AT]

    def service() -> CheckService:
        made = CheckService(
            DecodeOptions(certificate_source=CertificateSource.ENVOY),
            DEFAULT_LIMITS,
            Metrics(),
            clock=lambda: now[0],
        )
        made.snapshot = world.compiled()
        return made

    asked = [one for one in scenarios() if not one.xfcc and one.remaining is None]
    old = service()
    for one in asked:
        old.check(one.data)
    times, wrong, reasons = 0, [], set()
    for _ in range(JUMPS):
        now[0] = _moment(pick, now[0])
        new = service()
        for one in pick.sample(asked, 8):
            # Twice: the second time it may have been remembered at this moment.
            expected = _content(new.check(one.data))
            for turn in range(2):
                times += 1
                got = _content(old.check(one.data))
                if got != expected:
                    wrong.append(f"{one.name}, {now[0] - AT:+.1f} s, turn {turn}: {got}")
            reasons.add(str(dict(expected.dynamic_metadata).get("failure", "")))
    tried("faults", "the clock jumps, and what was remembered is asked", times, wrong=len(wrong))

    assert wrong == []
    assert {"expired", "not_yet_valid"} <= reasons, reasons
