# SPDX-License-Identifier: Apache-2.0
"""The settings that a node needs, as plain data.

Settings are read where pydantic is at home, and that is not where checks are answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from authz.errors import SettingsError
from authz.node.admin.config import AdminConfig, DashboardConfig, OidcConfig
from authz.node.control.config import ControlConfig, FetchConfig, KeepConfig
from authz.node.messages import EndpointConfig, LogOtlpConfig, Message, RecordConfig
from authz.node.plan_telling import decision_log_config, log_otlp_config, tracing_config

if TYPE_CHECKING:
    from authz.settings import AdminTls, GrpcTls, Settings
    from authz.settings.dashboard import OidcSettings


class Plan(Message, frozen=True, kw_only=True):
    """The settings that a node needs (architecture 6), as plain data: their model stays behind.

    `policy` is None where only the store is answered by, `control` where there is nothing for a
    control process to do; then one is started as `fetching` says when the policy names something to
    fetch. `admin` is None where the API is not served, and `admin_closed` says whether that is for
    want of a store and somebody asked for it.
    """

    endpoint: EndpointConfig
    workers: int
    port_per_worker: bool
    worker_silence_seconds: float
    metrics: str | None
    data_dir: str
    policy: str | None
    geoip: dict[str, str]
    log_format: str
    log_level: str
    log_otlp: LogOtlpConfig | None = None
    control: ControlConfig | None = None
    fetching: ControlConfig | None = None
    admin: AdminConfig | None = None
    admin_closed: Literal["", "unasked", "asked"] = ""

    @property
    def follows_store(self) -> bool:
        """Whether the store is answered by, maybe with a policy file beside it."""
        return self.control is not None and self.control.database is not None

    @property
    def alone(self) -> bool:
        """Whether one process does it all (ADR-0014)."""
        return self.workers == 1 and self.control is None


def plan_of(settings: Settings) -> Plan:
    """The settings as a node needs them.

    Raises:
        SettingsError, TransportError: they cannot be used.
    """
    if settings.policy is None and not settings.store_active:
        raise SettingsError(
            "there is neither a policy nor a store to answer by",
            where="policy",
            hint="name a policy file with --policy or the key policy, or remove store: off",
        )
    if settings.publication.active and not settings.store_active:
        raise SettingsError(
            "there is no store whose CRLs could be published",
            where=settings.where("publication", "listen"),
            hint="set store: on, or publication.listen: off",
        )
    if settings.store_active and settings.database == "sqlite":
        data_dir = settings.data_dir
        if data_dir.exists() and not data_dir.is_dir():
            # A file system that comes back is waited for; this never becomes a directory.
            raise SettingsError(
                f'the data directory "{data_dir}" is a file',
                where=settings.where("data_dir"),
                hint="name a directory, which is made when it is not there",
            )
    _check_tls(settings)
    _check_fetch(settings)
    control = _control_config(settings)
    wanted = settings.store_active or settings.sds.active
    geoip = {"city": settings.geoip.city, "asn": settings.geoip.asn}
    plan = Plan(
        endpoint=endpoint_config(settings),
        workers=settings.grpc.workers,
        port_per_worker=settings.grpc.port_per_worker,
        worker_silence_seconds=settings.grpc.worker_silence_seconds,
        metrics=settings.metrics.listen if settings.metrics.active else None,
        data_dir=str(settings.data_dir),
        policy=None if settings.policy is None else str(settings.policy),
        geoip={kind: str(path) for kind, path in geoip.items() if path is not None},
        log_format=settings.log.format,
        log_level=settings.log.level,
        log_otlp=log_otlp_config(settings),
        control=control if wanted else None,
        fetching=None if wanted else control,
        admin=_admin_config(settings) if settings.admin_active else None,
        admin_closed=_admin_closed(settings),
    )
    try:
        msgspec.msgpack.encode(plan)
    except UnicodeEncodeError:
        raise SettingsError(
            "the name of a file or directory is not UTF-8", hint="give it another name"
        ) from None
    return plan


def _control_config(settings: Settings) -> ControlConfig:
    """What a control process is for; where files go is decided when the node starts."""
    geoip = {"city": settings.geoip.city, "asn": settings.geoip.asn}
    keys = settings.keys
    return ControlConfig(
        data_dir=str(settings.data_dir),
        snapshots="",
        geo_directory="",
        geoip={kind: str(path) for kind, path in geoip.items() if path is not None},
        database=settings.database if settings.store_active else None,
        policy=None if settings.policy is None else str(settings.policy),
        sds=settings.sds.listen if settings.sds.active else None,
        sds_crls=settings.sds.crls,
        publication=settings.publication.listen if settings.publication.active else None,
        publication_url=settings.publication.url,
        crl_hours=settings.publication.crl_hours,
        fetch=FetchConfig(
            allowed_hosts=tuple(settings.fetch.allowed_hosts),
            max_bytes=settings.fetch.max_bytes,
            timeout_seconds=settings.fetch.timeout_seconds,
        ),
        keep=KeepConfig(
            events=settings.events.keep_events,
            days=settings.events.keep_days,
            megabytes=settings.events.keep_megabytes,
        ),
        key_file=None if keys.key_file is None else str(keys.key_file),
        passphrase_file=None if keys.passphrase_file is None else str(keys.passphrase_file),
        tracing=tracing_config(settings),
        log_format=settings.log.format,
        log_level=settings.log.level,
        log_otlp=log_otlp_config(settings),
    )


def _check_fetch(settings: Settings) -> None:
    """Refuse hosts that are none while there is nothing to fetch yet."""
    from authz.sources.fetch_hosts import AllowedHosts

    try:
        AllowedHosts.parse(settings.fetch.allowed_hosts)
    except SettingsError as error:
        error.where = settings.where("fetch", "allowed_hosts")
        raise


def _check_tls(settings: Settings) -> None:
    """Refuse unusable TLS files before anything is loaded, while their keys can still be named."""
    sections: dict[str, GrpcTls | AdminTls | None] = {"grpc": settings.grpc.tls}
    if settings.admin_active:
        sections["admin"] = settings.admin.tls
    for section, tls in sections.items():
        if tls is not None:
            _check_files(settings, section, tls)


def _check_files(settings: Settings, section: str, tls: GrpcTls | AdminTls) -> None:
    from authz.extauthz.transport import TlsFiles
    from authz.extauthz.transport.tls_files import load

    files = TlsFiles(certificate=tls.certificate, key=tls.key, client_ca=tls.client_ca)
    load(files, lambda key: settings.where(section, "tls", key))


def _admin_config(settings: Settings) -> AdminConfig:
    admin, keys = settings.admin, settings.keys
    tls = admin.tls
    return AdminConfig(
        listen=admin.listen,
        hosts=tuple(admin.hosts),
        certificate=None if tls is None else str(tls.certificate),
        key=None if tls is None else str(tls.key),
        client_ca=None if tls is None or tls.client_ca is None else str(tls.client_ca),
        database=settings.database,
        data_dir=str(settings.data_dir),
        publication_url=settings.publication.url,
        policy=None if settings.policy is None else str(settings.policy),
        certificate_source=settings.certificate_source,
        xfcc_trusted_hops=settings.xfcc.trusted_hops,
        client_ip_trusted_hops=settings.client_ip.trusted_hops,
        certificate_bytes=settings.limits.certificate_bytes,
        chain_length=settings.limits.chain_length,
        first_token_file=None if admin.first_token_file is None else str(admin.first_token_file),
        events_allowed_seconds=settings.events.allowed_seconds,
        events_allowed_every=settings.events.allowed_every,
        key_file=None if keys.key_file is None else str(keys.key_file),
        passphrase_file=None if keys.passphrase_file is None else str(keys.passphrase_file),
        dashboard=_dashboard_config(settings) if admin.dashboard.enabled else None,
        log_format=settings.log.format,
        log_level=settings.log.level,
        log_otlp=log_otlp_config(settings),
        settings=settings.model_dump(mode="json"),
    )


def _dashboard_config(settings: Settings) -> DashboardConfig:
    dashboard = settings.admin.dashboard
    oidc = dashboard.oidc
    return DashboardConfig(
        url=dashboard.url,
        session_idle=dashboard.session_idle_minutes * 60.0,
        session_longest=dashboard.session_longest_hours * 3600.0,
        oidc=None if oidc is None else _oidc_config(settings, oidc),
    )


def _oidc_config(settings: Settings, oidc: OidcSettings) -> OidcConfig:
    """What the settings say of a provider.

    Raises:
        SettingsError: a file that they name cannot be used.
    """
    from authz.sources.fetch_json import JsonFetcher
    from authz.sources.key_secret import first_line

    where = ("admin", "dashboard", "oidc")
    if oidc.client_secret_file is not None:
        first_line(
            oidc.client_secret_file,
            what="the secret that the provider gave",
            where=settings.where(*where, "client_secret_file"),
        )
    JsonFetcher(authorities=oidc.ca_file, where=settings.where(*where, "ca_file"))
    secret, authorities = oidc.client_secret_file, oidc.ca_file
    return OidcConfig(
        issuer=oidc.issuer,
        label=oidc.label,
        client_id=oidc.client_id,
        client_secret_file=None if secret is None else str(secret),
        ca_file=None if authorities is None else str(authorities),
        scopes=tuple(oidc.scopes),
        name_claim=oidc.name_claim,
        roles_claim=oidc.roles_claim,
        admins=tuple(oidc.roles.admin),
        editors=tuple(oidc.roles.editor),
        readers=tuple(oidc.roles.reader),
        allowed_hosts=tuple(settings.fetch.allowed_hosts),
    )


def _admin_closed(settings: Settings) -> Literal["", "unasked", "asked"]:
    if settings.admin_active or not settings.admin.active:
        return ""
    return "asked" if settings.admin_asked_for else "unasked"


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
        events_allowed_seconds=float(settings.events.allowed_seconds),
        recording=_recording(settings),
        decision_log=decision_log_config(settings),
        tracing=tracing_config(settings),
    )


def _recording(settings: Settings) -> RecordConfig | None:
    events = settings.events
    if not (events.requests and settings.store_active):
        # Without a store, nobody would keep them.
        return None
    return RecordConfig(headers=tuple(events.headers), query=events.query, metadata=events.metadata)
