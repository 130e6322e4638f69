# SPDX-License-Identifier: Apache-2.0
"""`authz demo`: the whole line on one machine, every answer expected against actual.

It starts the programs (`running`), sends the rows (`rows`), tells the story of certificates that
are issued, revoked and restored (`story`), prints how to go on by hand (`by_hand`) and the metrics
worth looking at, and stays up until Ctrl-C. With `check` it ends after the answers.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from authz.demo.by_hand import print_commands
from authz.demo.envoy_binary import envoy_version, find_envoy, look_for_envoy
from authz.demo.envoy_install import install_envoy
from authz.demo.processes import Children
from authz.demo.rows import Outcome, send_row
from authz.demo.running import Demo, start_demo
from authz.demo.scenario import ROWS
from authz.demo.story import Story
from authz.demo.table import Table
from authz.demo.upstream import Upstream
from authz.errors import AuthzError, DemoError
from authz.whole_files import hold, remove_unheld

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

#: Where the demo that stays up keeps its files, so that the printed commands can be pasted.
DIRECTORY = Path(".demo")


def run_demo(check: bool, *, install: bool = False) -> int:
    """Run the demo; 0 when every row and step got its expected answer, else 1.

    With `check` everything lives in a temporary directory and ends after the answers. With
    `install`, an Envoy is installed where there is none.
    """
    # SIGINT, too: a shell that starts us in the background has it ignored, and we would never end.
    previous = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if install and look_for_envoy(os.environ) is None:
            install_envoy(os.environ)
        if check:
            with tempfile.TemporaryDirectory(prefix="authz-demo-") as directory:
                return _run(Path(directory), check=True)
        with _fresh(DIRECTORY) as directory:
            return _run(directory, check=False)
    except AuthzError as error:
        print(f"demo: {error.render()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _fresh(directory: Path) -> Iterator[Path]:
    """An empty directory; what an earlier demo left there is removed, and nothing else.

    Raises:
        DemoError: somebody else's files are there, another demo runs there, or nothing can be
            written.
    """
    mark = directory / ".authz-demo"
    if directory.exists() and not mark.exists():
        raise DemoError(
            f"{directory} exists and was not made by the demo",
            hint="remove it, or start the demo in another directory",
        )
    # Locked as long as a demo runs (flock(2)): its certificates are not to be taken from under it.
    if mark.exists() and not remove_unheld(mark, before=math.inf, before_without_locks=math.inf):
        raise DemoError(
            f"a demo is running in {directory}",
            hint="end it with Ctrl-C, or start this one in another directory",
        )
    try:
        # An earlier run's certificates were issued by authorities that are gone.
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        mark.touch()
        held = hold(mark)
    except OSError as error:
        raise DemoError(
            f"the demo's files cannot be written: {error}",
            hint="start the demo in a directory you may write to, or use --check",
        ) from error
    with held:
        yield directory.resolve()


def _stop(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C: leave through every `with`, so that no child stays behind.
    raise KeyboardInterrupt


def _run(directory: Path, *, check: bool) -> int:
    envoy = find_envoy()
    version = ".".join(map(str, envoy_version(envoy)))
    print(f"Envoy {version} ({envoy})")
    with Upstream() as upstream, Children() as children:
        demo = start_demo(directory, children, upstream.port)
        outcomes = [send_row(demo, row) for row in ROWS]
        _print_table(outcomes)
        story = Story(demo)
        story.tell()
        if not check:
            print_commands(demo, story.issued, story.over_api)
        _print_metrics(demo)
        rows = [not outcome.wrong for outcome in outcomes]
        steps = [not outcome.wrong for outcome in story.outcomes]
        print(f"\n{summary(rows, steps)}")
        if not check:
            _stay(demo, children)
    return 0 if all(rows) and all(steps) else 1


def summary(rows: Sequence[bool], steps: Sequence[bool]) -> str:
    """How many rows and steps got the right answer, in words."""

    def counted(right: Sequence[bool], what: str) -> str:
        some = "" if all(right) else f"{sum(right)} of "
        return f"{some}{len(right)} {what}"

    return f"{counted(rows, 'rows')} and {counted(steps, 'steps')} as expected"


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
    table = Table(("#", "request", "to", "expected", "actual", "", "decided by"), rows)
    print()
    table.print_head()
    for row in rows:
        table.print_row(row)
    for number, outcome in enumerate(outcomes, 1):
        for what in outcome.wrong:
            print(f"row {number}: {what}")


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
    "authz_store_revision",
    "authz_sds_streams ",
)


def _stay(demo: Demo, children: Children) -> None:
    print(
        f"\nStill running: https://api.localhost:{demo.envoy.port}/ (a browser will warn: its"
        f" authority is {demo.credentials.server_ca}).\n"
        f"Dashboard: http://{demo.api.address}/ "
        f"(sign in with the token in {demo.api.token_file}).\n"
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
