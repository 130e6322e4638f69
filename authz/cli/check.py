# SPDX-License-Identifier: Apache-2.0
"""`authz check`: one CheckRequest decided offline, by the very code that serves.

Protobuf JSON becomes the bytes Envoy would send, CheckService answers them, and the answer is
printed as JSON. Nothing is decided here.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime
from functools import cache
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, PolicyOption, settings_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.extauthz.decode import DecodeOptions
    from authz.policy.decision import Decision
    from authz.policy.snapshot import Snapshot
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
    from google.protobuf.json_format import Parse, ParseError

    from authz.errors import SettingsError
    from authz.pb.ext_authz_pb2 import CheckRequest
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
        return Parse(text, CheckRequest()).SerializeToString()
    except ParseError as strict:
        try:
            message = Parse(text, CheckRequest(), ignore_unknown_fields=True)
        except ParseError as error:
            raise SettingsError(
                f"the request is no CheckRequest: {_one_line(error)}",
                where=where,
                hint="expected one JSON object: "
                '{"attributes": {"source": {}, "request": {"http": {"host": …, "path": …}}}}',
            ) from None
        # On the wire, too, unknown fields are skipped; a typo should be seen all the same.
        messages.warning(f"{where}: ignored: {_one_line(strict)}")
        return message.SerializeToString()


class _Recorder:
    """Remembers the decision that CheckService made."""

    def __init__(self) -> None:
        self.decision: Decision | None = None

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """Called once per check."""
        del source, seconds
        self.decision = decision

    def internal_error(self) -> None:
        """The decision says so as well."""


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
    from authz.certs.presented import CertificateLimits, CertificateSource
    from authz.extauthz.decode import DecodeOptions
    from authz.extauthz.service import CheckService, draw_seed

    options = DecodeOptions(
        certificate_source=CertificateSource(settings.certificate_source),
        xfcc_trusted_hops=settings.xfcc.trusted_hops,
        client_ip_trusted_hops=settings.client_ip.trusted_hops,
    )
    limits = CertificateLimits(
        certificate_bytes=settings.limits.certificate_bytes,
        chain_length=settings.limits.chain_length,
    )
    recorder = _Recorder()
    # Drawn once: the trace explains the decision that was made.
    draw = cache(draw_seed if seed is None else lambda: seed)
    service = CheckService(options, limits, recorder, clock=lambda: at, seed=draw)
    service.snapshot = snapshot
    answer = service.check(data)
    assert recorder.decision is not None
    described = _describe(recorder.decision, answer)
    if with_trace:
        described["explain"] = _trace(snapshot, data, options, limits, at, draw)
    return described


def _describe(decision: Decision, answer: bytes) -> dict[str, Any]:
    from authz.pb.ext_authz_pb2 import CheckResponse

    response = CheckResponse.FromString(answer)
    client = decision.client
    described: dict[str, Any] = {
        "verdict": decision.verdict.value,
        "reason": decision.reason.value,
        "site": decision.site,
        "action": decision.action,
        "rule": decision.rule,
        "logged": list(decision.logged),
        "grpc_code": response.status.code,
        "status": None,
        "certificate": {
            "presented": client is not None and client.presented,
            "verified": client is not None and client.verified,
            "revoked": client is not None and client.revoked,
            "failure": client.failure.value if client and client.failure else None,
            "fingerprint_sha256": client.certificate.fingerprint_sha256
            if client and client.certificate
            else "",
        },
    }
    if response.HasField("denied_response"):
        denied = response.denied_response
        described["status"] = denied.status.code
        described["headers"] = {item.header.key: item.header.value for item in denied.headers}
        described["body"] = denied.body
    else:
        allowed = response.ok_response
        described["headers"] = {item.header.key: item.header.value for item in allowed.headers}
        described["headers_to_remove"] = list(allowed.headers_to_remove)
    return described


def _trace(
    snapshot: Snapshot,
    data: bytes,
    options: DecodeOptions,
    limits: CertificateLimits,
    at: float,
    seed: Callable[[], bytes],
) -> dict[str, Any] | None:
    from authz.extauthz.decode import Undecodable, decode
    from authz.extauthz.memo import ClientMemo
    from authz.policy.explain import explain

    try:
        facts = decode(data, options)
    except Undecodable as error:
        return {"undecodable": str(error)}
    return explain(snapshot, facts, at, ClientMemo(limits).client_of, seed)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal() and text.isascii()


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:1].lower() + text[1:]
