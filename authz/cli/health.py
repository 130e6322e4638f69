# SPDX-License-Identifier: Apache-2.0
"""`authz health`: whether the node of these settings answers checks.

For whoever restarts or waits for it (HEALTHCHECK of the image, ExecStartPost, scripts), in images
without a shell or an HTTP client. Asks /readyz where metrics are served, else the gRPC health
service of the port that Envoy asks, a Unix socket included.
"""

from __future__ import annotations

from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, settings_of

if TYPE_CHECKING:
    from authz.settings import Settings
    from authz.settings.addresses import ListenAddress

#: How long an answer may take; HEALTHCHECK and probes give it some more.
TIMEOUT_SECONDS: Final = 2.0

#: Of a body that says why. A node's own are one line.
_MAX_BYTES: Final = 4096


def health(
    config: ConfigOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing, only end with it.")] = False,
) -> None:
    """Ask a running authz whether it is ready.

    Ends with 0 when it answers checks, 1 when it does not, 2 when it cannot be asked.
    """
    ready, why = _asked(settings_of(config))
    if not quiet:
        (messages.result if ready else messages.error)(messages.printable(why))
    raise typer.Exit(0 if ready else 1)


def _asked(settings: Settings) -> tuple[bool, str]:
    """Whether it is ready, and what it, or the system, says about that.

    Raises:
        SettingsError: nothing of the node can be asked.
    """
    from authz.envoy.options import reachable
    from authz.node.addresses_file import asked_address
    from authz.settings import parse_address

    if settings.metrics.active:
        address = asked_address(settings.metrics.listen, settings.data_dir)
        if not address:
            return False, f"no node is running in {settings.data_dir}"
        return _readyz(reachable(parse_address(address)))
    return _grpc_health(settings)


def _readyz(node: ListenAddress) -> tuple[bool, str]:
    from authz.cli.fetch import ask
    from authz.errors import TransportError

    try:
        answer = ask(node, "/readyz", seconds=TIMEOUT_SECONDS, most=_MAX_BYTES)
    except TransportError as error:
        return False, f"{error.where} {error.message}"
    said = answer.body.decode("utf-8", "replace").strip()
    return answer.status == 200, said or f"status {answer.status}"


def _grpc_health(settings: Settings) -> tuple[bool, str]:
    """What the workers say; one that serves is enough, as it is for Envoy."""
    from authz.envoy.options import listening_addresses
    from authz.errors import SettingsError

    if settings.grpc.tls is not None:
        raise SettingsError(
            "metrics.listen is off and the gRPC port wants TLS: nothing of the node can be asked",
            hint='set metrics.listen, "127.0.0.1:9464" for example',
            where=settings.where("metrics", "listen"),
        )
    import grpc

    from authz.extauthz.health import HEALTH_CHECK, SERVING

    addresses = listening_addresses(settings)
    answers: SimpleQueue[Any] = SimpleQueue()
    calls: dict[Any, str] = {}
    said: dict[str, str] = {}
    with ExitStack() as channels:
        # All at once: whoever asked waits for one answer, however many workers give none.
        for address in addresses:
            channel = channels.enter_context(grpc.insecure_channel(address))
            call = channel.unary_unary(HEALTH_CHECK, None, None).future(
                b"", timeout=TIMEOUT_SECONDS
            )
            calls[call] = address
            call.add_done_callback(answers.put)
        for _ in addresses:
            done = answers.get()
            address = calls[done]
            try:
                if done.result() == SERVING:
                    return True, f"{address} is serving"
                said[address] = f"{address} is not serving"
            except grpc.RpcError as error:
                said[address] = f"{address} cannot be asked: {str(error.details()).lower()}"
    return False, ", ".join(said[address] for address in addresses)
