# SPDX-License-Identifier: Apache-2.0
"""Builds what a release consists of, and looks at it: make wheel, make sbom.

    python .ci/artefacts.py wheel [DIR]   wheel, source archive, constraints.txt
    python .ci/artefacts.py sbom [DIR]    what the wheel in DIR brings along, and its licences

Run by the environment of the dependency group `package`, so that everybody builds with the same
backend. Times in the results are the last commit's (or SOURCE_DATE_EPOCH): whoever builds the same
commit gets the same bytes (reproducible-builds.org, SOURCE_DATE_EPOCH).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import venv
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZipFile

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
CHECKSUMS: Final = "SHA256SUMS"
#: CycloneDX: the newest version that the tool writes.
SBOM_VERSION: Final = "1.7"


def main(arguments: Sequence[str]) -> int:
    """Build one of them into DIR, `dist` when none is named."""
    what, *rest = arguments or [""]
    out = Path(rest[0]).resolve() if rest else ROOT / "dist"
    if what == "wheel":
        build(out)
    elif what == "sbom":
        describe(out)
    else:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    write_checksums(out)
    return 0


def build(out: Path) -> None:
    """The source archive, and the wheel out of it: that shows that the archive is complete."""
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.whl"), *out.glob("*.tar.gz"), *out.glob("*.cdx.json")]:
        old.unlink()
    _run("build", "--no-isolation", "--outdir", out, ROOT)
    (out / "constraints.txt").write_bytes((ROOT / "constraints.txt").read_bytes())
    built = [*out.glob("*.whl"), *out.glob("*.tar.gz")]
    _run("twine", "check", "--strict", *built)
    _run("check_wheel_contents", wheel_in(out))
    _run("validate_pyproject", ROOT / "pyproject.toml")


def describe(out: Path) -> None:
    """The bill of materials of what an installation of the wheel has, with all its extras."""
    wheel = wheel_in(out)
    metadata = metadata_of(wheel)
    extras = metadata.get_all("Provides-Extra") or []
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=False)
        python = Path(directory) / "bin" / "python"
        named = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
        constraints = ("--constraint", ROOT / "constraints.txt")
        _run("pip", "--python", python, "install", "--quiet", *constraints, named)
        _licences(python)
        made = Path(directory) / "sbom.json"
        _run(
            *("cyclonedx_py", "environment", "--pyproject", ROOT / "pyproject.toml"),
            *("--output-reproducible", "--spec-version", SBOM_VERSION, "-o", made, python),
        )
        bom = json.loads(made.read_text(encoding="utf-8"))
    name, version = metadata["Name"], metadata["Version"]
    # The tool does not know which wheel this is about.
    bom["metadata"]["component"] |= {
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}],
    }
    text = json.dumps(bom, indent=2, sort_keys=True) + "\n"
    _validate(text)
    target = out / f"{name}-{version}.cdx.json"
    target.write_text(text, encoding="utf-8")
    print(f"{target.name}: CycloneDX {SBOM_VERSION}, {len(bom['components'])} components")


def write_checksums(out: Path) -> None:
    """SHA256SUMS of everything there, as sha256sum(1) writes and checks it."""
    files = sorted(one for one in out.iterdir() if one.is_file() and one.name != CHECKSUMS)
    lines = [f"{_sha256(one)}  {one.name}\n" for one in files]
    (out / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def wheel_in(out: Path) -> Path:
    """The one wheel there."""
    wheels = sorted(out.glob("*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"{out} has {len(wheels)} wheels, and not one: run make wheel")
    return wheels[0]


def metadata_of(wheel: Path) -> Any:
    """The wheel's METADATA, by its headers."""
    with ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def epoch() -> str:
    """Seconds since 1970 that stand for when this was built."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    if not (ROOT / ".git").exists():
        # An unpacked source archive: its files have the time that it was built with.
        return str(int((ROOT / "pyproject.toml").stat().st_mtime))
    command = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _licences(python: Path) -> None:
    """Print them; anything but the licences that are allowed ends the program."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    allowed = settings["tool"]["authz"]["allowed-licences"]
    _run("piplicenses", "--python", python, "--from=mixed", "--order=license")
    _run(
        *("piplicenses", "--python", python, "--from=mixed", "--summary"),
        *("--allow-only", ";".join(allowed)),
    )


def _validate(text: str) -> None:
    # Only the environment that runs this has it.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = SchemaVersion.from_version(SBOM_VERSION)
    error = JsonStrictValidator(version).validate_str(text)
    if error is not None:
        raise SystemExit(f"the bill of materials is not as its schema says: {error}")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run(module: str, *arguments: str | Path) -> None:
    """A program of this environment; what it says is shown, and its failure is ours."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch()},
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
