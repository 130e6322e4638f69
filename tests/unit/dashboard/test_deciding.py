# SPDX-License-Identifier: Apache-2.0
"""What a page gives as an example is decided as Envoy's requests are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from authz.services.hosts import add_host
from authz.services.permissions import EVERYTHING

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def _verified(visitor: Visitor, certificate_id: str) -> str:
    page = visitor.get(f"/zones/{{zone}}/client-certificates/{certificate_id}")
    (found,) = re.findall(r'cert_verified</code></th>\s*<td><span[^>]*data-copy="(\w+)"', page)
    return str(found)


def test_a_certificate_is_judged_by_the_moment_that_is_now(visitor: Visitor) -> None:
    visitor.bench.world.ca()
    issued = visitor.bench.world.issue()
    add_host(
        visitor.bench.store,
        "*.example.com",
        authority="Acme",
        actor="t",
        at=visitor.bench.now,
    )

    assert _verified(visitor, issued.certificate.id) == "true"
    # Before it is valid, and long before it expires.
    visitor.bench.now -= 10 * 86_400
    # Whoever is signed in was not, then.
    other = visitor.with_grants(EVERYTHING, "before")
    assert _verified(other, issued.certificate.id) == "false"
