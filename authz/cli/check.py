# SPDX-License-Identifier: Apache-2.0
"""`authz check`: one CheckRequest decided offline, by the very code that serves.

Protobuf JSON becomes the bytes Envoy would send, CheckService answers them, and the answer is
printed as JSON. Nothing is decided here.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, PolicyOption, settings_of, snapshot_of

if TYPE_CHECKING:
    from authz.policy.snapshot import Snapshot
    from authz.services.explanation import CheckReading
    from authz.settings import Settings


def check(
    request: Annotated[
        Path, typer.Option(metavar="R.json", help='A CheckRequest as protobuf JSON; "-" reads it.')
    ],
    policy: PolicyOption = None,
    config: ConfigOption = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Add how the decision came about, down to every field."),
    ] = False,
    at: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(metavar="TIME", help="Decide as of 2026-03-01T12:00:00Z or Unix seconds."),
    ] = None,
) -> None:
    """Decide one CheckRequest offline, as serve would.

    By the policy file or the store as it is now, as the settings say. The decision is printed as
    JSON. Ends with 0 when it is allowed, 1 when it is denied, 2 when the input cannot be used.
    """
    settings = settings_of(config, policy)
    moment = time.time() if at is None else parse_time(at)
    snapshot = snapshot_of(settings, moment)
    decision = decide(settings, snapshot, read_request(request), moment, with_trace=explain)
    messages.result_json(decision)
    raise typer.Exit(0 if decision["verdict"] == "allow" else 1)


def parse_time(text: str) -> float:
    """Unix seconds of a time on the command line.

    Raises:
        SettingsError: it is none, or has no time zone.
    """
    from authz.errors import SettingsError

    try:
        moment = datetime.fromtimestamp(float(text)).astimezone() if _is_number(text) else None
        moment = moment or datetime.fromisoformat(text)
        seconds = moment.timestamp()
    except (ValueError, OverflowError, OSError):
        raise SettingsError(
            f'"{text}" is not a time', where="--at", hint="write 2026-03-01T12:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise SettingsError(
            f'"{text}" has no time zone', where="--at", hint=f'write "{in_utc(text)}" for UTC'
        )
    return seconds


def in_utc(text: str) -> str:
    """How a time without a zone, or a date, is written in UTC."""
    return f"{text}Z" if ":" in text else f"{text}T00:00:00Z"


def read_request(path: Path) -> bytes:
    """The serialised CheckRequest of a JSON file, or of standard input for "-".

    Raises:
        SettingsError: it cannot be read or is no CheckRequest.
    """
    from authz.errors import InvalidInputError, SettingsError
    from authz.services.simulation_check_request import read_json
    from authz.sources.files import UnreadableFileError, read_file

    where = f"--request {path}"
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read_file(path)
        text = data.decode("utf-8-sig")
    except UnreadableFileError as error:
        raise SettingsError(f"the request {error.reason}", where=where) from None
    except UnicodeDecodeError:
        raise SettingsError("the request is not UTF-8 text", where=where) from None
    try:
        read = read_json(text)
    except InvalidInputError as error:
        raise SettingsError(error.message, where=where, hint=error.hint) from None
    if read.ignored:
        messages.warning(f"{where}: ignored: {read.ignored}")
    return read.data


def decide(
    settings: Settings,
    snapshot: Snapshot,
    data: bytes,
    at: float,
    *,
    with_trace: bool,
    seed: bytes | None = None,
) -> dict[str, Any]:
    """The decision of CheckService on `data` at Unix time `at`, as JSON-able values.

    `seed` is what cf.random_seed shall be; random when it is None.
    """
    from authz.extauthz.service import draw_seed
    from authz.services.explanation import answer_check, answered_object, explain_check

    decided = explain_check if with_trace else answer_check
    draw = draw_seed if seed is None else lambda: seed
    return answered_object(decided(snapshot, data, at, reading_of(settings), seed=draw))


def reading_of(settings: Settings) -> CheckReading:
    """How an installation with these settings reads a CheckRequest."""
    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.extauthz.decode import DecodeOptions
    from authz.services.explanation import CheckReading

    return CheckReading(
        options=DecodeOptions(
            certificate_source=CertificateSource(settings.certificate_source),
            xfcc_trusted_hops=settings.xfcc.trusted_hops,
            client_ip_trusted_hops=settings.client_ip.trusted_hops,
        ),
        limits=CertificateLimits(
            certificate_bytes=settings.limits.certificate_bytes,
            chain_length=settings.limits.chain_length,
        ),
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and text.isascii()
