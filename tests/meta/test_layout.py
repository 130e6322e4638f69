# SPDX-License-Identifier: Apache-2.0
"""Files stay small, headed and mirrored, because a test says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.factories.layout import MAX_LINES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = sorted(
    path
    for path in (ROOT / "authz").rglob("*.py")
    if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_source_file_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()

    assert lines[0] == "# SPDX-License-Identifier: Apache-2.0"
    assert len(lines) <= MAX_LINES, (
        f"{_name(path)} has {len(lines)} lines: which one is the second job?"
    )
    if len(lines) > 1:
        assert lines[1].startswith('"""'), "a module opens by saying what lives in it"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_unowned_marks_are_left(path: Path) -> None:
    text = path.read_text()

    assert not re.findall(r"\b(?:FIXME|XXX|HACK)\b", text)
    assert "type: ignore\n" not in text
    assert "# noqa\n" not in text


@pytest.mark.parametrize(
    "package",
    [
        "packed",
        "certs",
        "policy",
        "rules",
        "geo",
        "envoy",
        "extauthz",
        "sds",
        "observability",
        "sources",
        "settings",
        "ca",
        "store",
        "api",
        "services",
        "dashboard",
        "dashboard/pages",
    ],
)
def test_unit_tests_mirror_the_package(package: str) -> None:
    """Every module has a unit test of its name, or is tested under a package's."""
    tests = ROOT / "tests" / "unit" / package
    names = {path.stem.removeprefix("test_") for path in tests.rglob("test_*.py")}
    modules = {
        path.stem
        for path in (ROOT / "authz" / package).glob("*.py")
        if path.stem != "__init__"
        and path.read_text().count("\n    return ") + path.read_text().count("raise ")
    }

    elsewhere = {name.partition("/")[2] for name in NOT_MIRRORED if name.startswith(f"{package}/")}
    untested = sorted(modules - names - elsewhere)

    assert not untested, f"no tests/unit/{package}/test_<module>.py for {untested}"


_BOTH = "needs a database: tests/contract/test_store_{}.py, on both of them"

#: Modules without a unit test file of their own, each with the reason.
NOT_MIRRORED: dict[str, str] = {
    f"store/{module}": _BOTH.format(suite)
    for suite, modules in {
        "activity": ("certificate_checks", "check_counts"),
        "backup": ("backup", "checking", "copying"),
        "certificates": ("certificate_order", "certificates", "counts"),
        "faults": ("bounded", "postgresql", "sqlite"),
        "lists": ("list_operations", "lists"),
        "nodes": ("leases", "shared_fetches"),
        "repositories": (
            "audit",
            "authorities",
            "events",
            "hosts",
            "published",
            "sign_ins",
            "rule_drafts",
            "rulesets",
            "tokens",
            "zones",
        ),
        "revocations": ("revocations",),
        "schema": ("migration", "schema"),
        "since_backup": ("since_backup",),
        "transactions": ("engine", "session"),
    }.items()
    for module in modules
} | {
    "services/restoring": "needs a database: tests/contract/test_store_since_backup.py, on both",
    "api/app": "has routers and nothing else: tests/contract/test_openapi.py asks every route",
    **{
        f"services/cloudflare_{module}": (
            "a part of one import: tests/unit/services/test_cloudflare_import.py"
        )
        for module in ("custom_rules", "trust", "zone", "zone_trust")
    },
    **{
        f"dashboard/{module}": f"of pages: tests/unit/dashboard/pages/test_{suite}.py"
        for module, suite in (
            ("event_views", "events"),
            ("mtls_forms", "mtls_rule"),
            ("rule_actions", "rules"),
            ("rule_editing", "rule_editor"),
            ("rule_scopes", "rules"),
        )
    },
}


@pytest.mark.parametrize("name", NOT_MIRRORED)
def test_what_is_tested_elsewhere_is_there_and_tested_there(name: str) -> None:
    suite = re.search(r"tests/\S+\.py", NOT_MIRRORED[name])

    assert (ROOT / "authz" / f"{name}.py").exists()
    assert suite is not None
    assert (ROOT / suite[0]).exists()
