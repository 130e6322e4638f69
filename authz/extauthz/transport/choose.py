# SPDX-License-Identifier: Apache-2.0
"""Which transport: the setting `grpc.transport`, decided once and logged with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.errors import TransportError
from authz.extauthz.transport.base import TransportKind
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from authz.extauthz.health import HealthState
    from authz.extauthz.transport.base import Service, Transport, TransportOptions


def choose(options: TransportOptions) -> tuple[TransportKind, str]:
    """`(native or grpcio, why)`.

    Raises:
        TransportError: `native` with TLS, which it does not speak.
    """
    local = options.listen.is_local
    if options.kind is TransportKind.GRPCIO:
        return TransportKind.GRPCIO, "grpc.transport asks for it"
    if options.kind is TransportKind.NATIVE:
        if options.tls is not None:
            raise TransportError(
                "the native transport has no TLS",
                hint="set grpc.transport to auto or grpcio, or remove grpc.tls and listen on a "
                "Unix socket or loopback",
            )
        if not local:
            # Allowed for networks that protect the port themselves (a network policy, a service
            # mesh): it has no message limit and no encryption of its own.
            return TransportKind.NATIVE, "grpc.transport asks for it; the port is not encrypted"
        return TransportKind.NATIVE, "grpc.transport asks for it"
    if options.tls is not None:
        return TransportKind.GRPCIO, "TLS needs it"
    if local:
        return TransportKind.NATIVE, "only this machine reaches the listener"
    return TransportKind.GRPCIO, "other machines reach the listener"


def open_transport(options: TransportOptions, service: Service, health: HealthState) -> Transport:
    """Bind the listener of the chosen transport; nothing is answered before its `start()`.

    Raises:
        TransportError: the address cannot be bound, or TLS files cannot be used.
    """
    kind, why = choose(options)
    transport: Transport
    # Imported here: each costs a worker 10 to 20 MB that it may never need.
    if kind is TransportKind.NATIVE:
        from authz.extauthz.transport.native import NativeTransport

        transport = NativeTransport(options, service, health, why)
    else:
        from authz.extauthz.transport.grpcio import GrpcioTransport

        transport = GrpcioTransport(options, service, health, why)
    log = get_logger().bind(transport=transport.name, why=why, address=transport.address)
    log.info("listening for checks")
    if not options.listen.is_local and options.tls is None:
        log.warning("checks travel unencrypted, and whoever reaches the port may ask")
    return transport
