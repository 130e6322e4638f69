# SPDX-License-Identifier: Apache-2.0
"""The settings as a model: every key of authz.yaml, its type, its default and what it is for.

`Settings` is what the rest of the program sees; reading files and naming lines is `loading`.
The descriptions are the reference page (docs/reference/settings.md is generated from them).
Addresses are kept in their canonical text form; `parse_address` takes them apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from authz.settings.addresses import parse_address
from authz.settings.dashboard import DashboardSettings
from authz.settings.decision_log import DecisionLogSettings
from authz.settings.events import EventSettings
from authz.settings.file_version import FILE_VERSION, FileVersion
from authz.settings.log import LogSettings
from authz.settings.overlaps import overlap_of
from authz.settings.problems import Section, fault
from authz.settings.silence import WorkerSilence
from authz.settings.tracing import TracingSettings
from authz.settings.values import OFF, Address, FilePath, HostName, TcpAddressOrOff, TrustedHops
from authz.settings.yaml_document import format_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _database(value: str) -> str:
    if value != "sqlite" and not value.startswith("postgresql://"):
        raise fault(
            "the database is neither sqlite nor a postgresql:// address",
            hint='write "sqlite" (a file in data_dir) or "postgresql://user@host/name"',
        )
    return value


class ServerTls(Section):
    """A server certificate and its key, both PEM files."""

    certificate: FilePath = Field(description="The server certificate with its chain (PEM).")
    key: FilePath = Field(description="Its private key (PEM).")


class GrpcTls(ServerTls):
    """TLS of the gRPC port."""

    client_ca: FilePath | None = Field(
        default=None,
        description="Callers must show a certificate of one of these authorities (PEM).",
    )


class AdminTls(ServerTls):
    """TLS of the admin port. Files that change are read again."""

    client_ca: FilePath | None = Field(
        default=None,
        description="Callers must show a certificate of one of these authorities (PEM), besides "
        "their token.",
    )


class GrpcSettings(Section):
    """The port that Envoy asks: ext_authz Check and gRPC health."""

    listen: Address = Field(
        default="127.0.0.1:50051",
        description="Where checks are answered: `host:port`, `[v6]:port` or `unix:PATH`.",
    )
    transport: Literal["auto", "native", "grpcio"] = Field(
        default="auto",
        description="Who speaks HTTP/2. `auto` takes `native` on loopback and Unix sockets and "
        "`grpcio` elsewhere and with TLS.",
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="Processes that answer checks."
    )
    port_per_worker: bool = Field(
        default=False,
        description="Worker N listens on the port of `listen` plus N, so that a restart loses no "
        "request; otherwise all share one port.",
    )
    worker_silence_seconds: WorkerSilence = 15
    tls: GrpcTls | None = Field(default=None, description="TLS on this port; not with `native`.")

    @model_validator(mode="after")
    def _fits_together(self) -> GrpcSettings:
        if self.tls is not None and self.transport == "native":
            raise fault(
                "the native transport has no TLS",
                hint="set grpc.transport to auto or grpcio, or remove grpc.tls",
            )
        address = parse_address(self.listen)
        if self.port_per_worker and address.port and address.port + self.workers - 1 > 65535:
            raise fault(
                f"{self.workers} workers from port {address.port} on go beyond 65535",
                hint="listen on a lower port",
            )
        return self


class SdsSettings(Section):
    """Trust bundles and CRLs for Envoy's own TLS contexts."""

    enabled: bool = Field(default=True, description="Whether to serve them.")
    listen: TcpAddressOrOff = Field(default="127.0.0.1:50052", description="Where, or `off`.")
    crls: bool = Field(
        default=False,
        description="Whether Envoy gets CRLs as well, of sites that have one of every CA. It then "
        "refuses revoked clients in the handshake, and everybody once a CRL is stale.",
    )

    @property
    def active(self) -> bool:
        """Whether anything should listen."""
        return self.enabled and self.listen != OFF


class MetricsSettings(Section):
    """Prometheus metrics, `/healthz` and `/readyz`."""

    listen: TcpAddressOrOff = Field(
        default="127.0.0.1:9464", description="Where they are served, or `off`."
    )

    @property
    def active(self) -> bool:
        """Whether anything should listen."""
        return self.listen != OFF


