# SPDX-License-Identifier: Apache-2.0
"""A shell for the commands of deploy/README.md, beside a topology that runs as processes.

Commands run as they stand, but for the directory that `--out /tmp/...` names. What a container
engine would do is replaced by functions of their names: `docker compose up` starts the processes of
that form, `docker compose exec` runs a command beside the process instead of in its container, and
curl and openssl are sent to the ports of this machine. Without root, `sudo ./make-secrets.sh` only
makes a passphrase.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from tests.e2e.composed import FORMS, Topology
from tests.factories.accepted import ROOT
from tests.factories.page_blocks import blocks_of
from tests.factories.shipped import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAGE: Final = DEPLOY / "README.md"

#: The part of the page that is followed, and its parts that show what every form has.
STORY: Final = "The whole of it on one machine"
CERTIFICATE: Final = "A certificate, revoked and restored"

#: How long a command may take to print what its line says, in seconds.
_PATIENCE: Final = 30

#: And all of them.
_LONGEST: Final = 500

#: And the shell, once it has said that it ends.
_ENDING: Final = 30

_FUNCTIONS: Final = r"""
docker() {
    [ "$1" = compose ] || { echo "unknown: docker $*" >&2; return 1; }
    shift
    if [ "$1 $2 $3 $4" = "exec -T authz authz" ]; then
        shift 4
        # A pipe, as an engine has it.
        cat | "$PYTHON" -m authz "$@"
        return
    fi
    printf '%s\n' "$*" >&"$ASKS"
    read -r answer <&"$ANSWERS"
    [ "$answer" = done ]
}
address() { cat "ports/$1"; }
curl() {
    local there=()
    for port in $(ls ports); do there+=(--connect-to ":$port:$(address "$port")"); done
    command curl "${there[@]}" "$@"
}
openssl() {
    local words=()
    for word in "$@"; do
        case $word in localhost:*) word=$(address "${word#localhost:}") ;; esac
        words+=("$word")
    done
    command openssl "${words[@]}"
}
sudo() {
    [ "$(id -u)" != 0 ] || { "$@"; return; }
    # Files cannot be given away: what the script makes belongs to whoever runs the test.
    [ "$*" = ./make-secrets.sh ] || { echo "unknown: sudo $*" >&2; return 1; }
    mkdir -p secrets
    (umask 077 && command openssl rand -base64 32 > secrets/key-passphrase)
}
expect() {
    local got end=$((SECONDS + PATIENCE))
    while true; do
        got=$(eval "$2") || true
        [ "$got" != "$1" ] || break
        [ "$SECONDS" -lt "$end" ] || { echo "printed \"$got\", not $1: $2" >&2; return 1; }
        sleep 0.1
    done
    echo "printed $1"
}
trap 'echo end >&"$ASKS"' EXIT
"""


def story() -> dict[str, list[str]]:
    """The commands of the page that are followed: blocks by their heading, in order."""
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index(f"## {STORY}\n") :]
    headings = re.findall(r"^#+ (.*)$", part.partition("\n## ")[0], re.MULTILINE)
    found: dict[str, list[str]] = {}
    for block in blocks_of(PAGE):
        if block.language == "sh" and block.heading in headings:
            found.setdefault(block.heading, []).append(block.text)
    return found


def certificate_steps() -> list[str]:
    """The first part of the story, for a topology that runs: the functions, a certificate."""
    blocks = story()
    _, functions = blocks[STORY]
    return [functions, *blocks[CERTIFICATE]]


def follow(topology: Topology, blocks: Sequence[str]) -> list[str]:
    """Run blocks of the page as a reader would, in one shell; what lines printed that say it.

    A reader takes a moment between a change and a look at it: such a line is repeated until it
    prints what stands behind its `#`.

    Raises:
        AssertionError: a command failed, or a line did not print that.
    """
    home = topology.home
    for name in ("make-certificates.sh", "make-secrets.sh"):
        if not (home / name).exists():
            (home / name).symlink_to(DEPLOY / name)
    (home / "ports").mkdir(exist_ok=True)
    _write_ports(topology)
    # Of the container; here it would be everybody's.
    text = "\n".join(blocks).replace("--out /tmp/", f"--out {home}/container-")
    lines = re.sub(r"^(\S.*)  # (\S+)$", _expected, text, flags=re.MULTILINE)
    output = home / "followed.log"
    status = _run(topology, f"{_FUNCTIONS}\n{lines}", output)
    said = output.read_text(encoding="utf-8", errors="replace")
    assert status == 0, said
    return re.findall(r"^printed (\S+)$", said, re.MULTILINE)


def _run(topology: Topology, script: str, output: Path) -> int:
    """Run a script with `docker compose` for it; its exit status."""
    # Processes are started here, in the thread of the test: they end when the thread does.
    asks, answers = os.pipe(), os.pipe()
    with output.open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=topology.home,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PYTHON": sys.executable,
                "ASKS": str(asks[1]),
                "ANSWERS": str(answers[0]),
                "PATIENCE": str(_PATIENCE),
            },
            pass_fds=(asks[1], answers[0]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # With what it leaves in the background it is one group.
            start_new_session=True,
        )
    os.close(asks[1])
    os.close(answers[0])
    too_long = threading.Timer(_LONGEST, os.killpg, (shell.pid, signal.SIGKILL))
    too_long.start()
    with os.fdopen(asks[0], encoding="utf-8") as read, os.fdopen(answers[1], "w") as write:
        for asked in read:
            if asked == "end\n":
                break
            topology.up(form_of(asked.split()))
            _write_ports(topology)
            write.write("done\n")
            write.flush()
        # Closed: a shell that asks once more is not answered.
    try:
        return shell.wait(_ENDING)
    finally:
        too_long.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)


def _expected(line: re.Match[str]) -> str:
    return f"expect {shlex.quote(line[2])} {shlex.quote(line[1])}"


def _write_ports(topology: Topology) -> None:
    if topology.runs:
        for file in (topology.home / "ports").iterdir():
            file.unlink()
        for port, address in topology.published().items():
            (topology.home / "ports" / str(port)).write_text(address, encoding="utf-8")


def form_of(words: Sequence[str]) -> str:
    """The form that the arguments of `docker compose` bring up."""
    files = []
    rest = list(words)
    while rest[0] == "--file":
        files.append(rest[1])
        del rest[:2]
    assert rest == ["up", "--build", "--detach", "--wait"], rest
    others = tuple(files[1:])
    assert files[:1] in ([], ["compose.yaml"]), files
    return next(form for form, its in FORMS.items() if its == others)
