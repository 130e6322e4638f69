# SPDX-License-Identifier: Apache-2.0
"""What an Envoy configuration for this service depends on.

`EnvoyOptions` holds what only the operator of Envoy knows (addresses, files, virtual hosts);
`AuthzCluster` what authz.yaml says about reaching this service. Rendering them is `config`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from authz.certs.presented import CertificateSource
from authz.errors import SettingsError
from authz.sds.secrets import EVERY_SITE, OF_SITE
from authz.settings.addresses import parse_address
from authz.settings.worker_addresses import worker_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.settings import Settings
    from authz.settings.addresses import ListenAddress


#: Of the native transport, where a worker answers some 20,000 a second: a tenth of a second of one,
#: and less of several.
MOST_CHECKS: Final = 2000
#: Of each worker on grpcio, which answers some 5,000.
MOST_CHECKS_GRPCIO: Final = 500


class Forwarding(StrEnum):
    """How the client certificate reaches the authorizer (architecture 4.5)."""

    #: `source.certificate`, the leanest form that carries every field but the sent chain.
    PEER = "peer"
    #: `x-forwarded-client-cert` written by this Envoy: carries the chain the client sent.
    XFCC = "xfcc"
    #: `x-forwarded-client-cert` written by a proxy in front, whose own certificate is verified.
    BEHIND_PROXY = "behind-proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHost:
    """One virtual host of the route configuration; `name` is also its route's name."""

    name: str
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SdsOptions:
    """How Envoy gets its trust bundle over SDS.

    `site` names one site, whose authorities these are; None is all sites together. `strict`:
    Envoy refuses clients that the bundle does not vouch for in the handshake. `address` replaces
    `sds.listen` of authz.yaml where Envoy sees the service under another name.
    """

    site: str | None = None
    strict: bool = False
    address: str = ""

    @property
    def secret(self) -> str:
        """The name of the secret."""
        return EVERY_SITE if self.site is None else OF_SITE + self.site


@dataclass(frozen=True, slots=True, kw_only=True)
class Http3Options:
    """A listener for HTTP/3 beside the one over TCP, on the same port number over UDP.

    `advertised` is the UDP port as clients see it, for the header `alt-svc`; None is the listener's
    own, which is wrong where something in front maps ports.
    """

    advertised: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyOptions:
    """What authz.yaml does not know: Envoy's own addresses, files and virtual hosts.

    Addresses are `HOST:PORT`, or `unix:PATH` for those Envoy connects to. `client_ca` (PEM) is
    optional: Envoy then also names these authorities when it asks for a certificate, so that
    browsers offer only fitting ones. `proxy_ca` is the authority of the proxy in front, used only
    behind one. `authz` replaces the addresses of authz.yaml where Envoy sees the service under
    another name (a container). With TLS to the service, its certificate must be from `authz_ca`
    and for `authz_name`. `access_log` is a file; None is standard output. `body_bytes` is how much
    of a request body is forwarded for the fields `http.request.body.*`; 0 is nothing.
    `metadata_namespaces` are the namespaces of other filters' metadata to forward
    (`authz.metadata`). With `sds`, the trust bundle of the clients' authorities comes from this
    service and `client_ca` is not used. `proxy_protocol_from` are the networks (CIDR) of load
    balancers that write a PROXY header; empty is none. `http3` adds a listener over QUIC. `name` is
    the listener's.
    """

    name: str = "https"
    listen: str = "0.0.0.0:8443"
    admin: str = "127.0.0.1:9901"
    certificate: str = "/etc/envoy/tls/server.crt"
    key: str = "/etc/envoy/tls/server.key"
    client_ca: str | None = None
    proxy_ca: str = "/etc/envoy/tls/proxy-ca.crt"
    upstream: str = "127.0.0.1:8000"
    virtual_hosts: tuple[VirtualHost, ...] = (VirtualHost(name="default", domains=("*",)),)
    authz: tuple[str, ...] = ()
    authz_name: str = "authz"
    authz_ca: str = "/etc/envoy/tls/authz-ca.crt"
    authz_client_certificate: str = "/etc/envoy/tls/authz-client.crt"
    authz_client_key: str = "/etc/envoy/tls/authz-client.key"
    access_log: str | None = None
    body_bytes: int = 0
    metadata_namespaces: tuple[str, ...] = ()
    sds: SdsOptions | None = None
    proxy_protocol_from: tuple[str, ...] = ()
    http3: Http3Options | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthzCluster:
    """How Envoy reaches this service: one endpoint per listening address.

    `shared_port`: several workers listen on each of them (SO_REUSEPORT). `most_checks`: what
    Envoy has on its way at most, all endpoints together.
    """

    endpoints: tuple[str, ...]
    shared_port: bool = False
    tls: bool = False
    mutual_tls: bool = False
    most_checks: int = MOST_CHECKS


