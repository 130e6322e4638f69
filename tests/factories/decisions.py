# SPDX-License-Identifier: Apache-2.0
"""Clients and decisions for tests of what comes after deciding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.judgement import NOT_PRESENTED, Judgement
from authz.certs.paths import Path
from authz.policy.client import Client
from authz.policy.decision import UNJUDGED, Decision, Reason, Ruling, Verdict
from tests.factories.pki import root

if TYPE_CHECKING:
    from authz.demo.pki import Issued

#: Nobody presented a certificate.
ANONYMOUS = Client(NOT_PRESENTED, False, VerifyFailure.ABSENT)


def client(
    issued: Issued | None = None,
    *,
    revoked: bool = False,
    failure: VerifyFailure | None = None,
    sent_chain: tuple[bytes, ...] = (),
) -> Client:
    """A client with a certificate of the test root: verified unless `failure` says otherwise."""
    leaf = Certificate.from_der((issued or root().client("alice")).der)
    path = Path(certificates=(leaf, Certificate.from_der(root().der)), authority="acme")
    judgement = Judgement(
        presented=True,
        certificate=leaf,
        paths=() if failure else (path,),
        failure=failure,
        sent_chain=sent_chain,
    )
    return Client(judgement, revoked, failure)


def allowed(**changes: Any) -> Decision:
    """Nothing matched and the default lets it through."""
    ruling = Ruling(
        verdict=Verdict.ALLOW,
        reason=Reason.DEFAULT_ACTION,
        site="api",
        action="allow",
        generation=7,
    )
    return _changed(ruling, changes)


def blocked(**changes: Any) -> Decision:
    """A rule blocked."""
    ruling = Ruling(
        verdict=Verdict.DENY,
        reason=Reason.RULE,
        site="api",
        action="block",
        rule="protect-admin",
        generation=7,
    )
    return _changed(ruling, changes)


def refused(reason: Reason, *, presented: bool = True, **changes: Any) -> Decision:
    """Denied before anybody asked who the client is."""
    ruling = Ruling(verdict=Verdict.DENY, reason=reason, **changes)
    return Decision(ruling, UNJUDGED[presented])


def _changed(ruling: Ruling, changes: dict[str, Any]) -> Decision:
    who = changes.pop("client") if "client" in changes else client()
    standing = UNJUDGED[True] if who is None else who.standing
    return Decision(replace(ruling, **changes), standing, who)
