# SPDX-License-Identifier: Apache-2.0
"""`authz demo`: the whole line on one machine, every row of the scenario, expected against actual.

It starts the programs (`stack`), sends the rows (`scenario`), prints a table, how to repeat each
row by hand and the metrics worth looking at, and stays up until Ctrl-C. With `check` it prints the
table and ends.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authz.demo.client import Answer, Connection
from authz.demo.credentials import Credentials, make_credentials
from authz.demo.envoy_binary import envoy_version, find_envoy
from authz.demo.envoy_config import render_envoy_config
from authz.demo.envoy_options import EnvoyOptions
from authz.demo.processes import Children
from authz.demo.scenario import ROWS, Row, policy_yaml
from authz.demo.stack import Authz, Envoy, access_log_of, start_authz, start_envoy
from authz.demo.upstream import Upstream
from authz.errors import AuthzError, DemoError
from authz.settings import load_settings

if TYPE_CHECKING:
    from types import FrameType

#: Where the demo that stays up keeps its files, so that the printed commands can be pasted.
DIRECTORY = Path(".demo")

#: How long Envoy may take to write a request into its access log, in seconds.
LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The running demo."""

    directory: Path
    credentials: Credentials
    authz: Authz
    envoy: Envoy


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one row gave: the answer, the authorizer's own words, and every deviation."""

    row: Row
    status: int
    decided_by: str
    wrong: tuple[str, ...]


