# SPDX-License-Identifier: Apache-2.0
"""The check of licences and pins (`make check`) finds what it is for."""

from __future__ import annotations

import importlib.util
from email.message import Message
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.layout import ROOT

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="module")
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dependencies", ROOT / ".ci/dependencies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Package:
    """A distribution that is only played."""

    def __init__(self, version: str = "1", **fields: str | list[str]) -> None:
        self.version = version
        self.metadata: Any = Message()
        for name, values in fields.items():
            for one in [values] if isinstance(values, str) else values:
                self.metadata[name.replace("_", "-")] = one


OSI = "License :: OSI Approved :: "


def test_what_is_installed_here_is_as_it_should_be(
    check: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main() == 0, capsys.readouterr().err
    assert ", 0 wrong" in capsys.readouterr().out


def test_what_a_package_needs_comes_along_and_what_it_does_not_need_here_stays(
    check: ModuleType,
) -> None:
    found = check.installed(["fastapi>=0.1", 'missing; sys_platform == "plan9"'])

    assert {"fastapi", "starlette", "pydantic", "pydantic-core"} <= set(found)
    assert "missing" not in found


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        (_Package(License_Expression="MIT", License="a long text"), "MIT"),
        (_Package(Classifier=[OSI + "MIT License", "Topic :: A"]), "MIT License"),
        (_Package(Classifier=[OSI + "A", OSI + "B"]), "A; B"),
        (_Package(License="BSD-3-Clause\nand more"), "BSD-3-Clause"),
        (_Package(), "none"),
    ],
)
def test_where_a_licence_is_written(check: ModuleType, package: Any, licence: str) -> None:
    assert check.licence_of(package) == licence


def test_another_version_another_licence_and_no_pin_are_told(check: ModuleType) -> None:
    packages = {
        "good": _Package(License_Expression="MIT"),
        "old": _Package("0", License_Expression="MIT"),
        "free": _Package(License_Expression="MIT"),
        "closed": _Package(License_Expression="Proprietary"),
        "both": _Package(Classifier=[OSI + "MIT", OSI + "Other"]),
    }
    pinned = check.pins("Good==1\nold==1  # here\nclosed==1\nboth==1\n# free==1\n")

    assert check.faults(packages, pinned, ["MIT"]) == [
        "old 0: constraints.txt has 1",
        "free 1: constraints.txt does not pin it",
        "closed: the licence 'Proprietary' is not in allowed-licences",
        "both: the licence 'MIT; Other' is not in allowed-licences",
    ]


def test_what_cannot_be_looked_up_is_no_pass() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    (command,) = (one.split() for one in lines if one.startswith("\t.venv-audit/bin/pip-audit"))

    # Without it, pip-audit passes over what its service does not know, and ends with 0.
    assert "--strict" in command
    assert command[-2:] == ["--requirement", "constraints.txt"]
    assert not {"||", "true", "--dry-run", "--ignore-vuln"} & set(command)