def forwarding_of(settings: Settings) -> Forwarding:
    """The way the certificate travels that these settings believe."""
    if CertificateSource(settings.certificate_source) is CertificateSource.ENVOY:
        return Forwarding.PEER
    # Element 1 from the right is what this Envoy wrote itself; anything further left was written
    # by somebody in front, who must be authenticated before it can be believed.
    return Forwarding.XFCC if settings.xfcc.trusted_hops == 1 else Forwarding.BEHIND_PROXY


def authz_cluster(settings: Settings, options: EnvoyOptions) -> AuthzCluster:
    """Where the workers listen.

    Raises:
        SettingsError: the port is chosen by the system, so no configuration can name it.
        TransportError: the workers cannot listen as authz.yaml says.
    """
    tls = settings.grpc.tls
    endpoints = options.authz or listening_addresses(settings)
    return AuthzCluster(
        endpoints=endpoints,
        shared_port=settings.grpc.workers > 1 and not settings.grpc.port_per_worker,
        tls=tls is not None,
        mutual_tls=tls is not None and tls.client_ca is not None,
        most_checks=most_checks(settings),
    )


def most_checks(settings: Settings) -> int:
    """How many checks Envoy may have on their way: about what is answered in a tenth of a second.

    What is beyond is denied by Envoy at once, where it would wait in vain otherwise (ADR-0038).
    """
    return MOST_CHECKS_GRPCIO * settings.grpc.workers if _by_grpcio(settings) else MOST_CHECKS


def answered_within(settings: Settings, seconds: float, workers: int) -> int:
    """How many checks so many workers answer in that time.

    Each worker has a core of its own, and is as fast as those that were measured.
    """
    a_tenth = MOST_CHECKS_GRPCIO if _by_grpcio(settings) else MOST_CHECKS
    return round(a_tenth * workers * seconds * 10)


def _by_grpcio(settings: Settings) -> bool:
    grpc = settings.grpc
    if grpc.transport == "auto":
        return grpc.tls is not None or not parse_address(grpc.listen).is_local
    return grpc.transport == "grpcio"


def asked_at(named: Sequence[str] | None, settings: Settings) -> tuple[str, ...]:
    """The addresses that an operator names for Envoy, in their canonical text; empty for none.

    Raises:
        SettingsError: one is no address to connect to, or stands there twice; or workers share a
            port, where nobody can tell which of several addresses answers.
    """
    where = "--authz-address"
    found = []
    for text in named or ():
        try:
            parsed = parse_address(text)
        except SettingsError as error:
            raise SettingsError(error.message, where=where, hint=error.hint) from None
        if not parsed.is_unix and (parsed.port == 0 or parsed != reachable(parsed)):
            raise SettingsError(
                f'nobody can connect to "{text}"',
                where=where,
                hint="name the address and port that Envoy connects to",
            )
        found.append(str(parsed))
    if len(set(found)) < len(found):
        raise SettingsError("an address is named twice", where=where, hint="name each once")
    if len(found) > 1 and settings.grpc.workers > 1 and not settings.grpc.port_per_worker:
        # Without health checks, which a shared port must not have, Envoy would go on asking where
        # nobody listens.
        raise SettingsError(
            "several addresses need health checks, and workers that share a port cannot have them",
            where=where,
            hint="set grpc.port_per_worker: true, and name the address of each worker",
        )
    return tuple(found)


def listening_addresses(settings: Settings) -> tuple[str, ...]:
    """Where to connect to the workers, one address for each port or socket.

    Raises:
        SettingsError: the port is chosen by the system, so nobody can know it from here.
        TransportError: the workers cannot listen as authz.yaml says.
    """
    grpc = settings.grpc
    listen = parse_address(grpc.listen)
    if not listen.is_unix and listen.port == 0:
        raise SettingsError(
            "grpc.listen has port 0: the system chooses a port that Envoy cannot know",
            hint="give grpc.listen a port",
            where="grpc.listen",
        )
    each = worker_addresses(listen, grpc.workers, port_per_worker=grpc.port_per_worker)
    # Workers that share a port are one endpoint.
    return tuple(dict.fromkeys(str(reachable(address)) for address in each))


def reachable(listen: ListenAddress) -> ListenAddress:
    """Where to connect to somebody who listens there."""
    # Listening on all addresses is no address to connect to; Envoy is taken to be on this machine.
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host)  # noqa: S104 - compared
    return listen if loopback is None else replace(listen, host=loopback)
