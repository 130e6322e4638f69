# SPDX-License-Identifier: Apache-2.0
"""h2spec, which tries the sentences of RFC 9113 and RFC 7541 one by one, against both transports.

What each may fail, and why that is no harm, is in h2spec.yaml. A case that fails and is not there
fails the test, and so does one that is there and does not fail any more.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict
from xml.etree import ElementTree as ET

import pytest
import yaml

from authz.extauthz.transport import CHECK
from tests.attack.report import tried
from tests.factories.accepted import tool
from tests.integration.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attack.flooding import Flooded

# With a server that answers nothing where it should answer, each case waits for seconds.
pytestmark = [pytest.mark.attack, pytest.mark.acceptance]

EXPECTED: Final = Path(__file__).parent / "h2spec.yaml"


class Class(TypedDict, total=False):
    """Cases that fail for one reason, by transport.

    `sometimes` they do not: what comes first decides.
    """

    reason: str
    sometimes: bool
    native: list[str]
    grpcio: list[str]


def test_the_protocol(flooded: Flooded, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    with Asking(flooded.address) as meanwhile:
        said = _h2spec(flooded.address, "-o", "2", "-j", str(report))
        assert report.is_file(), said.stderr
        cases, failed = _read(report)
        always, sometimes = _expected(flooded.transport)
        assert always | sometimes <= cases
        # Alone and with more time: each case is a matter of two seconds, and machines are busy.
        new = failed - always - sometimes
        unexpected = {one for one in new if not any(_passes(flooded.address, one))}
        outdated = {one for one in always - failed if all(_passes(flooded.address, one))}
    tried(
        "floods",
        f"h2spec ({flooded.transport})",
        len(cases),
        wrong=len(unexpected) + len(meanwhile.wrong),
        unanswered=len(meanwhile.unanswered),
    )
    assert sorted(unexpected) == []
    assert sorted(outdated) == [], "these do not fail any more: take them out of h2spec.yaml"
    assert (meanwhile.wrong, meanwhile.unanswered) == ([], [])
    assert flooded.node.process.poll() is None


def _h2spec(address: str, *options: str) -> subprocess.CompletedProcess[str]:
    host, _, port = address.rpartition(":")
    return subprocess.run(
        [tool("h2spec"), "-h", host, "-p", port, "-P", CHECK, *options],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def _passes(address: str, case: str) -> Iterator[bool]:
    """Whether one case passes on its own, three times."""
    return (_h2spec(address, "-o", "10", case).returncode == 0 for _ in range(3))


def _read(report: Path) -> tuple[set[str], set[str]]:
    """The cases that ran, and those that failed, as `http2/5.1.2/1`: section and number."""
    cases, failed = set(), set()
    for suite in ET.parse(report).getroot().iter("testsuite"):
        for number, case in enumerate(suite.iter("testcase"), 1):
            name = f"{case.attrib['package']}/{number}"
            cases.add(name)
            if case.find("failure") is not None or case.find("error") is not None:
                failed.add(name)
    return cases, failed


def _expected(transport: str) -> tuple[set[str], set[str]]:
    """The cases that fail, and those that fail sometimes."""
    classes: list[Class] = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    found: dict[bool, list[str]] = {False: [], True: []}
    for one in classes:
        cases = one.get("native", []) if transport == "native" else one.get("grpcio", [])
        found[one.get("sometimes", False)] += cases
    both = Counter(found[False] + found[True])
    assert set(both.values()) == {1}, "a case has two reasons"
    return set(found[False]), set(found[True])
