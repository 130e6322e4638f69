# SPDX-License-Identifier: Apache-2.0
"""What the process that loads a policy and the one that serves it say to each other.

Data only, as node.messages. The loader answers an order with one Built, Refused or Unsettled; after
a Built it says Findings. A loader that was started together with the command says its Plan first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from authz.node.faults import Fault
from authz.node.messages import Message
from authz.node.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.policy.lint import PolicyFinding

#: Findings that are handed on; `authz policy validate` shows them all.
MAX_FINDINGS: Final = 20


class GeoState(msgspec.Struct, frozen=True, kw_only=True):
    """GeoIP files by setting (`city`, `asn`): the copies in force and the contents last seen."""

    copies: dict[str, str] = {}
    seen: dict[str, str | None] = {}


class LoadPolicy(Message, frozen=True, kw_only=True):
    """Load this policy and write it as a snapshot file.

    Args:
        snapshots: the directory of snapshot files.
        generation: the lowest number that the snapshot may have.
        earlier: the last snapshot file, whose large sets need not be made again.
        settled: put nothing in force that is being written.
        sds_crls: whether Envoy's trust bundles have CRLs.
        geoip: the files of the settings; `geo` what became of them so far.
        fetched: the directory of what was fetched from the policy's URLs.
    """

    policy: str
    snapshots: str
    generation: int
    earlier: str | None
    settled: bool
    sds_crls: bool = False
    geoip: dict[str, str]
    geo_directory: str
    geo: GeoState
    fetched: str | None = None
    log_format: str
    log_level: str


class Looked(Message, frozen=True, kw_only=True):
    """What every answer says: the digests of the files that were read, None where one could not
    be, and what became of the GeoIP files."""

    contents: dict[str, str | None]
    geo: GeoState
    geo_faults: tuple[Fault, ...] = ()


class Built(Looked, frozen=True, kw_only=True):
    """The policy is good, and in `file`; `fetches`: there is something to fetch for it."""

    generation: int
    file: str
    sites: int
    fetches: bool = False


class Refused(Looked, frozen=True, kw_only=True):
    """The policy cannot be used, or not be written: then `retry`, its content is not at fault."""

    fault: Fault
    retry: bool = False


class Unsettled(Looked, frozen=True, kw_only=True):
    """A file was being written: ask again."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of the lint, as it is logged."""

    where: str
    rule: str
    code: str
    finding: str
    hint: str | None


class Findings(Message, frozen=True, kw_only=True):
    """What is odd about the policy that was built: the first ones, and how many there are."""

    first: tuple[Finding, ...]
    count: int


def findings_of(found: Sequence[PolicyFinding]) -> Findings:
    """What is handed on of findings."""
    first = found[:MAX_FINDINGS]
    return Findings(
        first=tuple(
            Finding(
                where=one.where, rule=one.rule, code=one.code, finding=one.message, hint=one.hint
            )
            for one in first
        ),
        count=len(found),
    )


Answer = Built | Refused | Unsettled
FromLoader = Plan | Answer | Findings