class AdminSettings(Section):
    """The management API and the dashboard, where a store is answered by.

    Beside a `policy` alone there is nothing to manage, and the port stays closed.
    """

    enabled: bool = Field(default=True, description="Whether to serve it.")
    listen: TcpAddressOrOff = Field(default="127.0.0.1:8080", description="Where, or `off`.")
    hosts: list[HostName] = Field(
        default_factory=list,
        description="Names under which it is reached, besides those of this machine. A `listen` "
        "on loopback answers no others, one beyond it all of them unless there are some here.",
    )
    tls: AdminTls | None = Field(default=None, description="TLS on this port.")
    allow_plaintext: bool = Field(
        default=False, description="Allows a `listen` beyond loopback without TLS."
    )
    first_token_file: FilePath | None = Field(
        default=None,
        description="A file whose first line is the first token of a store that never had one: "
        "random, 43 to 128 characters of `A-Za-z0-9_-`. Without it, one is made and written to "
        "`admin-token` in `data_dir`.",
    )
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)

    @property
    def active(self) -> bool:
        """Whether anything should listen."""
        return self.enabled and self.listen != OFF

    @model_validator(mode="after")
    def _not_in_the_clear(self) -> AdminSettings:
        plaintext = self.active and self.tls is None and not self.allow_plaintext
        if plaintext and not parse_address(self.listen).is_local:
            raise fault(
                f"tokens would cross the network unencrypted on {self.listen}",
                hint="add admin.tls, listen on 127.0.0.1, or set admin.allow_plaintext: true",
            )
        return self


class KeySettings(Section):
    """How the private keys of the embedded CA are encrypted at rest.

    Whoever has both the database and this secret has the keys: keep them apart.
    """

    key_file: FilePath | None = Field(
        default=None,
        description="A file of 32 random bytes or more. Without any of the two, `ca.key` in "
        "`data_dir`, which is made when it is first needed.",
    )
    passphrase_file: FilePath | None = Field(
        default=None, description="A file whose first line is a passphrase, instead of `key_file`."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> KeySettings:
        if self.key_file is not None and self.passphrase_file is not None:
            raise fault(
                "both a key file and a passphrase are given", hint="remove one of the two keys"
            )
        return self


def _publication_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme != "http" or not url.hostname or url.query or url.fragment or url.username:
        raise fault(
            "is no address that certificates can name",
            hint='write "http://pki.example.com" (http: whoever asks verifies what it gets, and '
            "https would need this very answer first; RFC 5280 section 8)",
        )
    return value.rstrip("/")


class PublicationSettings(Section):
    """CRLs and OCSP answers of the embedded CA, for other programs than this one."""

    listen: TcpAddressOrOff = Field(
        default=OFF, description="Where they are served over HTTP, or `off`."
    )
    url: Annotated[str, AfterValidator(_publication_url)] | None = Field(
        default=None,
        description="Under which address others reach `listen`. Written into the certificates "
        "that are issued from then on, as CRL distribution point and OCSP responder.",
    )
    crl_hours: Annotated[int, Field(ge=1, le=24 * 365)] = Field(
        default=168, description="From a complete CRL to its nextUpdate, in hours."
    )

    @property
    def active(self) -> bool:
        """Whether anything should listen."""
        return self.listen != OFF


class FetchSettings(Section):
    """Fetching CRLs and asking OCSP responders, in the background.

    Addresses come from the settings and from certificates; what certificates name is only asked
    when its host is in `allowed_hosts`.
    """

    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Hosts that may be asked though only a certificate names them, or though they "
        "are on a private network: exact names, `*.example.com`, addresses or networks.",
    )
    max_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = Field(
        default=64 * 1024 * 1024, description="The largest CRL that is read."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=600)] = Field(
        default=30, description="How long one fetch may take in all."
    )


class XfccSettings(Section):
    """How `x-forwarded-client-cert` is read."""

    trusted_hops: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1,
        description="Which element is taken, from the right: 1 is what the Envoy that asks us "
        "wrote. Fewer elements are no certificate.",
    )


class ClientIpSettings(Section):
    """How the client's address is found."""

    trusted_hops: TrustedHops = Field(
        default=0,
        description="Proxies in front of Envoy that append to `x-forwarded-for`, as Envoy's "
        "`xff_num_trusted_hops`; 0 is the TCP peer.",
    )


