# SPDX-License-Identifier: Apache-2.0
"""The machine and the versions that results belong to."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from authz.demo.envoy_binary import envoy_version, find_envoy
from authz.errors import DemoError
from benchmarks import cores
from benchmarks.peers import go


def describe() -> dict[str, Any]:
    """Date, machine and versions, for the results file."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count() or 1,
            "system": f"{platform.system()} {platform.machine()}",
            "pinning": cores.describe(),
        },
        "versions": _versions(),
    }


def one_line() -> str:
    """The machine, for people who look at the terminal."""
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _versions() -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "pygrpc-native": version("pygrpc-native"),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "cryptography": version("cryptography"),
        "h2load": _h2load(),
        "Go": go.version().removeprefix("go"),
        "grpc-go": go.module_version("google.golang.org/grpc"),
        "Envoy": _envoy(),
    }
    return {name: value for name, value in found.items() if value}


def _h2load() -> str:
    program = shutil.which("h2load")
    if program is None:
        return ""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip().rpartition("/")[2]


def _envoy() -> str:
    try:
        return ".".join(map(str, envoy_version(find_envoy())))
    except DemoError:
        return ""
