# SPDX-License-Identifier: Apache-2.0
"""Wheel and source archive: what is in them, what they say, and that everybody gets the same."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tomllib
from email import message_from_string
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest

from authz import __version__
from tests.factories.accepted import accepted
from tests.factories.package import (
    ROOT,
    built,
    copy_of_the_project,
    last_commit,
    programs,
    tracked,
)

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

pytestmark = pytest.mark.deploy

PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def the(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


def said_by(program: str) -> str:
    """The version of a program of .venv-package."""
    done = subprocess.run(
        [programs() / "python", "-m", "pip", "show", program],
        check=True,
        capture_output=True,
        text=True,
    )
    (found,) = re.findall(r"^Version: (.*)$", done.stdout, re.M)
    return f"{program} {found}"


def metadata(release: Path) -> Message:
    with ZipFile(the(release, "*.whl")) as archive:
        name = f"envoy_mtls_authz-{__version__}.dist-info/METADATA"
        return message_from_string(archive.read(name).decode("utf-8"))


def test_the_wheel_has_every_file_of_the_package_and_no_other(release: Path) -> None:
    with ZipFile(the(release, "*.whl")) as archive:
        names = set(archive.namelist())

    inside = {name for name in names if not name.startswith("envoy_mtls_authz-")}
    assert inside == {name for name in tracked() if name.startswith("authz/")}
    # Pages, scripts, migrations, types, schemas: what a list of *.py would forget.
    assert {name.rpartition(".")[2] for name in inside} >= {
        *("css", "html", "js", "json", "md", "py", "pyi", "svg", "typed")
    }
    info = f"envoy_mtls_authz-{__version__}.dist-info"
    assert names - inside == {
        f"{info}/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    # `build` ran twine and check-wheel-contents, and failed if they had found anything.
    accepted("dist/*.whl", said_by("twine"), "check --strict")
    accepted("dist/*.whl", said_by("check-wheel-contents"), "no finding")
    accepted("pyproject.toml", said_by("validate-pyproject"), "valid")


def test_the_source_archive_has_every_file_of_the_project(release: Path) -> None:
    top = f"envoy_mtls_authz-{__version__}"
    with tarfile.open(the(release, "*.tar.gz")) as archive:
        names = {one.name.removeprefix(f"{top}/") for one in archive if one.isfile()}

    assert names == {*tracked(), "PKG-INFO"}
    accepted("dist/*.tar.gz", said_by("build"), "the wheel was built out of it")
    accepted("dist/*.tar.gz", said_by("twine"), "check --strict")


def test_the_metadata_is_what_the_project_says(release: Path) -> None:
    found = metadata(release)

    assert found["Name"] == PROJECT["name"]
    assert found["Version"] == __version__
    assert found["Requires-Python"] == PROJECT["requires-python"]
    assert (found["License-Expression"], found["License-File"]) == ("Apache-2.0", "LICENSE")
    assert found["Description-Content-Type"] == "text/markdown"
    needed = [one for one in found.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert len(needed) == len(PROJECT["dependencies"])
    extras = PROJECT.get("optional-dependencies", {})
    assert set(found.get_all("Provides-Extra", [])) == set(extras)
    assert found.get_payload() == (ROOT / "authz" / "PACKAGE.md").read_text(encoding="utf-8")


def test_checksums_are_those_of_the_files(release: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=release,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    listed = {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert listed == {one.name for one in release.iterdir()} - {"SHA256SUMS"}
    assert (release / "constraints.txt").read_bytes() == (ROOT / "constraints.txt").read_bytes()
    accepted("dist/SHA256SUMS", "sha256sum", "--check --strict")


def bytes_of(release: Path) -> dict[str, str]:
    return {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in release.iterdir()
        if one.suffix in {".whl", ".gz"}
    }


def test_elsewhere_later_and_as_somebody_else_the_same_bytes_are_built(
    release: Path, tmp_path: Path
) -> None:
    tree = copy_of_the_project(tmp_path / "another place", mtime=1_000_000_000, umask=0o077)

    again = built(
        "wheel",
        tree,
        tmp_path / "dist",
        {
            "SOURCE_DATE_EPOCH": last_commit(),
            "TZ": "Asia/Kathmandu",
            "LC_ALL": "C",
            "PYTHONHASHSEED": "7",
        },
        umask=0o077,
    )

    assert bytes_of(again) == bytes_of(release)
    assert len(bytes_of(again)) == 2
    accepted("dist/*.whl", said_by("hatchling"), "built twice, the same bytes")
    accepted("dist/*.tar.gz", said_by("hatchling"), "built twice, the same bytes")


def test_the_source_archive_builds_to_itself(release: Path, tmp_path: Path) -> None:
    """Whoever has only that, and no history, gets the wheel that was published."""
    with tarfile.open(the(release, "*.tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")

    again = built("wheel", the(tmp_path, "envoy_mtls_authz-*"), tmp_path / "dist", {})

    assert bytes_of(again) == bytes_of(release)


@pytest.mark.acceptance
def test_the_bill_of_materials_is_what_is_installed_and_always_the_same(
    release: Path, tmp_path: Path
) -> None:
    texts = []
    for name in ("one", "two"):
        tree = copy_of_the_project(tmp_path / name, mtime=1_500_000_000)
        out = tmp_path / f"dist-{name}"
        out.mkdir()
        wheel = the(release, "*.whl")
        (out / wheel.name).write_bytes(wheel.read_bytes())
        built("sbom", tree, out, {"SOURCE_DATE_EPOCH": last_commit()})
        texts.append((out / f"envoy-mtls-authz-{__version__}.cdx.json").read_text("utf-8"))

    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
    bom = json.loads(texts[0])
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.7")
    about = bom["metadata"]["component"]
    assert (about["name"], about["version"]) == (PROJECT["name"], __version__)
    (digest,) = about["hashes"]
    assert digest["content"] == bytes_of(release)[the(release, "*.whl").name]
    # Every dependency of the project, in the version that was tested.
    there = {one["name"].lower().replace("_", "-"): one["version"] for one in bom["components"]}
    for line in PROJECT["dependencies"]:
        name = re.split(r"[\[<>=]", line)[0]
        assert there[name.replace("_", "-")] == version(name), name
    accepted("dist/*.cdx.json", said_by("cyclonedx-python-lib"), "CycloneDX 1.7, strict, twice")
    accepted("dist/*.cdx.json", said_by("pip-licenses"), "only licences of the list")


@pytest.mark.acceptance
def test_a_licence_that_is_not_on_the_list_ends_it(release: Path, tmp_path: Path) -> None:
    """In the copy the list has one licence less, that of many."""
    tree = copy_of_the_project(tmp_path / "tree", mtime=1_500_000_000)
    file = tree / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('    "MIT",\n', ""), encoding="utf-8")
    (tmp_path / "dist").mkdir()
    wheel = the(release, "*.whl")
    (tmp_path / "dist" / wheel.name).write_bytes(wheel.read_bytes())

    with pytest.raises(AssertionError, match="license MIT not in allow-only"):
        built("sbom", tree, tmp_path / "dist", {"SOURCE_DATE_EPOCH": last_commit()})

    assert not list((tmp_path / "dist").glob("*.cdx.json"))
