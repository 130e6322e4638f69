# SPDX-License-Identifier: Apache-2.0
"""Checks that a node told of, kept in a store with their requests, and counts of rules."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from authz.observability.recorded import LeftOut, Recorded
from authz.services.activity import Tally, keep_activity
from tests.factories.checks import check_request
from tests.factories.events import blocked, counted
from tests.factories.pki import url_encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.issuance import Issued
    from authz.store.engine import Store


def record_checks(
    store: Store,
    paths: Sequence[str],
    *,
    host: str = "api.example.com",
    site: str = "default",
    verdict: str = "allow",
    certificate: Issued | None = None,
    without_body: bool = False,
) -> list[str]:
    """Requests for these paths, and what became of them; their events, the latest first.

    Args:
        without_body: they had one, which was not recorded.
    """
    now = time.time()
    pem = "" if certificate is None else url_encoded(certificate.bundle)
    who = "" if certificate is None else certificate.certificate.fingerprint_sha256
    prefix = uuid.uuid4().hex[:24]
    events = [
        blocked(
            id=f"{prefix}{number:08x}",
            at=now - number,
            verdict=verdict,
            reason="default_action" if verdict == "allow" else "rule",
            rule="" if verdict == "allow" else "gone",
            action="" if verdict == "allow" else "block",
            site=site,
            host=host,
            path=path,
            fingerprint=who,
            presented=certificate is not None,
            recorded=Recorded(
                request=check_request(
                    host=host, sni=host, path=path, certificate=pem
                ).SerializeToString(),
                left_out=LeftOut(body=without_body),
            ),
        )
        for number, path in enumerate(paths, 1)
    ]
    keep_activity(store, {}, events[::-1])
    return [one.id for one in events]


def count_matches(store: Store, ref: str, checks: int, *, site: str = "default") -> None:
    """Checks that a rule decided in this minute."""
    minute = int(time.time()) // 60 * 60
    one = counted(ref, checks, site=site, minute=minute)
    keep_activity(store, {}, (), tally=Tally(at=time.time(), checks=[one]))
