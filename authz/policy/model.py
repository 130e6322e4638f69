# SPDX-License-Identifier: Apache-2.0
"""A policy as plain data: what policy.yaml (or the store) says, files already read.

sources.policy_file builds it, policy.snapshot compiles it, node hands it from the supervisor to the
workers. Everything is immutable and made of str, int, bool, bytes and tuples, so that it can be
encoded, hashed and compared. Field meanings: architecture section 6, `policy.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from authz.certs.trust import AuthorityModel
from authz.policy.decision import BlockResponse
from authz.rules.lists import ListModel


class Action(StrEnum):
    """What a rule does when its expression is true (Cloudflare, custom rules)."""

    BLOCK = "block"
    SKIP = "skip"
    LOG = "log"


class DefaultAction(StrEnum):
    """What happens when no rule ended evaluation."""

    ALLOW = "allow"
    BLOCK = "block"


class PathMode(StrEnum):
    """How a path with several readings is judged (architecture 4.7)."""

    COMPARE = "compare"
    REFUSE = "refuse"
    AS_SENT = "as_sent"


class Misdirected(StrEnum):
    """What happens when SNI and Host belong to sites with different trust (architecture 4.10)."""

    ANSWER_421 = "answer_421"
    IGNORE = "ignore"


class UpstreamHeaders(StrEnum):
    """A family of certificate headers sent upstream when verified and not revoked."""

    CF_CERT = "cf-cert"
    CLIENT_CERT = "client-cert"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipParameters:
    """`action_parameters` of a `skip` rule.

    `current` is true for `ruleset: current` or `phase: current`: evaluation ends. `rules` are the
    refs to leave out. `without_effect` names parameters that do nothing here (products, other
    phases), for the lint.
    """

    current: bool = False
    rules: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleModel:
    """One rule.

    `where` is its place for error messages (`policy.yaml:12: sites[0].rules[1]`) and
    `expression_where` that of its expression.
    """

    ref: str
    expression: str
    action: Action
    description: str = ""
    enabled: bool = True
    response: BlockResponse | None = None
    skip: SkipParameters | None = None
    where: str = ""
    expression_where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteModel:
    """One site: the hosts it answers for, whom it trusts and what it asks.

    `scope` says which lists its rules mean: those of the same scope.
    """

    name: str
    hosts: tuple[str, ...]
    trust: tuple[AuthorityModel, ...] = ()
    default_action: DefaultAction = DefaultAction.ALLOW
    paths: PathMode = PathMode.COMPARE
    misdirected: Misdirected = Misdirected.ANSWER_421
    upstream_headers: tuple[UpstreamHeaders, ...] = ()
    rules: tuple[RuleModel, ...] = ()
    scope: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyModel:
    """A whole policy: every site and every named list."""

    sites: tuple[SiteModel, ...]
    lists: tuple[ListModel, ...] = ()
