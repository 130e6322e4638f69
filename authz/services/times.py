# SPDX-License-Identifier: Apache-2.0
"""Moments as the API writes them (RFC 3339, UTC)."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at: float) -> str:
    """With microseconds, as Cloudflare writes when something was changed."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc3339_seconds(at: float) -> str:
    """In whole seconds, as certificates have them."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
