# SPDX-License-Identifier: Apache-2.0
"""How much evaluating one request may cost.

Evaluation is linear in rules times readings times the size of what is read; this is the bound on
that product, so that no request can hold a worker for seconds. Deterministic: the same request
and policy always get the same answer, on any machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from authz.policy.facts import RequestFacts

#: Rules, times readings, times started kibibytes of request. A thousand rules may read a request of
#: 60 KiB (Envoy's default limit of headers) in four readings.
MAX_WORK: Final = 250_000

# Below this many evaluations no request that Envoy lets through comes near the limit, and the
# size need not be added up.
_NEVER_TOO_MUCH: Final = 64


def exceeds_budget(facts: RequestFacts, readings: int, rules: int) -> bool:
    """True when evaluating `rules` rules on `readings` readings of the request is too much."""
    evaluations = readings * rules
    if evaluations <= _NEVER_TOO_MUCH:
        return False
    size = len(facts.path) + len(facts.body)
    size += sum(len(name) + len(value) for name, value in facts.headers)
    return evaluations * (1 + size // 1024) > MAX_WORK
