# SPDX-License-Identifier: Apache-2.0
"""Seconds from the start of `authz serve` to its first answered check, and the memory it holds.

    python benchmarks/startup.py [--json]

Starts the real command with a policy of ten rules, a CA and a CRL-free trust: as it is by default
(a worker under a supervisor, and a control process that serves SDS), as one process (`--sds off`),
and with two workers, on each transport. The clock starts before the process does
and stops when a CheckResponse is in hand. Memory is the resident set of every process that answers
checks, after 1,000 checks with a certificate and a scrape of the metrics; that of the control
process is beside it.

The limits are for what `authz serve` does unless told otherwise and for one process, both with the
native transport. Exit status 1 when they are missed. What loads the policy is a process of its own,
which is gone by then (ADR-0014); its memory is not counted.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import grpc
import psutil

from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.checks import check_request
from tests.factories.pki import presented, root

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_LIMIT = 1.0
MEGABYTES_LIMIT = 80.0
#: What the limits are for: what `authz serve` does unless told otherwise, and the smallest form.
LIMITED = ("default, native", "one process, native")
#: By name: workers, and whether SDS is on.
FORMS = {"default": (1, True), "one process": (1, False), "2 workers": (2, False)}
ROUNDS = 5
CHECKS = 1000
PATIENCE = 30.0

POLICY = """\
sites:
  - name: api
    hosts: ["*"]
    trust:
      - {name: acme, certificates: [ca.pem], revoked_serials: ["0A1B2C"]}
    rules:
"""
RULE = """\
      - ref: rule-{number}
        expression: 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/{number}"'
        action: block
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Medians and worst of one form of the node."""

    seconds: float
    worst_seconds: float
    megabytes: float
    supervisor_megabytes: float | None
    control_megabytes: float | None

    @property
    def within_limits(self) -> bool:
        """Whether the medians keep both promises."""
        return self.seconds <= SECONDS_LIMIT and self.megabytes <= MEGABYTES_LIMIT


def measure(workers: int, transport: str, *, sds: bool) -> Result:
    """Start the command ROUNDS times."""
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as directory:
            rounds.append(_round(Path(directory), workers, transport, sds=sds))
    seconds = [one[0] for one in rounds]
    supervisors = [one[2] for one in rounds if one[2] is not None]
    controls = [one[3] for one in rounds if one[3] is not None]
    return Result(
        seconds=statistics.median(seconds),
        worst_seconds=max(seconds),
        megabytes=statistics.median(one[1] for one in rounds),
        supervisor_megabytes=statistics.median(supervisors) if supervisors else None,
        control_megabytes=statistics.median(controls) if controls else None,
    )


def _round(
    directory: Path, workers: int, transport: str, *, sds: bool
) -> tuple[float, float, float | None, float | None]:
    policy = directory / "policy.yaml"
    (directory / "ca.pem").write_bytes(root().pem)
    policy.write_text(POLICY + "".join(RULE.format(number=number) for number in range(10)))
    listen = f"unix:{directory / 'authz.sock'}"
    command = [
        str(Path(sys.executable).with_name("authz")),
        *("serve", "--policy", str(policy), "--data-dir", str(directory / "data")),
        *("--grpc", listen, "--metrics", "127.0.0.1:0", "--transport", transport),
        *("--workers", str(workers)),
        *(("--port-per-worker",) if workers > 1 else ()),
        *("--sds", "127.0.0.1:0" if sds else "off"),
    ]
    target = f"{listen}.0" if workers > 1 else listen
    request = check_request(certificate=presented(root().client("alice")).certificate)
    data = request.SerializeToString()
    with (directory / "log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            check = _connected(process, target)
            answer = CheckResponse.FromString(check(data))
            seconds = time.perf_counter() - started
            if answer.status.code != 0:
                raise SystemExit(f"the first check was denied: {answer}")
            for _ in range(CHECKS):
                check(data)
            addresses = directory / "data" / "addresses.json"
            _until(addresses.exists, process)
            metrics = json.loads(addresses.read_text())["metrics"]
            urllib.request.urlopen(f"http://{metrics}/metrics", timeout=PATIENCE).read()
            node = psutil.Process(process.pid)
            held = {child.cmdline()[-2]: child.memory_info().rss / 1e6 for child in node.children()}
            control = held.pop("authz.node.control", None)
            own = node.memory_info().rss / 1e6
            if not held:
                return seconds, own, None, control
            return seconds, max(held.values()), own, control
        except BaseException:
            sys.stderr.write((directory / "log").read_text())
            raise
        finally:
            # No drain: nobody is served any more, and each would take its two seconds.
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children():
                    child.kill()
            process.kill()
            process.wait()


def _connected(process: subprocess.Popen[bytes], target: str) -> Callable[[bytes], bytes]:
    # A first attempt of grpcio's that fails costs a second of waiting: ask when somebody listens.
    _until(lambda: _accepts(target.removeprefix("unix:")), process)
    call: Callable[..., bytes] = grpc.insecure_channel(target).unary_unary(CHECK, None, None)
    return lambda data: call(data, wait_for_ready=True, timeout=PATIENCE)


def _accepts(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def _until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + PATIENCE
    while not true():
        if process.poll() is not None or time.monotonic() > limit:
            raise SystemExit(f"authz serve is not up (exit status {process.poll()})")
        time.sleep(0.002)


def main() -> int:
    """Measure every form, print a table or JSON."""
    results = {
        f"{form}, {transport}": measure(workers, transport, sds=sds)
        for form, (workers, sds) in FORMS.items()
        for transport in ("native", "grpcio")
    }
    if "--json" in sys.argv[1:]:
        rows = {
            name: {
                "seconds": round(result.seconds, 3),
                "worst_seconds": round(result.worst_seconds, 3),
                "megabytes": round(result.megabytes, 1),
                "supervisor_megabytes": result.supervisor_megabytes,
                "control_megabytes": result.control_megabytes,
            }
            for name, result in results.items()
        }
        print(json.dumps(rows, indent=2))
    else:
        print(f"{'authz serve, ten rules':24} {'first answer':>14} {'worst':>8} {'memory':>10}")
        for name, result in results.items():
            supervisor = result.supervisor_megabytes
            note = "" if supervisor is None else f"  (a worker; supervisor {supervisor:.1f} MB"
            if result.control_megabytes is not None:
                note += f", control process {result.control_megabytes:.1f} MB"
            note += ")" if note else ""
            print(
                f"{name:24} {result.seconds:12.3f} s {result.worst_seconds:6.3f} s "
                f"{result.megabytes:7.1f} MB{note}"
            )
        print(
            f"limits for {' and '.join(LIMITED)}: {SECONDS_LIMIT} s, {MEGABYTES_LIMIT:.0f} MB; "
            f"medians of {ROUNDS} starts"
        )
        beyond = [name for name, result in results.items() if not result.within_limits]
        if beyond:
            print(f"beyond them: {', '.join(beyond)}")
    return 0 if all(results[form].within_limits for form in LIMITED) else 1


if __name__ == "__main__":
    sys.exit(main())