class LimitSettings(Section):
    """How much of a peer certificate is looked at."""

    certificate_bytes: Annotated[int, Field(ge=1024, le=1_048_576)] = Field(
        default=65536, description="Largest certificate, in bytes of DER."
    )
    chain_length: Annotated[int, Field(ge=0, le=64)] = Field(
        default=8, description="Most intermediates, sent along or on a path."
    )


class GeoIpSettings(Section):
    """MaxMind databases (`.mmdb`) behind the fields `ip.src.country`, `ip.src.asnum` and the like.

    A rule that reads such a field is refused without its database. The files are watched by
    content; one that cannot be used leaves the last good one in force.
    """

    city: FilePath | None = Field(
        default=None,
        description="Places: GeoLite2-City, GeoIP2-City or alike; a Country database has fewer "
        "fields.",
    )
    asn: FilePath | None = Field(
        default=None, description="Autonomous systems: GeoLite2-ASN or alike."
    )


class Settings(Section):
    """Every setting. Immutable; relative paths are already resolved against their file."""

    version: FileVersion = FILE_VERSION
    grpc: GrpcSettings = Field(default_factory=GrpcSettings)
    sds: SdsSettings = Field(default_factory=SdsSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    data_dir: FilePath = Field(
        default=Path("authz-data"),
        description="Where the service keeps its own files.",
    )
    database: Annotated[
        str,
        AfterValidator(_database),
        WithJsonSchema({"type": "string", "pattern": "^(sqlite$|postgresql://)"}),
    ] = Field(
        default="sqlite",
        description="`sqlite` (a file in `data_dir`) or a `postgresql://` address.",
    )
    database_file: FilePath | None = Field(
        default=None,
        description="A file whose first line is the `postgresql://` address, instead of "
        "`database`: a mounted secret, for instance.",
    )
    store: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether to answer by the store. `auto`: when there is no `policy`. `on` "
        "beside a `policy`: by both; the file's sites come first and are read-only, and only a "
        'file with `hosts: ["*"]` answers for hosts that neither names.',
    )
    keys: KeySettings = Field(default_factory=KeySettings)
    publication: PublicationSettings = Field(default_factory=PublicationSettings)
    fetch: FetchSettings = Field(default_factory=FetchSettings)
    certificate_source: Literal["envoy", "xfcc"] = Field(
        default="envoy",
        description="Where the peer certificate is taken from: `envoy` is `source.certificate` of "
        "the check, `xfcc` the header `x-forwarded-client-cert`. Never both.",
    )
    xfcc: XfccSettings = Field(default_factory=XfccSettings)
    client_ip: ClientIpSettings = Field(default_factory=ClientIpSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    geoip: GeoIpSettings = Field(default_factory=GeoIpSettings)
    policy: FilePath | None = Field(
        default=None,
        description="The policy file. Without one, `serve` answers by the store.",
    )
    log: LogSettings = Field(default_factory=LogSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    decision_log: DecisionLogSettings = Field(default_factory=DecisionLogSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)

    _origin: Callable[[Sequence[str]], str] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _one_port_each(self) -> Settings:
        sections: dict[str, SdsSettings | MetricsSettings | PublicationSettings]
        sections = {"sds": self.sds, "metrics": self.metrics, "publication": self.publication}
        others = {name: one.listen for name, one in sections.items() if one.active}
        if self.admin_active:
            others["admin"] = self.admin.listen
        each = self.grpc.port_per_worker
        if found := overlap_of(self.grpc.listen, self.grpc.workers, each, others=others):
            raise fault(found.message, hint=found.hint, below=found.key)
        return self

    def where(self, *path: str) -> str:
        """Where a value was set: `authz.yaml:7: grpc.tls.key`, an option, or just the key."""
        return format_path(path) if self._origin is None else self._origin(path)

    def set_from(self, origin: Callable[[Sequence[str]], str]) -> None:
        """Say where the values came from; for whoever made them out of a file."""
        self._origin = origin

    @property
    def store_active(self) -> bool:
        """Whether checks are answered by the store."""
        return self.store == "on" or (self.store == "auto" and self.policy is None)

    @property
    def admin_active(self) -> bool:
        """Whether the API is served: where there is something to manage."""
        return self.admin.active and self.store_active

    @property
    def admin_asked_for(self) -> bool:
        """Whether somebody wrote that it should be, and did not only leave it as it is."""
        return self.admin.active and bool(self.admin.model_fields_set & {"enabled", "listen"})
