# SPDX-License-Identifier: Apache-2.0
"""What comes along with the service: each version is the pinned one, each licence is allowed.

    python .ci/dependencies.py        exit 1 when something is not

It reads what is installed, and asks nobody. What `make sbom` says of the wheel, this says of the
environment of `make setup`, on every `make check`. Vulnerabilities that became known are not looked
up here: no list of them comes with a package, and `make audit` asks for them.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[1]
_OSI = "License :: OSI Approved :: "


def installed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The distributions that these need here, those that they need included, by name.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(one), "") for one in requirements]
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        found.setdefault(name, distribution(name))
        for more in ("", *wanted.extras):
            if (name, more) not in seen:
                seen.add((name, more))
                waiting += [(Requirement(one), more) for one in found[name].requires or ()]
    return dict(sorted(found.items()))


def licence_of(package: Distribution) -> str:
    """As it says it itself (PEP 639), or in its classifiers, or in the field before those."""
    metadata = package.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classified = [
        one.removeprefix(_OSI)
        for one in metadata.get_all("Classifier") or ()
        if one.startswith(_OSI)
    ]
    return "; ".join(classified) or str(metadata.get("License") or "").partition("\n")[0] or "none"


def pins(text: str) -> dict[str, str]:
    """Versions by name, of a file of constraints."""
    lines = (one.partition("#")[0].strip() for one in text.splitlines())
    pairs = (one.partition("==") for one in lines if "==" in one)
    return {canonicalize_name(name): version for name, _, version in pairs}


def faults(
    packages: dict[str, Distribution], pinned: dict[str, str], allowed: Iterable[str]
) -> list[str]:
    """What is not as it should be."""
    wrong = []
    for name, package in packages.items():
        if name not in pinned:
            wrong.append(f"{name} {package.version}: constraints.txt does not pin it")
        elif pinned[name] != package.version:
            wrong.append(f"{name} {package.version}: constraints.txt has {pinned[name]}")
        licence = licence_of(package)
        if not set(licence.split("; ")) <= set(allowed):
            wrong.append(f"{name}: the licence {licence!r} is not in allowed-licences")
    return wrong


def main() -> int:
    """Look, and say what is wrong."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    wanted = [*project["project"]["dependencies"], *(one for extra in extras for one in extra)]
    try:
        packages = installed(wanted)
    except PackageNotFoundError as error:
        print(f"{error}: make setup installs it", file=sys.stderr)
        return 1
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    wrong = faults(packages, pins(constraints), project["tool"]["authz"]["allowed-licences"])
    for one in wrong:
        print(one, file=sys.stderr)
    licences = len({licence_of(one) for one in packages.values()})
    print(
        f"{len(packages)} packages that the service needs, {licences} licences, {len(wrong)} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
