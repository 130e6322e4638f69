# SPDX-License-Identifier: Apache-2.0
"""HTTP GET for doctor: Envoy's admin interface and this service's own metrics.

Plain HTTP, no proxy, no redirects, bounded in time and size: both are somebody's admin port.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from authz.errors import TransportError
from authz.settings import parse_address

TIMEOUT_SECONDS: Final = 5.0

#: The configuration dump of a large Envoy has some ten MB.
MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body, and what the server's clock said in Unix seconds (None when it did not)."""

    url: str
    body: bytes
    date: float | None = None

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            TransportError: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise TransportError(
                "the answer is not JSON", where=self.url, hint="is it Envoy's admin address?"
            ) from None


def get(address: str, path: str) -> Answer:
    """What `http://ADDRESS/PATH` answers.

    Raises:
        SettingsError: the address is none.
        TransportError: nobody answers, or not with 200.
    """
    target = parse_address(address)
    url = f"http://{target}{path}"
    connection = http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TransportError(
            f"cannot be asked: {reason.lower()}", where=url, hint="does it run and listen there?"
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise TransportError(
            f"answered with status {response.status}", where=url, hint="is it the right port?"
        )
    if len(body) > MAX_BYTES:
        raise TransportError("the answer is too large", where=url)
    return Answer(url=url, body=body, date=_seconds(response.getheader("date")))


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
