# SPDX-License-Identifier: Apache-2.0
"""The package outside of a clone: authz/PACKAGE.md as a newcomer follows it, with the real pipx.

In an empty directory, with a home of its own, and nothing of this project on any path. Packages
come from the index that pip is set up for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from authz.demo.envoy_install import ENVOY_VERSION
from authz.demo.processes import Children, free_port
from authz.demo.scenario import ROWS
from authz.demo.stack import ask
from authz.demo.story_steps import STEPS
from authz.store.schema import SCHEMA
from tests.factories.accepted import accepted, followed
from tests.factories.package import ROOT, programs
from tests.factories.page_blocks import texts_of
from tests.factories.page_commands import commands_on
from tests.factories.pages import DOCS
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.processes import Child

pytestmark = [pytest.mark.deploy, pytest.mark.acceptance]

PAGE = ROOT / "authz" / "PACKAGE.md"
COMMANDS = [one.text for one in commands_on(PAGE)]
#: Releases of Python that pyproject.toml names; what is not on this machine is skipped.
PYTHONS = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


class Place(NamedTuple):
    """A directory of somebody's, and the environment there."""

    directory: Path
    environ: dict[str, str]

    def run(self, command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
        """What a shell makes of a line."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=directory or self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def says(self, command: str, directory: Path | None = None) -> str:
        """Its standard output; it has to succeed."""
        done = self.run(command, directory)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def place(directory: Path) -> Place:
    """An empty directory in which pipx puts commands on the PATH."""
    here, home = directory / "here", directory / "home"
    here.mkdir(parents=True)
    home.mkdir()
    ours = ("PYTHON", "PIPX_", "VIRTUAL_ENV", "AUTHZ_", "XDG_", "COV")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    (home / "tools").mkdir()
    # pipx alone: the rest of its environment is not on the PATH.
    (home / "tools" / "pipx").symlink_to(programs() / "pipx")
    environ |= {
        "HOME": str(home),
        "PATH": f"{home}/.local/bin:{home}/tools:/usr/local/bin:/usr/bin:/bin",
        "PIPX_HOME": str(home / "pipx"),
        "PIPX_BIN_DIR": str(home / ".local" / "bin"),
        "PIPX_MAN_DIR": str(home / "man"),
    }
    return Place(here, environ)


def interpreter(release: str) -> str:
    """The path of a Python of that release; the test is skipped without one."""
    named = f"python{release}"
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{release}.*/bin/{named}"))
    found = shutil.which(named, path="/usr/local/bin:/usr/bin:/bin")
    if not pyenv and found is None:
        pytest.skip(f"there is no Python {release} here")
    return str(pyenv[-1]) if pyenv else str(found)


@pytest.fixture(scope="module")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The page's first command has been run, where the files of a release lie."""
    found = place(tmp_path_factory.mktemp("outside"))
    for file in release.iterdir():
        shutil.copyfile(file, found.directory / file.name)
    assert COMMANDS[0].startswith("pipx install ./envoy_mtls_authz-")
    found.says(COMMANDS[0])
    yield found
    done = found.run("pipx uninstall envoy-mtls-authz && ! command -v authz")
    assert done.returncode == 0, done.stdout + done.stderr


def empty(installed: Place, name: str) -> Path:
    directory = installed.directory.parent / name
    directory.mkdir()
    return directory


def test_the_page_names_the_files_of_this_version(release: Path) -> None:
    (named,) = re.findall(r"\S+\.whl", COMMANDS[0])

    assert (release / named).is_file(), f"authz/PACKAGE.md names {named}"


def test_it_runs_from_its_own_environment(installed: Place) -> None:
    directory = empty(installed, "version")
    command = COMMANDS[1]
    assert command == "authz --version"

    installed.says(command, directory)

    found = json.loads(installed.says("authz version --json", directory))
    assert found["store_schema"] == SCHEMA
    assert all(found["transports"].values())
    python = installed.says("head -1 $(command -v authz)").strip().removeprefix("#!")
    where = installed.says(f"{python} -c 'import authz; print(authz.__file__)'", directory).strip()
    assert where.startswith(installed.environ["PIPX_HOME"])
    assert installed.says("authz schema policy", directory) == (
        ROOT / "authz" / "schemas" / "policy.v1.schema.json"
    ).read_text(encoding="utf-8")


def test_the_demo_works_with_an_envoy_that_it_was_asked_to_install(installed: Place) -> None:
    directory = empty(installed, "demo")
    command = COMMANDS[2]
    assert command == "authz demo --check --install-envoy"

    without = installed.run("authz demo --check", directory)
    assert without.returncode == 1
    assert "authz demo --install-envoy" in without.stderr

    said = installed.says(command, directory)

    cache = Path(installed.environ["HOME"]) / ".cache" / "authz" / f"envoy-{ENVOY_VERSION}"
    assert f"into {cache}" in said
    assert f"{len(ROWS)} rows and {len(STEPS)} steps as expected" in said
    assert list(directory.iterdir()) == []
    # From now on it is found.
    assert "Installing" not in installed.says("authz demo --check", directory)
    program = f"pipx {installed.says('pipx --version').strip()}"
    accepted("dist/*.whl", program, "installed in an empty directory; authz demo --check")


def test_the_rest_of_the_page_works(installed: Place) -> None:
    directory = empty(installed, "policy")
    (policy,) = texts_of(PAGE, "yaml")
    (directory / "policy.yaml").write_text(policy, encoding="utf-8")
    (directory / "ca.pem").write_bytes(root().pem)
    *rest, serve = COMMANDS[3:]

    for command in rest:
        installed.says(command, directory)

    assert "ext_authz" in (directory / "envoy.yaml").read_text(encoding="utf-8")
    assert serve == "authz serve --policy policy.yaml"
    with Children() as children:
        metrics = f"127.0.0.1:{free_port()}"
        ports = f"--metrics {metrics} --grpc 127.0.0.1:{free_port()} --sds off"
        service = started(installed, children, f"{serve} {ports}", directory)
        service.wait_until(lambda: ask(metrics, "/readyz")[0] == 200, "it was ready", 60)


def started(installed: Place, children: Children, command: str, directory: Path) -> Child:
    """A program of the installation, without anything of our environment."""
    environ = [f"{name}={value}" for name, value in installed.environ.items()]
    return children.start(
        "authz",
        ["env", "-i", f"--chdir={directory}", *environ, *command.split()],
        directory / "log",
    )


def test_the_service_makes_what_it_needs_in_an_empty_directory(installed: Place) -> None:
    """The dashboard with its files, the API, SDS and metrics, by nothing but ports of ours."""
    directory = empty(installed, "serve")
    metrics, admin, grpc, sds = (f"127.0.0.1:{free_port()}" for _ in range(4))
    with Children() as children:
        service = started(
            installed,
            children,
            f"authz serve --metrics {metrics} --admin {admin} --grpc {grpc} --sds {sds}",
            directory,
        )
        service.wait_until(lambda: ask(metrics, "/readyz")[0] == 200, "it was ready", 60)
        service.wait_until(lambda: ask(admin, "/sign-in")[0] == 200, "the dashboard was there", 60)

        page = ask(admin, "/sign-in")[1]
        linked = set(re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg)[^"]*)"', page))
        assert {one.partition("?")[0].rpartition(".")[2] for one in linked} >= {"css", "js"}
        for path in linked:
            assert ask(admin, path)[0] == 200, path
        token = (directory / "authz-data" / "admin-token").read_text(encoding="ascii").strip()
        answer = call(admin, "/client/v4/user/tokens/verify", token)
        assert answer["success"] is True
        zones = call(admin, "/client/v4/zones", token)
        assert len(zones["result"]) == 1

        service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0
    assert {one.name for one in directory.iterdir()} == {"authz-data", "log"}
    assert installed.says("authz db check", directory) == "ok: nothing is wrong\n"


def call(address: str, path: str, token: str) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://{address}{path}", headers={"authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, object] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        pytest.fail(f"{path}: {error.code} {error.read()!r}")


def test_tables_are_made_by_the_migrations_in_the_package(installed: Place) -> None:
    directory = empty(installed, "migrate")

    assert installed.says("authz db migrate", directory) == f"ok: from no tables to {SCHEMA:04}\n"
    assert installed.says("authz db migrate", directory) == (
        f"ok: the tables are those of this release ({SCHEMA:04})\n"
    )
    assert installed.says("authz db check", directory) == "ok: nothing is wrong\n"


def test_the_commands_of_the_guide_work(release: Path, tmp_path: Path) -> None:
    """docs/how-to/install.md, beside the files of a release; /opt is somewhere else."""
    found = place(tmp_path)
    dist = found.directory / "dist"
    dist.mkdir()
    for file in release.iterdir():
        shutil.copyfile(file, dist / file.name)
    lines = [
        one.text.replace("/opt/", f"{tmp_path}/opt/")
        for one in commands_on(DOCS / "how-to" / "install.md")
    ]

    found.says("\n".join(["set -euo pipefail", *lines]))

    printed = (dist / "policy.v1.schema.json").read_text(encoding="utf-8")
    assert json.loads(printed)["title"].startswith("A policy file of authz")
    assert (tmp_path / "opt" / "authz" / "bin" / "authz").is_file()
    # The last line takes away what the second one brought.
    assert not (Path(found.environ["HOME"]) / ".local" / "bin" / "authz").exists()
    program = f"pipx {found.says('pipx --version').strip()}, pip"
    followed("how-to/install.md", program, "its commands, beside the files of a release")


@pytest.mark.parametrize("python", PYTHONS)
def test_it_works_with_every_python_that_it_says(
    python: str, release: Path, tmp_path: Path, installed: Place
) -> None:
    """With the newest versions that the ranges of the wheel allow: no constraints."""
    found = place(tmp_path)
    (wheel,) = release.glob("*.whl")
    cache = Path(installed.environ["HOME"]) / ".cache"
    environ = {**found.environ, "XDG_CACHE_HOME": str(cache)}
    other = Place(found.directory, environ)

    other.says(f"pipx install --python {interpreter(python)} {wheel}")

    assert json.loads(other.says("authz version --json"))["python"].startswith(f"{python}.")
    said = other.says("authz demo --check --install-envoy")
    assert f"{len(ROWS)} rows and {len(STEPS)} steps as expected" in said
    accepted("dist/*.whl", f"Python {python}", "authz demo --check, newest dependencies")
