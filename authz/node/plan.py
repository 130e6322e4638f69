# SPDX-License-Identifier: Apache-2.0
"""The settings that a node needs, as plain data.

Settings are read where pydantic is at home, and that is not where checks are answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from authz.errors import SettingsError
from authz.node.messages import EndpointConfig, Message

if TYPE_CHECKING:
    from authz.settings import Settings


class Plan(Message, frozen=True, kw_only=True):
    """The settings that a node needs (architecture 6), as plain data: their model stays behind."""

    endpoint: EndpointConfig
    workers: int
    port_per_worker: bool
    metrics: str | None
    data_dir: str
    policy: str
    geoip: dict[str, str]
    log_format: str
    log_level: str
    without_effect: tuple[str, ...]


def plan_of(settings: Settings) -> Plan:
    """The settings as a node needs them.

    Raises:
        SettingsError, TransportError: they cannot be used.
    """
    if settings.policy is None:
        raise SettingsError(
            "there is no policy to answer by",
            where="policy",
            hint="name a policy file with --policy or the key policy",
        )
    _check_tls(settings)
    geoip = {"city": settings.geoip.city, "asn": settings.geoip.asn}
    plan = Plan(
        endpoint=endpoint_config(settings),
        workers=settings.grpc.workers,
        port_per_worker=settings.grpc.port_per_worker,
        metrics=settings.metrics.listen if settings.metrics.active else None,
        data_dir=str(settings.data_dir),
        policy=str(settings.policy),
        geoip={kind: str(path) for kind, path in geoip.items() if path is not None},
        log_format=settings.log.format,
        log_level=settings.log.level,
        without_effect=settings.without_effect(),
    )
    try:
        msgspec.msgpack.encode(plan)
    except UnicodeEncodeError:
        raise SettingsError(
            "the name of a file or directory is not UTF-8", hint="give it another name"
        ) from None
    return plan


def _check_tls(settings: Settings) -> None:
    """Refuse unusable TLS files before anything is loaded, while their keys can still be named."""
    tls = settings.grpc.tls
    if tls is None:
        return
    from authz.extauthz.transport import TlsFiles
    from authz.extauthz.transport.tls_files import load

    files = TlsFiles(certificate=tls.certificate, key=tls.key, client_ca=tls.client_ca)
    load(files, lambda key: settings.where("grpc", "tls", key))


def endpoint_config(settings: Settings) -> EndpointConfig:
    """The part of the settings that answering checks needs, for one listener."""
    tls = settings.grpc.tls
    return EndpointConfig(
        listen=settings.grpc.listen,
        transport=settings.grpc.transport,
        certificate=None if tls is None else str(tls.certificate),
        key=None if tls is None else str(tls.key),
        client_ca=None if tls is None or tls.client_ca is None else str(tls.client_ca),
        certificate_source=settings.certificate_source,
        xfcc_trusted_hops=settings.xfcc.trusted_hops,
        client_ip_trusted_hops=settings.client_ip.trusted_hops,
        certificate_bytes=settings.limits.certificate_bytes,
        chain_length=settings.limits.chain_length,
        events_allowed_every=settings.events.allowed_every,
    )
