# SPDX-License-Identifier: Apache-2.0
"""One row of the scenario: sent, and its answer compared with the right one.

What the authorizer says about a request is read from Envoy's access log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.demo.client import Answer, Connection

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.running import Demo
    from authz.demo.scenario import Row
    from authz.demo.stack import Envoy

#: How long Envoy may take to write a request into its access log, in seconds.
LOG_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one row gave: the answer, the authorizer's own words, and every deviation."""

    row: Row
    status: int
    decided_by: str
    wrong: tuple[str, ...]


def send_row(demo: Demo, row: Row) -> Outcome:
    """Send a row on a connection of its own."""
    certificate = demo.credentials.client_file(row.certificate) if row.certificate else None
    connection = Connection(
        demo.envoy.port, row.sni or row.host, demo.credentials.server_ca, certificate
    )
    before = len(demo.envoy.log_lines())
    try:
        answer = connection.send_request(
            row.path, hosts=(f"{row.host}:{demo.envoy.port}",), headers=row.headers
        )
    except OSError as error:
        wrong = (f"no answer: {error}",)
        return Outcome(row=row, status=0, decided_by="", wrong=wrong)
    finally:
        connection.close()
    logged = logged_since(demo.envoy, before)
    return Outcome(
        row=row,
        status=answer.status,
        decided_by=decided_by(logged),
        wrong=tuple(deviations(row, answer, logged, demo.credentials)),
    )


def logged_since(envoy: Envoy, before: int) -> dict[str, Any]:
    """The first line of the access log behind the first `before`.

    Raises:
        DemoError: there is none.
    """
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        lines[:] = envoy.log_lines()[before:]
        return bool(lines)

    envoy.child.wait_until(written, "the request was in the access log", LOG_SECONDS)
    return lines[0]


def decided_by(logged: dict[str, Any]) -> str:
    """Who decided, in a few words: the rule, the reason, or Envoy itself."""
    reason = logged["reason"]
    if not reason:
        return "Envoy"
    words = f"rule {logged['rule']}" if reason == "rule" else str(reason)
    return f"{words} ({logged['failure']})" if logged["failure"] else words


def deviations(
    row: Row, answer: Answer, logged: dict[str, Any], credentials: Credentials
) -> list[str]:
    """Every way in which a row's answer is not what it must be."""
    wrong = []
    if answer.status != row.status:
        wrong.append(f"status {answer.status}, not {row.status}")
    for key in ("reason", "rule", "failure"):
        said, expected = logged[key] or "", getattr(row, key)
        if said != expected:
            wrong.append(f"{key} {said!r}, not {expected!r}")
    if row.upstream and answer.status == 200:
        seen = dict(json.loads(answer.body)["headers"])
        for name, expected in row.upstream.items():
            value = seen.get(name)
            if expected == "*":
                matches = value is not None
            elif expected is not None and expected.startswith("@"):
                matches = value == credentials.clients[expected[1:]].fingerprint
            else:
                matches = value == expected
            if not matches:
                wrong.append(f"the application saw {name}: {value!r}")
    return wrong
