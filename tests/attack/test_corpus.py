# SPDX-License-Identifier: Apache-2.0
"""The corpus itself: whole, without repeats, and every known pitfall and advisory has its cases."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.attack.application import Request, reached
from tests.attack.certificates import CERTIFICATES, GOOD_FOR
from tests.attack.corpus import case_files, cases, disguises, messages, rows, sites
from tests.attack.judge import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
_ROWS: Final = [*rows()["pitfalls"].items(), *rows()["least"].items()]


def test_no_case_is_there_twice() -> None:
    counts = Counter(f"{case.kind}/{case.id}" for case in cases())

    assert [name for name, count in counts.items() if count > 1] == []
    assert len({one["id"] for one in messages()}) == len(messages())


def test_cases_name_what_there_is() -> None:
    for case in cases():
        assert case.says
        assert case.why
        assert case.site in sites(), case.id
        assert case.listener in OPTIONS, case.id
        assert case.certificate in {"", *CERTIFICATES}, case.id
        assert set(case.envoy) == set(case.over), case.id


def test_the_corpus_has_hundreds_of_requests() -> None:
    written = sum(len(case.over) for case in cases())
    spellings = sum(len(table) for table in disguises().values())

    assert written > 400
    assert spellings > 350


def test_every_certificate_comes_with_a_request() -> None:
    used = {case.certificate for case in cases()}

    assert set(CERTIFICATES) - used == set()
    assert set(GOOD_FOR) <= set(CERTIFICATES)


@pytest.mark.parametrize(("row", "given"), _ROWS, ids=[name for name, _ in _ROWS])
def test_a_pitfall_has_cases_or_tests(row: str, given: dict[str, Any]) -> None:
    assert given.get("cases") or given.get("tests"), row
    _expect_to_be_there(given)


@pytest.mark.parametrize(("advisory", "given"), [*rows()["advisories"].items()])
def test_an_advisory_without_a_case_says_why(advisory: str, given: dict[str, Any]) -> None:
    named = advisory in _named()

    assert named or given.get("elsewhere") or (given.get("tests") and given.get("why"))
    _expect_to_be_there(given)


def _named() -> set[str]:
    named = {advisory for case in cases() for advisory in case.advisory}
    return named | {advisory for one in messages() for advisory in one.get("advisory", ())}


def _expect_to_be_there(given: dict[str, Any]) -> None:
    there = {f"{case.kind}/{case.id}" for case in cases()}
    there |= {f"messages/{one['id']}" for one in messages()}
    there |= {file.stem for file in case_files()} | {"messages"}
    assert set(given.get("cases", ())) - there == set()
    for test in given.get("tests", ()):
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert not name or name in _functions(ROOT / file), test


def _functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


# --- the oracle ----------------------------------------------------------------------------------


def _everything_guarded() -> Iterator[tuple[str, Request]]:
    """For each site, a request that plainly asks for what it guards."""
    for name, site in sites().items():
        guards = site.guards
        if guards is None:
            continue
        what, _, key = guards.what.partition(":")
        value = b"/other" if guards.is_ in ("unlike", "beyond") else (guards.values or (b"",))[0]
        pair = key.encode() + b"=" + value
        found = {
            "path": Request(method=b"GET", target=value, host=b""),
            "host": Request(method=b"GET", target=b"/", host=value),
            "method": Request(
                method=b"POST" if guards.is_ == "unlike" else value, target=b"/", host=b""
            ),
            "header": Request(
                method=b"GET", target=b"/", host=b"", headers=((key.encode(), value),)
            ),
            "cookie": Request(method=b"GET", target=b"/", host=b"", headers=((b"cookie", pair),)),
            "query": Request(method=b"GET", target=b"/?" + pair, host=b""),
            "form": Request(method=b"POST", target=b"/", host=b"", body=pair),
            "body": Request(method=b"POST", target=b"/", host=b"", body=value),
            "everything": Request(method=b"GET", target=b"/", host=b""),
        }
        yield name, found[what]


@pytest.mark.parametrize(("site", "request_"), [*_everything_guarded()])
def test_the_oracle_knows_what_is_guarded(site: str, request_: Request) -> None:
    """One that never said so would prove nothing."""
    assert reached(sites()[site], request_)


@pytest.mark.parametrize(
    "target",
    [b"/x/%2e%2e;/admin", b"/admin;x", b"/%2561dmin", b"//x/admin", b"/admin%23", b"/adm%09in"],
)
def test_the_oracle_sees_through_disguises(target: bytes) -> None:
    assert reached(sites()["eq"], Request(method=b"GET", target=target, host=b""))
    assert not reached(sites()["eq"], Request(method=b"GET", target=b"/public", host=b""))
