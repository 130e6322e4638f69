# SPDX-License-Identifier: Apache-2.0
"""What may not get worse: a limit for each figure, and whether it is kept.

Ratios, because absolute numbers belong to the machine. A figure that was not measured has not
passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.figures import rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound of the figure `key`; exactly one of the two is set."""

    key: str
    group: str
    says: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""

    def keeps(self, value: float | None) -> bool:
        """Whether a measured value is within it."""
        if value is None:
            return False
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    @property
    def bound(self) -> str:
        """As people write it."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}".rstrip()
        return f"≤ {self.at_most:g} {self.unit}".rstrip()

    def as_json(self, value: float | None) -> dict[str, Any]:
        """For the results file, with what was measured."""
        return {
            "key": self.key,
            "says": self.says,
            "bound": self.bound,
            "unit": self.unit,
            "value": None if value is None else rounded(value),
            "kept": self.keeps(value),
        }


LIMITS: Final = (
    Limit(
        key="allowed, nobody is interested/noted",
        group="telling",
        says="a check let through that is noted for events, over one that is not",
        at_least=0.97,
    ),
    Limit(
        key="full/go",
        group="full",
        says="a full decision, over grpc-go allowing everything",
        at_least=1.0,
    ),
    Limit(
        key="full/always-allow",
        group="full",
        says="a full decision, over the native loop allowing everything",
        at_least=0.85,
    ),
    Limit(
        key="1,000 rules/1 rule",
        group="rules",
        says="1,000 rules on 200 hosts, over one rule",
        at_least=0.9,
    ),
    Limit(
        key="million/none",
        group="million",
        says="a million revoked serials and a list of a million, over none",
        at_least=0.95,
    ),
    Limit(
        key="10,000 certificates/1",
        group="certificates",
        says="10,000 certificates in turn, over one",
        at_least=0.8,
    ),
    Limit(
        key="first sight",
        group="first-sight",
        says="a whole check with a certificate never seen before",
        at_most=1.5,
        unit="ms",
    ),
    Limit(
        key="worker memory",
        group="memory",
        says="resident memory of the worker, small policy",
        at_most=80.0,
        unit="MB",
    ),
    Limit(
        key="swap p99.9",
        group="swaps",
        says="what continuous swaps add to p99.9 at half load",
        at_most=10.0,
        unit="ms",
    ),
    Limit(
        key="envoy/always-allow",
        group="envoy",
        # 0.95 is the aim; Envoy's access log takes some 7 % of a request for what our answer says
        # (docs/explanation/performance.md).
        says="throughput through Envoy, over the native loop allowing everything; the aim is 0.95",
        at_least=0.85,
    ),
    Limit(
        key="envoy/always-allow, same answer",
        group="envoy",
        says="throughput through Envoy, over the native loop that answers the same bytes",
        at_least=0.95,
    ),
)


def missed(figures: Iterable[Figure], groups: Iterable[str]) -> list[Limit]:
    """The limits of these groups that are not kept, or whose figure is not there."""
    values = {figure.key: figure.value for figure in figures}
    wanted = set(groups)
    return [
        limit
        for limit in LIMITS
        if limit.group in wanted and not limit.keeps(values.get(limit.key))
    ]
