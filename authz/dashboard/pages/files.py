# SPDX-License-Identifier: Apache-2.0
"""`/static/…`: files for the browser, which has them for good; and the icon that it asks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.exceptions import HTTPException

from authz.dashboard.site import Site
from authz.dashboard.viewers import site_of

router = APIRouter()

_FOR_GOOD = "public, max-age=31536000, immutable"


@router.get("/static/{digest}/{name:path}")
def file(
    digest: str, name: str, request: Request, site: Annotated[Site, Depends(site_of)]
) -> Response:
    """A file, under the digest of all of them; compressed for whoever takes that.

    Pages are not: what is secret in them must not show by their length (BREACH).
    """
    found = site.renderer.file(name)
    if found is None or digest != site.renderer.digest:
        raise HTTPException(404)
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    body = found.body
    taken = request.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
    if "gzip" in taken and len(found.packed) < len(body):
        body = found.packed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=found.media_type, headers=headers)


@router.get("/favicon.ico")
def icon(site: Annotated[Site, Depends(site_of)]) -> Response:
    """What browsers ask for by themselves."""
    found = site.renderer.file("icon.svg")
    assert found is not None, "it is one of the files"
    return Response(found.body, media_type=found.media_type)
