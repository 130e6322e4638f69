# SPDX-License-Identifier: Apache-2.0
"""Finds and reads files of policy test cases.

In a directory, and the directories in it, that is every `*_test.yaml` and every other YAML file
with the key `cases`. Policies and settings may lie next to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from authz.certs.pem import split_pem
from authz.cli.policy_test.document import NONE, TestDocument
from authz.errors import AuthzError, PolicyError
from authz.settings.problems import problems_of
from authz.settings.yaml_document import YamlDocument, YamlError
from authz.sources.building import Building
from authz.sources.files import FileReader, UnreadableFileError, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.policy_test.document import CaseDocument

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case, ready to run: `certificates` are DER, leaf first; `at` is Unix seconds."""

    document: CaseDocument
    certificates: tuple[bytes, ...]
    at: float
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A file of cases. `policy` is the file it names, None when it names none."""

    __test__ = False  # Not a class of tests, whatever its name says.

    path: Path
    policy: Path | None
    cases: tuple[Case, ...]


def load_tests(path: Path, now: float) -> tuple[TestFile, ...]:
    """The files of a directory, in the order of their names, or the one file.

    Raises:
        PolicyError: there is none, or one of them cannot be used.
    """
    if not path.is_dir():
        return (_load(path, _parse(path), now),)
    files = []
    for file in sorted(path.rglob("*")):
        if file.suffix in _SUFFIXES and file.is_file():
            document = _parse(file)
            if file.stem.endswith("_test") or _has_cases(document):
                files.append(_load(file, document, now))
    if not files:
        raise PolicyError(
            "there is no file of test cases in the directory",
            where=str(path),
            hint="write one: cases: [{name: …, request: {host: …}, expect: {verdict: deny}}]",
        )
    return tuple(files)


def _has_cases(document: YamlDocument) -> bool:
    return isinstance(document.value, dict) and "cases" in document.value


def _parse(path: Path) -> YamlDocument:
    try:
        return YamlDocument(read_file(path).decode("utf-8-sig"))
    except UnreadableFileError as error:
        raise PolicyError(
            f"the file {error.reason}", where=str(path), hint="name a directory or a file of cases"
        ) from None
    except UnicodeDecodeError:
        raise PolicyError("the file is not UTF-8 text", where=str(path)) from None
    except YamlError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise PolicyError(error.message, where=where, hint=error.hint) from None


def _load(path: Path, document: YamlDocument, now: float) -> TestFile:
    building = Building(path, document, FileReader())
    try:
        tests = TestDocument.model_validate(document.value)
    except ValidationError as error:
        for problem in problems_of(error, TestDocument):
            building.report(problem.path, problem.message, problem.hint)
        building.check()
        raise
    default = now if tests.at is None else tests.at
    cases = tuple(_cases(tests, document, building, default))
    building.check()
    policy = None if tests.policy is None else Path(normpath(path.parent / tests.policy))
    return TestFile(path=path, policy=policy, cases=cases)


def _cases(
    tests: TestDocument, document: YamlDocument, building: Building, at: float
) -> Iterator[Case]:
    seen: dict[str, int] = {}
    for index, case in enumerate(tests.cases):
        place = ("cases", index)
        if case.name in seen:
            building.report(
                (*place, "name"),
                f'a second case "{case.name}"',
                f"cases[{seen[case.name]}] has the name already",
            )
        seen.setdefault(case.name, index)
        yield Case(
            document=case,
            certificates=_certificates(case.certificate, building, (*place, "certificate")),
            at=at if case.at is None else case.at,
            line=document.line(place),
        )


def _certificates(name: str, building: Building, place: tuple[str | int, ...]) -> tuple[bytes, ...]:
    if name == NONE:
        return ()
    data = building.read(place, name)
    try:
        return () if data is None else split_pem(data)
    except AuthzError as error:
        building.report_error(place, name, error)
        return ()
