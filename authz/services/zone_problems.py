# SPDX-License-Identifier: Apache-2.0
"""What somebody should look at in a zone, the gravest first, and what to do about each.

What `authz doctor` finds in files and in Envoy is not looked at here: only what the store knows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from authz.services.permissions import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.services.zone_state import AuthorityStanding, ZoneState

DAY: Final = 86_400.0

#: An authority that expires sooner should have a successor: its clients need new certificates.
AUTHORITY_DAYS: Final = 30

#: Of hostnames and rules.
_BOTH: Final = (Resource.CERTIFICATES, Resource.RULES)

#: Hostnames that are told by name.
_TOLD: Final = 3


class Place(StrEnum):
    """Where something is done about a problem."""

    AUTHORITY = "authority"
    CERTIFICATES = "certificates"
    HOSTS = "hosts"
    RULES = "rules"
    SETTINGS = "settings"
    ENVOY = "envoy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneProblem:
    """Something to look at.

    Args:
        is_grave: whether clients notice it now, or nothing is protected.
        what: a sentence, and `do`: another one.
        resources: what somebody has to be allowed to read, all of it, to be told.
        object_id: of the authority that it is about.
    """

    id: str
    is_grave: bool
    what: str
    do: str
    place: Place
    resources: tuple[Resource, ...]
    object_id: str = ""


def problems_of(state: ZoneState, *, at: float) -> tuple[ZoneProblem, ...]:
    """What is to be looked at in a zone at Unix time `at`."""
    found = [*_authorities(state, at), *_protection(state), *_certificates(state)]
    return tuple(sorted(found, key=lambda one: not one.is_grave))


def _authorities(state: ZoneState, at: float) -> Iterator[ZoneProblem]:
    for one in state.authorities:
        name = one.authority.name
        # A new intermediate below a root that ends would last no longer.
        do = "Rotate its root" if one.ends_with_root else "Rotate it"
        do += ", or upload its successor, and give clients new certificates."
        if at > one.expires_at:
            yield _about(
                one,
                "authority-expired",
                grave=True,
                what=f"The CA {name} expired on {_day(one.expires_at)}: it verifies nobody.",
                do=do,
            )
        elif at > one.expires_at - AUTHORITY_DAYS * DAY:
            yield _about(
                one,
                "authority-expires-soon",
                grave=False,
                what=f"The CA {name} expires on {_day(one.expires_at)}.",
                do=do,
            )
        if one.crl_until is not None and at > one.crl_until:
            yield _about(
                one,
                "crl-stale",
                grave=True,
                what=f"The CRL of the CA {name} was to be replaced by {_day(one.crl_until)}.",
                do="See that authz serve runs and can use the key: its log says why not.",
            )


def _protection(state: ZoneState) -> Iterator[ZoneProblem]:
    if state.blocks_by_default and not state.has_skip:
        yield ZoneProblem(
            id="nobody-gets-through",
            is_grave=True,
            what="The default action is block, and no rule ends with skip: nobody gets through.",
            do="Add a rule that skips for those who may, or let the default action be allow.",
            place=Place.SETTINGS,
            resources=(Resource.RULES,),
        )
    if state.protecting and not state.hosts:
        yield ZoneProblem(
            id="rules-without-hosts",
            is_grave=True,
            what="Rules ask for a certificate, and mTLS is on for no hostname: no certificate is "
            "ever verified.",
            do="Switch mTLS on for the hostnames that the rules are about.",
            place=Place.HOSTS,
            resources=_BOTH,
        )
    if state.hosts and not state.protecting and not state.blocks_by_default:
        yield ZoneProblem(
            id="hosts-without-rule",
            is_grave=True,
            what="mTLS is on for hostnames, and no rule asks for a certificate: everybody gets "
            "through.",
            do="Create a mTLS rule.",
            place=Place.RULES,
            resources=_BOTH,
        )
    unprotected = state.unprotected
    if state.protecting and unprotected:
        names = ", ".join(unprotected[:_TOLD])
        more = f" and {len(unprotected) - _TOLD:,} more" if len(unprotected) > _TOLD else ""
        yield ZoneProblem(
            id="hosts-without-their-rule",
            is_grave=True,
            what=f"mTLS is on for {names}{more}, and no rule that asks for a certificate names "
            f"{'it' if len(unprotected) == 1 else 'them'}.",
            do="Create a mTLS rule for the hostname.",
            place=Place.RULES,
            resources=_BOTH,
        )
    if not state.hosts and not state.has_block and not state.blocks_by_default:
        yield ZoneProblem(
            id="nothing-blocks",
            is_grave=True,
            what="The default action is allow, and no rule blocks: everybody gets through.",
            do="Create a mTLS rule.",
            place=Place.RULES,
            resources=(Resource.RULES,),
        )


def _certificates(state: ZoneState) -> Iterator[ZoneProblem]:
    if state.expiring:
        many = (
            "1 client certificate expires"
            if state.expiring == 1
            else (f"{state.expiring:,} client certificates expire")
        )
        yield ZoneProblem(
            id="certificates-expire-soon",
            is_grave=False,
            what=f"{many} within 30 days.",
            do="Issue new ones, and give them to their clients in time.",
            place=Place.CERTIFICATES,
            resources=(Resource.CERTIFICATES,),
        )
    if state.hosts and state.active and state.seen_at is None and state.all_looked_at:
        heard = state.heard_at is not None
        yield ZoneProblem(
            id="no-certificate-seen",
            is_grave=False,
            what="Requests arrive, and none has ever shown a certificate of this zone."
            if heard
            else "No request has arrived yet that is remembered.",
            do="See that Envoy asks its clients for a certificate and sends it along: "
            "authz doctor finds the usual mistakes."
            if heard
            else "Connect Envoy, and send a request.",
            place=Place.ENVOY,
            resources=(Resource.CERTIFICATES,),
        )


def _about(
    one: AuthorityStanding, problem_id: str, *, grave: bool, what: str, do: str
) -> ZoneProblem:
    return ZoneProblem(
        id=problem_id,
        is_grave=grave and one.is_asked_for,
        what=what,
        do=do,
        place=Place.AUTHORITY,
        resources=(Resource.CERTIFICATES,),
        object_id=one.authority.id,
    )


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
