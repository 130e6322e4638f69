# SPDX-License-Identifier: Apache-2.0
"""Allow: which methods a path has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI, Request

from authz.api.methods import methods_of

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v/things", "GET, POST"),
        ("/v/things/1", "DELETE, GET"),
        ("/v/things/1/2", ""),
        ("/things", ""),
    ],
)
def test_methods_of_a_path(path: str, methods: str) -> None:
    class Application(FastAPI):
        def openapi(self) -> dict[str, object]:
            return {
                "servers": [{"url": "/v"}],
                "paths": {
                    "/things": {"post": {}, "get": {}},
                    "/things/{id}": {"get": {}},
                    "/things/1": {"delete": {}},
                },
            }

    scope = {"type": "http", "path": path, "headers": [], "app": Application()}

    assert methods_of(Request(scope)) == methods


def test_a_method_that_a_path_has_not(api: Bench) -> None:
    answer = api.call("DELETE", "/accounts/{account}")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, PUT"
