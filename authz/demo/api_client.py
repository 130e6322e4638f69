# SPDX-License-Identifier: Apache-2.0
"""Calls of the demo to the management API, as any program of a user makes them.

http.client over plain HTTP on loopback. A token is read from its file for each call and is neither
kept nor shown. Which calls are made is the story's business.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

#: How long one call may take, in seconds.
CALL_SECONDS: Final = 10.0

#: Where the API is on its port.
PREFIX: Final = "/client/v4"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """What came back: the HTTP status, and `result` and the messages of `errors` in the body."""

    status: int
    result: Any
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The API of a running authz.

    Args:
        address: `host:port`.
        token_file: the file that its first token is in.
    """

    address: str
    token_file: Path

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{self.address}{PREFIX}"

    def call(
        self, method: str, path: str, body: object = None, *, token: str | None = None
    ) -> ApiAnswer:
        """Make one call, with the first token or another one, on a connection of its own.

        Args:
            path: what stands behind `/client/v4`.
            body: what JSON is made of; None sends no body.

        Raises:
            DemoError: there is no token, nobody answers, or what comes is no JSON object.
        """
        try:
            secret = token or self.token_file.read_text(encoding="ascii").strip()
        except OSError as error:
            raise DemoError(f"the API's first token cannot be read: {error}") from error
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address, timeout=CALL_SECONDS)
        try:
            connection.request(method, f"{PREFIX}{path}", content, headers)
            response = connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(
                f"the API on {self.address} does not answer {method} {path}: {error}"
            ) from error
        finally:
            connection.close()
        return ApiAnswer(status=status, **_parts(text, f"{method} {path}"))

    def result(self, method: str, path: str, body: object = None) -> Any:
        """The `result` of a call that must succeed.

        Raises:
            DemoError: it does not; the hint has what the API said.
        """
        answer = self.call(method, path, body)
        if answer.status != 200:
            raise DemoError(
                f"the API answered {method} {path} with {answer.status}",
                hint=f"it said: {'; '.join(answer.errors)}" if answer.errors else None,
            )
        return answer.result

    def takes_its_token(self) -> bool:
        """Whether it answers, and knows the token in the file."""
        try:
            return self.call("GET", "/user/tokens/verify").status == 200
        except DemoError:
            return False


def _parts(text: bytes, asked: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
        return {
            "result": body["result"],
            "errors": tuple(str(error["message"]) for error in body["errors"]),
        }
    except (ValueError, TypeError, KeyError) as error:
        raise DemoError(
            f"the API's answer to {asked} is no JSON with a result and errors"
        ) from error
