# SPDX-License-Identifier: Apache-2.0
"""Applications of one process: one set of calls, each application with a backend of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from authz.api.app import create_api
from authz.errors import StoreUnavailableError
from authz.services.backend import Backend

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def nothing() -> NoReturn:
    raise StoreUnavailableError("there is no store")


def test_another_application_shares_the_calls_and_nothing_else(api: Bench) -> None:
    assert api.call("GET", "/zones").status_code == 200
    first, second = api.app, create_api(Backend(store=nothing, encryption=nothing))

    # What FastAPI works out of signatures is kept in these, and takes longer than most tests.
    own = [one for one in second.routes if one not in first.routes]
    assert [getattr(one, "path", "") for one in own] == ["/client/v4/openapi.json"]
    assert len(second.routes) > 10

    api.use(second)
    assert api.call("GET", "/zones").status_code == 503
    api.use(first)
    assert api.call("GET", "/zones").status_code == 200
    assert first.state.access is not second.state.access
