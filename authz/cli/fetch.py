# SPDX-License-Identifier: Apache-2.0
"""HTTP GET of ports on this side: Envoy's admin interface, and a node's metrics and readiness.

Plain HTTP, no proxy, no redirects, bounded in time and size: all are somebody's admin port.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from authz.errors import TransportError
from authz.settings import parse_address

if TYPE_CHECKING:
    from authz.settings.addresses import ListenAddress

TIMEOUT_SECONDS: Final = 5.0

#: The configuration dump of a large Envoy has some ten MB.
MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, body, and what the server's clock said in Unix seconds (None when it did not)."""

    url: str
    body: bytes
    status: int = 200
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
    answer = ask(parse_address(address), path, seconds=TIMEOUT_SECONDS, most=MAX_BYTES + 1)
    if answer.status != 200:
        raise TransportError(
            f"answered with status {answer.status}", where=answer.url, hint="is it the right port?"
        )
    if len(answer.body) > MAX_BYTES:
        raise TransportError("the answer is too large", where=answer.url)
    return answer


def ask(target: ListenAddress, path: str, *, seconds: float, most: int) -> Answer:
    """What is answered there, whatever the status is.

    Args:
        seconds: how long connecting, and each piece of the answer, may take.
        most: bytes of the body that are read.

    Raises:
        TransportError: nobody answers, or not to the end.
    """
    url = f"http://{target}{path}"
    connection = http.client.HTTPConnection(target.host, target.port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(most)
        # Asked for so many bytes at most, it does not say that fewer came than were announced.
        if response.length and len(body) < most:
            raise http.client.IncompleteRead(body, response.length)
    except http.client.IncompleteRead:
        raise TransportError(
            "the answer ends early", where=url, hint="has it just ended? ask again"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TransportError(
            f"cannot be asked: {reason.lower()}", where=url, hint="does it run and listen there?"
        ) from None
    finally:
        connection.close()
    return Answer(
        url=url, body=body, status=response.status, date=_seconds(response.getheader("date"))
    )


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
