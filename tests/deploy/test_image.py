# SPDX-License-Identifier: Apache-2.0
"""deploy/Dockerfile without a container engine: its context, its wheels, its command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.factories.accepted import ROOT, accepted, tool
from tests.factories.shipped import DEPLOY, documents

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

#: Of the base image: Debian 12 has glibc 2.36, and runs wheels that were built for an older one.
#: PEP 600.
GLIBC = (17, 28, 31, 34, 35, 36)

#: pip's words when the registry cannot be reached, as opposed to when it has no such wheel.
UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Max retries exceeded"
    r"|Connection aborted|Temporary failure in name resolution|HTTP error 5\d\d"
)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def go_module(name: str) -> str:
    """A library of BuildKit or Compose that a program here is made of, with its version."""
    modules = (ROOT / "tests" / "deploy" / "container_tools" / "go.mod").read_text()
    (version,) = re.findall(rf"^\s*github\.com/{name}\S* (v\S+)$", modules, re.MULTILINE)
    return f"{name} {version}"


@pytest.mark.parametrize("extra", ["", *EXTRAS])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_dependency_has_a_wheel(machine: str, extra: str, tmp_path: Path) -> None:
    """What the image is built from is there for both architectures, and nothing is compiled.

    Resolving only: nothing is installed, and what belongs to the other architecture cannot run.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [
        *(*PROJECT["dependencies"], *project["build-system"]["requires"]),
        *EXTRAS.get(extra, ()),
    ]
    platforms = [
        *(f"manylinux_2_{minor}_{machine}" for minor in GLIBC),
        f"manylinux2014_{machine}",
        f"linux_{machine}",
    ]

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--only-binary=:all:", "--python-version=3.11", "--implementation=cp"),
            *(f"--platform={one}" for one in platforms),
            *("--target", tmp_path, "--retries=1", "--timeout=30", "--quiet", "--report=-"),
            *("--constraint", ROOT / "constraints.txt", *needed),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    if run.returncode != 0 and UNREACHABLE.search(run.stderr):
        pytest.skip("the package registry cannot be reached")
    assert run.returncode == 0, run.stderr
    wheels = re.findall(r'"url": "[^"]*/([^/"]+\.whl)"', run.stdout)
    assert len(wheels) >= len(needed)
    native = [one for one in wheels if not one.endswith("-any.whl")]
    assert all(machine in one for one in native)
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], check=True, capture_output=True, text=True
    )
    accepted(
        DEPLOY / "Dockerfile",
        " ".join(pip.stdout.split()[:2]),
        f"{machine}{extra and f', EXTRAS={extra}'}: {len(wheels)} pinned wheels, "
        f"{len(native)} of them native, none to compile",
    )


