# SPDX-License-Identifier: Apache-2.0
"""What the supervisor and the process that serves the API say to each other. Data only."""

from __future__ import annotations

from authz.node.admin.config import AdminConfig
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.messages import Message


class Databases(Message, frozen=True, kw_only=True):
    """Checks are answered with these GeoIP databases; None for none."""

    city: str | None = None
    asn: str | None = None


ToAdmin = AdminConfig | Databases | Inquire
FromAdmin = Failed | Numbers
