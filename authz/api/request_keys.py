# SPDX-License-Identifier: Apache-2.0
"""By which a repeated request for a certificate is known, on any node and after a restart.

`repeats` remembers answers in memory, which is enough while the same process is asked again. For
certificates the store remembers as well (services.issuance_requests): a second one is the one thing
that nobody would notice. Not seen: a retry that another node answers while the first attempt is
still at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.api.repeats import digest_of, is_retry
from authz.services.issuance_requests import RequestKey, check_request_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import Request

    from authz.api.calls import Call

#: A retry comes at most four minutes after the first attempt (answers.KEEP_SECONDS), and clocks of
#: nodes may differ.
RETRY_SECONDS: Final = 600.0


def request_key_of(
    request: Request, call: Call, idempotency_key: str | None, asked: Sequence[str | None]
) -> RequestKey:
    """The key of a request: the client's own (`Idempotency-Key`), or one made from what it asks.

    Keys of one token are no other's.

    Args:
        asked: all that tells this request from others of the token in the zone.

    Raises:
        InvalidInputError: the client's key is empty, too long or has control characters.
    """
    token = call.principal.token_id
    if idempotency_key is not None:
        check_request_key(idempotency_key)
        return RequestKey(text=f"key-{digest_of([token, idempotency_key])}")
    parts = [token, *("" if one is None else f"={one}" for one in asked)]
    return RequestKey(
        text=f"auto-{digest_of(parts)}",
        since=call.at - RETRY_SECONDS,
        anew=not is_retry(request.headers.get("x-stainless-retry-count")),
    )
