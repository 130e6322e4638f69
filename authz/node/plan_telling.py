# SPDX-License-Identifier: Apache-2.0
"""The settings of both logs and of traces, as plain data, and whether they can be used."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError
from authz.node.messages import LogOtlpConfig, TracingConfig
from authz.observability.decision_log_options import DecisionLogOptions
from authz.observability.line_file import STDOUT

if TYPE_CHECKING:
    from authz.settings import Settings

#: What the extra `otel` brings.
_PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc")


def tracing_config(settings: Settings) -> TracingConfig | None:
    """Who takes spans.

    Raises:
        SettingsError: the extra is not installed.
    """
    tracing = settings.tracing
    if not tracing.enabled:
        return None
    _check_installed("traces", settings.where("tracing", "enabled"))
    return TracingConfig(endpoint=tracing.endpoint, sample=tracing.sample)


def log_otlp_config(settings: Settings) -> LogOtlpConfig | None:
    """Who takes the lines of the service's own log.

    Raises:
        SettingsError: the extra is not installed.
    """
    otlp = settings.log.otlp
    if not otlp.enabled:
        return None
    _check_installed("log records", settings.where("log", "otlp", "enabled"))
    return LogOtlpConfig(endpoint=otlp.endpoint)


def _check_installed(what: str, where: str) -> None:
    if not all(map(_is_installed, _PACKAGES)):
        raise SettingsError(
            f"the packages that {what} take are not installed",
            where=where,
            hint="pip install 'envoy-mtls-authz[otel]', or remove the key",
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        # Not even what it is a part of.
        return False


def decision_log_config(settings: Settings) -> DecisionLogOptions | None:
    """Which lines are written.

    Raises:
        SettingsError: the file cannot be made, or appended to; or log records are wanted and the
            extra is not installed.
    """
    log = settings.decision_log
    if not log.enabled:
        return None
    if log.path is not None:
        _check_log_file(log.path, settings.where("decision_log", "path"))
    if log.otlp.enabled:
        _check_installed("log records", settings.where("decision_log", "otlp", "enabled"))
    share = {"all": (1.0, 1.0), "blocks": (0.0, 1.0)}
    allowed, blocked = share.get(log.what, (log.sample.allowed, log.sample.blocked))
    return DecisionLogOptions(
        path=log.path,
        allowed=allowed,
        blocked=blocked,
        headers=tuple(log.headers),
        query=log.query,
        path_segments=log.path_segments,
        client_ip=log.client_ip,
        subject=log.subject,
        otlp=log.otlp.enabled,
        otlp_endpoint=log.otlp.endpoint,
    )


def _check_log_file(path: str, where: str) -> None:
    """Refuse a file that cannot be written, before anything is answered. It is not made here."""
    if path == STDOUT:
        return
    file = Path(path)
    if file.is_dir():
        raise SettingsError(f'"{path}" is a directory', where=where, hint="name a file in it")
    if file.exists():
        if not os.access(file, os.W_OK):
            raise SettingsError(
                f'"{path}" may not be written', where=where, hint="give the service the file"
            )
    elif not os.access(file.parent, os.W_OK | os.X_OK):
        raise SettingsError(
            f'the directory of "{path}" is not there, or nothing may be made in it',
            where=where,
            hint="make the directory and give it to the service",
        )
