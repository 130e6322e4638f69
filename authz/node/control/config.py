# SPDX-License-Identifier: Apache-2.0
"""What a control process needs of the settings, as plain data."""

from __future__ import annotations

import msgspec

from authz.node.messages import LogOtlpConfig, Message, TracingConfig


class FetchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of `fetch`."""

    allowed_hosts: tuple[str, ...] = ()
    max_bytes: int = 64 * 1024 * 1024
    timeout_seconds: int = 30


class KeepConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much of events is kept: the settings of `events` that begin with `keep_`."""

    events: int = 100_000
    days: int = 30
    megabytes: int = 256


class ControlConfig(Message, frozen=True, kw_only=True):
    """The first message: what the control process is for, out of the settings (architecture 6).

    Args:
        database: of the store, None where it is not answered by.
        policy: the policy file that is answered by beside the store.
        snapshots, geoip, geo_directory: as node.policy_source.PolicyFiles.
        fetched: the directory of what is fetched, None where nothing is to be.
        sds, publication: addresses to listen on, None for none.
        resumed: the snapshot file that checks are answered by already, when an earlier control
            process made it.
        tracing, log_otlp: who takes spans, and lines of the log; None for nobody.
        key_file, passphrase_file: what private keys are encrypted with; None for the default.
    """

    data_dir: str
    snapshots: str
    geo_directory: str
    fetched: str | None = None
    geoip: dict[str, str]
    database: str | None = None
    policy: str | None = None
    resumed: str | None = None
    sds: str | None = None
    sds_crls: bool = False
    publication: str | None = None
    publication_url: str | None = None
    crl_hours: int = 168
    fetch: FetchConfig = FetchConfig()
    keep: KeepConfig = KeepConfig()
    key_file: str | None = None
    passphrase_file: str | None = None
    tracing: TracingConfig | None = None
    log_format: str
    log_level: str
    log_otlp: LogOtlpConfig | None = None
