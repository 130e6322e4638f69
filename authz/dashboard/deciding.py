# SPDX-License-Identifier: Apache-2.0
"""What the policy in force makes of a request that a page gives as an example, or of a certificate.

Nothing is counted and no rule is taken apart: that is the simulator's (pages/simulator.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError
from authz.policy.explain import TraceBudget
from authz.services.allowed import Allowed
from authz.services.simulated_request import SimulatedRequest, check_request
from authz.services.simulation import simulate

if TYPE_CHECKING:
    from authz.dashboard.viewers import Viewer
    from authz.policy.explanation import CertificateExplained
    from authz.services.explanation import ExplainedCheck

_ANYTHING: Final = Allowed()


def example_host(hostname: str) -> str:
    """A name that a hostname with a wildcard stands for: `www.example.com` for `*.example.com`."""
    return hostname.replace("*.", "www.", 1)


def decided(
    viewer: Viewer, request: SimulatedRequest, allowed: Allowed = _ANYTHING
) -> ExplainedCheck | None:
    """The decision by the rules in force; None where whoever looks may not have it, or there is
    none.

    Args:
        allowed: what of it is shown, if it is shown.
    """
    backend = viewer.backend
    try:
        return simulate(
            viewer.store,
            backend.live,
            viewer.zone_id,
            check_request(request, backend.reading.options),
            at=viewer.at,
            how=backend.reading,
            geo=backend.geo,
            allowed=allowed,
            budget=TraceBudget(work=0, number=0),
        ).check
    except AuthzError:
        return None


def judged(
    viewer: Viewer, hostname: str, certificates: tuple[bytes, ...]
) -> CertificateExplained | None:
    """How a certificate is judged for a hostname of the zone, with those sent along.

    None where the hostname is not decided by this zone.
    """
    host = example_host(hostname)
    found = decided(
        viewer, SimulatedRequest(host=host, sni=host, certificates=certificates, time=viewer.at)
    )
    return None if found is None or found.explanation is None else found.explanation.certificate