def run_demo(check: bool) -> int:
    """Run the demo; 0 when every row got its expected answer, else 1.

    With `check` everything lives in a temporary directory and ends after the table.
    """
    # SIGINT, too: a shell that starts us in the background has it ignored, and we would never end.
    previous = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if check:
            with tempfile.TemporaryDirectory(prefix="authz-demo-") as directory:
                return _run(Path(directory), check=True)
        return _run(_fresh(DIRECTORY), check=False)
    except AuthzError as error:
        print(f"demo: {error.render()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _fresh(directory: Path) -> Path:
    """An empty directory; what an earlier demo left there is removed, and nothing else."""
    mark = directory / ".authz-demo"
    if directory.exists() and not mark.exists():
        raise DemoError(
            f"{directory} exists and was not made by the demo",
            hint="remove it, or start the demo in another directory",
        )
    try:
        # An earlier run's certificates were issued by authorities that are gone.
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        mark.touch()
    except OSError as error:
        raise DemoError(
            f"the demo's files cannot be written: {error}",
            hint="start the demo in a directory you may write to, or use --check",
        ) from error
    return directory.resolve()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C: leave through every `with`, so that no child stays behind.
    raise KeyboardInterrupt


def _run(directory: Path, *, check: bool) -> int:
    envoy = find_envoy()
    version = ".".join(map(str, envoy_version(envoy)))
    print(f"Envoy {version} ({envoy})")
    with Upstream() as upstream, Children() as children:
        demo = _start(directory, children, upstream.port)
        outcomes = [_send(demo, row) for row in ROWS]
        _print_table(outcomes)
        if not check:
            _print_commands(demo)
        _print_metrics(demo)
        wrong = sum(1 for outcome in outcomes if outcome.wrong)
        print(f"\n{len(outcomes) - wrong} of {len(outcomes)} as expected")
        if not check:
            _stay(demo, children)
    return 1 if wrong else 0


def _start(directory: Path, children: Children, upstream_port: int) -> Demo:
    credentials = make_credentials(directory, at=time.time())
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    authz = start_authz(children, directory, {"policy": "policy.yaml"})
    options = EnvoyOptions(
        listen="127.0.0.1:0",
        admin="127.0.0.1:0",
        certificate=str(directory / "server.crt"),
        key=str(directory / "server.key"),
        upstream=f"127.0.0.1:{upstream_port}",
        authz=authz.grpc,
        access_log=str(access_log_of(directory)),
    )
    config = render_envoy_config(load_settings(directory / "authz.yaml"), options)
    envoy = start_envoy(children, directory, config)
    envoy.child.wait_until(lambda: envoy.sees_healthy(1), "it saw authz healthy")
    return Demo(directory=directory, credentials=credentials, authz=authz, envoy=envoy)


def _send(demo: Demo, row: Row) -> Outcome:
    certificate = demo.credentials.client_file(row.certificate) if row.certificate else None
    connection = Connection(
        demo.envoy.port, row.sni or row.host, demo.credentials.server_ca, certificate
    )
    before = len(demo.envoy.log_lines())
    try:
        answer = connection.send_request(
            row.path, hosts=(f"{row.host}:{demo.envoy.port}",), headers=row.headers
        )
    except OSError as error:
        wrong = (f"no answer: {error}",)
        return Outcome(row=row, status=0, decided_by="", wrong=wrong)
    finally:
        connection.close()
    logged = _logged(demo.envoy, before)
    return Outcome(
        row=row,
        status=answer.status,
        decided_by=decided_by(logged),
        wrong=tuple(deviations(row, answer, logged, demo.credentials)),
    )


def _logged(envoy: Envoy, before: int) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []

    def written() -> bool:
        lines[:] = envoy.log_lines()[before:]
        return bool(lines)

    envoy.child.wait_until(written, "the request was in the access log", LOG_SECONDS)
    return lines[0]


def decided_by(logged: dict[str, Any]) -> str:
    """Who decided, in a few words: the rule, the reason, or Envoy itself."""
    reason = logged["reason"]
    if not reason:
        return "Envoy"
    words = f"rule {logged['rule']}" if reason == "rule" else str(reason)
    return f"{words} ({logged['failure']})" if logged["failure"] else words


def deviations(
    row: Row, answer: Answer, logged: dict[str, Any], credentials: Credentials
) -> list[str]:
    """Every way in which a row's answer is not what it must be."""
    wrong = []
    if answer.status != row.status:
        wrong.append(f"status {answer.status}, not {row.status}")
    for key in ("reason", "rule", "failure"):
        said, expected = logged[key] or "", getattr(row, key)
        if said != expected:
            wrong.append(f"{key} {said!r}, not {expected!r}")
    if row.upstream and answer.status == 200:
        seen = dict(json.loads(answer.body)["headers"])
        for name, expected in row.upstream.items():
            value = seen.get(name)
            if expected == "*":
                matches = value is not None
            elif expected is not None and expected.startswith("@"):
                matches = value == credentials.clients[expected[1:]].fingerprint
            else:
                matches = value == expected
            if not matches:
                wrong.append(f"the application saw {name}: {value!r}")
    return wrong


def _print_table(outcomes: list[Outcome]) -> None:
    rows = [
        (
            str(number),
            outcome.row.says,
            f"{outcome.row.host}{outcome.row.path}",
            str(outcome.row.status),
            str(outcome.status or "-"),
            "wrong" if outcome.wrong else "ok",
            outcome.decided_by,
        )
        for number, outcome in enumerate(outcomes, 1)
    ]
    head = ("#", "request", "to", "expected", "actual", "", "decided by")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print()
    for row in (head, tuple("-" * width for width in widths), *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())
    for number, outcome in enumerate(outcomes, 1):
        for what in outcome.wrong:
            print(f"row {number}: {what}")


def curl_command(row: Row, port: int) -> str:
    """How to send one row by hand, from the demo's directory."""
    words = ["curl", "-i", "--cacert", "server-ca.pem"]
    if row.certificate:
        words += ["--cert", f"clients/{row.certificate}.pem"]
    if row.sni:
        words += ["-H", f"Host: {row.host}"]
    for name, value in row.headers:
        words += ["-H", f"{name}: {value}"]
    words += ["--path-as-is", f"https://{row.sni or row.host}:{port}{row.path}"]
    return shlex.join(words)


def _print_commands(demo: Demo) -> None:
    print("\nBy hand:\n")
    print(f"cd {shlex.quote(str(demo.directory))}")
    for number, row in enumerate(ROWS, 1):
        print(f"{curl_command(row, demo.envoy.port)}  # {number}")


def _print_metrics(demo: Demo) -> None:
    print(f"\nWorth watching (http://{demo.authz.metrics_address}/metrics):\n")
    for line in demo.authz.metrics().splitlines():
        if line.startswith(METRICS) and not line.endswith(" 0.0"):
            print(line)


#: The metrics shown at the end, by prefix: who was let in and why, and what was wrong with the
#: certificates.
METRICS = (
    "authz_decisions_total{",
    "authz_certificates_total{",
    "authz_crl_next_update",
    "authz_snapshot_generation",
)


def _stay(demo: Demo, children: Children) -> None:
    print(
        f"\nStill running: https://api.localhost:{demo.envoy.port}/ (a browser will warn: its"
        f" authority is {demo.credentials.server_ca}).\n"
        f"Policy: {demo.directory / 'policy.yaml'} (edit it). "
        f"Envoy admin: http://{demo.envoy.admin_address}/\n"
        f"Why a request was denied: {demo.directory / 'envoy-access.log'}; "
        f"what became of an edit: {demo.directory / 'authz.log'}.\n"
        "Ctrl-C ends it."
    )
    try:
        while True:
            children.require_running()
            time.sleep(0.5)
    except KeyboardInterrupt:
        print()