def test_both_architectures_would_be_noticed(tmp_path: Path) -> None:
    """A wheel for one architecture is none for the other."""
    (tmp_path / "only-1.0-py3-none-manylinux_2_17_x86_64.whl").touch()

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-index"),
            *("--only-binary=:all:", "--platform=manylinux_2_17_aarch64"),
            *("--find-links", tmp_path, "--target", tmp_path / "target", "only"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1
    assert "No matching distribution found for only" in run.stderr


def _wheel(directory: Path, name: str, *metadata: str) -> Path:
    """A wheel of nothing, with this metadata."""
    file = directory / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as made:
        lines = ("Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *metadata)
        made.writestr(f"{about}/METADATA", "\n".join(lines) + "\n")
        made.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        made.writestr(f"{about}/RECORD", "")
    return file


def _installed(tmp_path: Path, extras: str) -> subprocess.CompletedProcess[str]:
    """What the Dockerfile's last step of building would install, by its own shell and pip.

    Its wheel is one of nothing, with the names of our extras; only packages of this directory are
    found. The answer's output is pip's report.
    """
    for name in ("build/bin", "authz/bin", "wheels"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    _wheel(tmp_path, "stand_in")
    _wheel(
        tmp_path / "wheels",
        "envoy_mtls_authz",
        *(f"Provides-Extra: {one}" for one in EXTRAS),
        *(f'Requires-Dist: stand-in; extra == "{one}"' for one in EXTRAS),
    )
    found = f"--no-index --find-links {tmp_path} --dry-run --ignore-installed --report=- --quiet"
    (tmp_path / "build/bin/pip").write_text("#!/bin/sh\n")
    (tmp_path / "authz/bin/pip").write_text(
        f'#!/bin/sh\n[ "$1" = uninstall ] || exec {sys.executable} -m pip "$@" {found}\n'
    )
    for name in ("build", "authz"):
        (tmp_path / name / "bin" / "pip").chmod(0o755)
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    stage = text[: text.rindex("\nFROM ")].replace("\\\n", " ")
    command = re.findall(r"^RUN (.*)$", stage, re.MULTILINE)[-1]
    (argument,) = re.findall(r'^ARG (\w+)=""$', stage, re.MULTILINE)
    for name in ("build", "authz"):
        command = command.replace(f"/opt/{name}", str(tmp_path / name))
    return subprocess.run(
        ["/bin/sh", "-c", command.replace("/wheels", str(tmp_path / "wheels"))],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", argument: extras},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_an_extra_is_in_the_image_where_it_is_asked_for(extra: str, tmp_path: Path) -> None:
    run = _installed(tmp_path, extra)

    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)["install"]
    names = {one["metadata"]["name"] for one in report}
    assert names == {"envoy_mtls_authz", *(["stand_in"] if extra else [])}
    if extra:
        accepted(DEPLOY / "Dockerfile", "sh and pip", f"EXTRAS={extra} installs what it asks for")


def test_an_extra_that_does_not_exist_ends_the_build(tmp_path: Path) -> None:
    run = _installed(tmp_path, "otle")

    assert run.returncode == 1
    assert run.stderr == "EXTRAS: there is only otel\n"


def test_a_builder_is_sent_what_the_image_is_made_of_and_nothing_else(tmp_path: Path) -> None:
    """As BuildKit reads the ignore file, with its own libraries (container_tools/build-context)."""
    for name in (
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "authz/app.py"),
        *("authz/__pycache__/app.cpython-311.pyc", "authz/store/__pycache__/engine.pyc"),
        *("deploy/certs/client-ca.key", "deploy/secrets/key-passphrase", ".git/config"),
        *("authz-data/ca.key", ".venv/bin/python", "authz.yaml", "tests/conftest.py"),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    ignore = DEPLOY / "Dockerfile.dockerignore"

    run = subprocess.run(
        [tool("build-context"), tmp_path, ignore], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == {
        *("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "authz/app.py"),
    }
    accepted(ignore, go_module("moby/patternmatcher"), "no key, no history, no environment is sent")


@pytest.mark.parametrize(
    "names",
    [
        ("compose.yaml",),
        ("compose.yaml", "compose.policy-file.yaml"),
        ("compose.yaml", "compose.sds.yaml"),
        ("compose.yaml", "compose.sds.yaml", "compose.strict.yaml"),
        ("compose.yaml", "compose.http3.yaml"),
    ],
    ids=["store", "policy file", "SDS", "strict", "HTTP/3"],
)
def test_compose_loads_and_merges_the_files(names: tuple[str, ...], tmp_path: Path) -> None:
    """By compose-go, which Docker Compose loads them with (container_tools/compose-load)."""
    run = subprocess.run(
        [tool("compose-load"), *(DEPLOY / name for name in names)],
        cwd=DEPLOY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    loaded = tmp_path / "loaded.yaml"
    loaded.write_text(run.stdout, encoding="utf-8")
    services = documents(loaded)[0]["services"]
    assert set(services) == set(documents(DEPLOY / "compose.yaml")[0]["services"])
    # The anchor reached everybody, and the second file replaced the settings, and nothing else.
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in services.values())
    at = {one["target"]: one["source"] for one in services["authz"]["volumes"]}
    of_file = "compose.policy-file.yaml" in names
    settings = "authz-policy-file.yaml" if of_file else "authz.yaml"
    assert at["/etc/authz/authz.yaml"] == str(DEPLOY / settings)
    assert at["/var/lib/authz"] == "data"
    form = names[-1].removeprefix("compose.").removesuffix("yaml").removesuffix(".")
    at = {one["target"]: one["source"] for one in services["envoy"]["volumes"]}
    file = "envoy.yaml" if form in {"", "policy-file"} else f"envoy-{form}.yaml"
    assert at["/etc/envoy/envoy.yaml"] == str(DEPLOY / file)
    published = [(one["target"], one["protocol"]) for one in services["envoy"]["ports"]]
    more = {"http3": (8443, "udp"), "strict": (8444, "tcp")}
    assert published == [(8443, "tcp"), *([more[form]] if form in more else [])]
    assert all(one["host_ip"] == "127.0.0.1" for one in services["envoy"]["ports"])
    shared = {"bundles"} if "compose.sds.yaml" in names else set()
    assert set(services["authz"]["networks"]) & set(services["envoy"]["networks"]) == shared
    assert {"metrics", "admin"} <= set(services["authz"]["networks"])
    assert services["authz"]["build"]["args"] == {"EXTRAS": ""}
    for name in names:
        accepted(DEPLOY / name, go_module("compose-spec/compose-go"), "loaded, merged, consistent")


def test_compose_would_notice_a_mistake(tmp_path: Path) -> None:
    broken = tmp_path / "compose.yaml"
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    broken.write_text(text.replace("secrets: [key_passphrase]", "secrets: [other]"))

    run = subprocess.run(
        [tool("compose-load"), broken], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert run.returncode != 0
    assert "undefined secret other" in run.stderr
