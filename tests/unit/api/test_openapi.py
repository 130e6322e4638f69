# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import APIRouter, FastAPI

from authz.api.openapi import as_text, install, operation_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.api.conftest import Bench


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_document_is_served_without_a_token(api: Bench) -> None:
    answer = api.call("GET", "/openapi.json", token="nobody")

    assert answer.status_code == 200
    assert answer.json() == api.app.openapi()


def test_it_says_of_every_call_what_it_is(api: Bench) -> None:
    document = api.app.openapi()

    assert document["servers"] == [{"url": "/client/v4"}]
    assert list(document["paths"]) == sorted(document["paths"])
    ids = []
    for label, operation in _operations(document):
        ids.append(operation["operationId"])
        assert operation["description"], label
        assert {"HTTPBearer": []} in operation["security"], label
        assert {"400", "401", "403", "404", "429", "503"} <= set(operation["responses"]), label
        assert "422" not in operation["responses"], label
        assert "default" not in operation["responses"], label
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9_]+", one) for one in ids)
    assert {"zones_list_them", "user_audit_logs_list_for_user", "zones_events_get_of_zone"} < {*ids}


def test_extensions_are_marked(api: Bench) -> None:
    """Which ones are is a question for the SDK: tests/contract/test_sdk_paths.py."""
    marked = {
        label for label, one in _operations(api.app.openapi()) if one.get("x-extension") is True
    }

    assert "get /zones/{zone_id}/events" in marked
    assert "get /zones/{zone_id}" not in marked


def test_the_same_routes_make_the_same_text(api: Bench) -> None:
    first = as_text(api.app.openapi())
    api.app.openapi_schema = None

    assert as_text(api.app.openapi()) == first
    assert "HTTPValidationError" not in first


def test_two_calls_of_one_name_are_a_mistake() -> None:
    app = FastAPI(generate_unique_id_function=operation_ids("/x"))
    router = APIRouter(tags=["Same tag"])

    @router.get("/a/b")
    def get() -> None:
        """One."""

    router.get("/a/c")(get)
    app.include_router(router, prefix="/x")
    install(app, "/x")

    with (
        # FastAPI's own, which only a test takes for a mistake.
        pytest.warns(UserWarning, match="Duplicate Operation ID"),
        pytest.raises(ValueError, match="GET /a/b and GET /a/c are both a_test_openapi_get"),
    ):
        app.openapi()
