# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def test_the_first_page_is_the_first_of_the_menu(visitor: Visitor) -> None:
    answer = visitor.send("GET", "/")

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/zones/{visitor.bench.zone_id}",
    )
    assert "default" in visitor.get("/zones/{zone}")


def test_whoever_may_see_nothing_is_told_so(visitor: Visitor) -> None:
    grant = Grant(resource=Resource.TOKENS, level=Level.READ, place=ACCOUNT_WIDE)
    nobody = visitor.with_grants({grant})

    answer = nobody.send("GET", "/")
    assert answer.status_code in {200, 303}
    nobody.get("/zones/{zone}", 403)
