# SPDX-License-Identifier: Apache-2.0
"""What events say, in words for people. Whatever is not known here is shown as it is."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from authz.policy.decision import Reason, Verdict
from authz.services.check_counts import OTHERS
from authz.services.namespace import OF_THE_STORE, OTHER_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICTS: Final[Mapping[str, str]] = MappingProxyType(
    {Verdict.DENY.value: "Blocked", Verdict.ALLOW.value: "Allowed"}
)

#: Of what decided. "" is a refusal that no rule and no default made.
ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"block": "Block", "skip": "Skip", "allow": "Allow (no rule)", "": "Refused outright"}
)

#: By reason: a few words, and a sentence.
REASONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        Reason.RULE.value: ("Rule", "A rule decided."),
        Reason.DEFAULT_ACTION.value: (
            "No rule matched",
            "No rule decided, so the zone's default action did.",
        ),
        Reason.MISDIRECTED.value: (
            "Connection of another host",
            "The TLS connection was opened for a host that trusts other authorities (421).",
        ),
        Reason.NO_SNAPSHOT.value: (
            "No rules loaded yet",
            "The service had just started and knew no rules yet.",
        ),
        Reason.UNKNOWN_HOST.value: ("Unknown host", "No zone answers for this host."),
        Reason.AMBIGUOUS_PATH.value: (
            "Ambiguous path",
            "The path can be read in several ways, and not all of them are allowed.",
        ),
        Reason.EVALUATION_BUDGET.value: (
            "Too much work",
            "Judging the request by these rules would have taken too long.",
        ),
        Reason.DEADLINE_EXCEEDED.value: ("Out of time", "There was no time left to decide."),
        Reason.OVERLOADED.value: (
            "Too many requests",
            "More requests came than the service could judge in time (429).",
        ),
        Reason.UNDECODABLE.value: ("Unreadable request", "Nobody could read the request."),
        Reason.INTERNAL_ERROR.value: (
            "Internal error",
            "The service failed. Its log says more.",
        ),
    }
)

#: Why a certificate is not verified, in a few words.
FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "absent": "no certificate",
        "malformed": "unreadable",
        "too_large": "too large",
        "unsupported": "unsupported",
        "expired": "expired",
        "not_yet_valid": "not valid yet",
        "unknown_issuer": "unknown issuer",
        "bad_signature": "bad signature",
        "wrong_usage": "not for clients",
        "constraint_violated": "constraint violated",
        "crl_stale": "CRL missing or out of date",
        "ocsp_missing": "no OCSP answer",
    }
)


def verdict_word(verdict: str) -> str:
    """`Blocked` or `Allowed`."""
    return VERDICTS.get(verdict, verdict)


def action_word(action: str) -> str:
    """What decided, did."""
    return ACTIONS.get(action, action)


def reason_word(reason: str) -> str:
    """Why, in a few words."""
    return REASONS[reason][0] if reason in REASONS else reason


def reason_sentence(reason: str) -> str:
    """Why, as a sentence; "" where nobody wrote one."""
    return REASONS[reason][1] if reason in REASONS else ""


def site_word(site: str) -> str:
    """A site: a host, or all others of a zone."""
    name = site
    while name.endswith(OF_THE_STORE):
        name = name.removesuffix(OF_THE_STORE)
    if name.endswith(OTHER_HOSTS):
        return f"Other hosts of {name.removesuffix(OTHER_HOSTS)}"
    return name or "No host of ours"


def certificate_state(event: Mapping[str, Any]) -> tuple[str, str]:
    """What an event says of the certificate: words, and the kind of their badge."""
    if not event["presented"]:
        return "None", "plain"
    if event["revoked"]:
        return "Revoked", "bad"
    if event["verified"]:
        return "Verified", "good"
    failure = event["failure"]
    if not failure:
        return "Not looked at", "plain"
    return f"Not verified: {FAILURES.get(failure, failure)}", "warn"


def series_word(by: str, name: str) -> str:
    """What a line of a chart is called."""
    if name == OTHERS:
        return "All others"
    words = {
        "verdict": verdict_word,
        "action": action_word,
        "reason": reason_word,
        "host": site_word,
    }
    if by == "rule" and not name:
        return "No rule"
    return words[by](name) if by in words else name
