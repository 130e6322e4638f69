# SPDX-License-Identifier: Apache-2.0
"""What a request says about who asks: a script of ours, and in which browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.sign_ins import Browser

if TYPE_CHECKING:
    from fastapi import Request


def wants_json(request: Request) -> bool:
    """Whether a script of ours asks."""
    return "application/json" in request.headers.get("Accept", "")


def address_of(request: Request) -> str:
    """Where a request comes from; "" where that is no address (a Unix socket)."""
    return request.client.host if request.client is not None else ""


def browser_of(request: Request) -> Browser:
    """Where somebody signs in."""
    return Browser(address=address_of(request), agent=request.headers.get("User-Agent", ""))
