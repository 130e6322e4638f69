# SPDX-License-Identifier: Apache-2.0
"""The listener that `authz envoy config --http3` adds, and requests to it."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from authz.demo.credentials import make_credentials
from authz.demo.scenario import policy_yaml
from authz.envoy.options import Http3Options
from tests.e2e.harness import start_stack
from tests.factories.http3 import Http3Answer, Http3Connection, connected, get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aioquic.tls import SessionTicket

    from authz.demo.processes import Children
    from tests.e2e.harness import Stack

LISTENER: Final = "https-http3"
#: As if something in front mapped the port.
HTTP3: Final = Http3Options(advertised=443)


def start_http3(children: Children, directory: Path, **options: Any) -> Stack:
    """The demo's policy behind both listeners; `options` as start_stack takes them."""
    credentials = make_credentials(directory, at=time.time())
    return start_stack(children, credentials, policy_yaml(credentials), http3=HTTP3, **options)


def send(
    stack: Stack,
    host: str,
    path: str = "/",
    certificate: str = "",
    *,
    sni: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    listener: str = LISTENER,
) -> Http3Answer:
    """One request on a connection of its own."""
    credentials = stack.credentials
    return get(
        stack.envoy.ports[listener],
        host,
        path,
        server_ca=credentials.server_ca,
        certificate=credentials.client_file(certificate) if certificate else None,
        sni=sni,
        headers=headers,
    )


@asynccontextmanager
async def open_to(
    stack: Stack, sni: str, certificate: str = "", ticket: SessionTicket | None = None
) -> AsyncIterator[Http3Connection]:
    """A connection for several requests."""
    credentials = stack.credentials
    async with connected(
        stack.envoy.ports[LISTENER],
        sni,
        server_ca=credentials.server_ca,
        certificate=credentials.client_file(certificate) if certificate else None,
        ticket=ticket,
    ) as connection:
        yield connection


def told(answer: Http3Answer) -> dict[str, str]:
    """The headers that the application received."""
    return dict(json.loads(answer.body)["headers"])
