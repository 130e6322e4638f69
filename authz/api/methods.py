# SPDX-License-Identifier: Apache-2.0
"""Which methods a path has, for `Allow` (RFC 9110 §10.2.1): each is a route of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request


def methods_of(request: Request) -> str:
    """The methods of a request's path, out of the OpenAPI document."""
    document = request.app.openapi()
    here = request.url.path.split("/")
    prefix = document["servers"][0]["url"]
    found = {
        method.upper()
        for path, methods in document["paths"].items()
        if _fits(f"{prefix}{path}".split("/"), here)
        for method in methods
    }
    return ", ".join(sorted(found))


def _fits(template: Sequence[str], path: Sequence[str]) -> bool:
    return len(template) == len(path) and all(
        wanted.startswith("{") or wanted == part
        for wanted, part in zip(template, path, strict=True)
    )
