# SPDX-License-Identifier: Apache-2.0
"""What `make verify-deploy` prints of the lines that tests wrote, and what it finds missing.

Three things have to be there: a line for every file that is shipped, all cases of every form of
listener, and a line for every page that one follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from tests.factories.listener_cases import CASES, FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Accepted(TypedDict):
    """A line that a test wrote (tests.factories.accepted); `case` is `""` for all but listeners."""

    artefact: str
    program: str
    what: str
    case: str


#: Pages that no test follows with the programs they are about, and why not.
NOT_FOLLOWED: Final[Mapping[str, str]] = {
    "docs/how-to/index.md": "a list of links",
    "docs/tutorial/index.md": "a list of links",
    "docs/how-to/use-terraform.md": "Terraform is in no package registry; what its provider "
    "sent was recorded, and is sent again (tests/contract/test_terraform.py)",
    "docs/how-to/upgrade-notes.md": "a table of versions, which tests/meta compares with the code",
}


def table(lines: Iterable[Accepted]) -> str:
    """One row for each artefact and program, sorted; the cases of a listener are one row."""
    rows = sorted(
        {(one["artefact"], one["program"], one["what"]) for one in lines if not one["case"]}
    )
    cases: dict[tuple[str, str], dict[str, str]] = {}
    for one in lines:
        if one["case"]:
            cases.setdefault((one["artefact"], one["program"]), {})[one["case"]] = one["what"]
    rows += [
        (
            form,
            program,
            ", ".join(f"{name} {found[name]}" for name in _case_names() if name in found),
        )
        for (form, program), found in sorted(cases.items())
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return "\n".join(
        f"{artefact:<{widths[0]}}  {program:<{widths[1]}}  {what}"
        for artefact, program, what in rows
    )


def _case_names() -> Sequence[str]:
    return [one.name for one in CASES]


def unread(files: Iterable[str], lines: Iterable[Accepted]) -> list[str]:
    """The files that no program accepted by their own names: that of a folder is not enough."""
    names = {one["artefact"] for one in lines}
    return [name for name in files if name not in names]


def unasked(lines: Iterable[Accepted]) -> list[str]:
    """Each form of listener with the cases that nobody sent to it."""
    sent = {(one["artefact"], one["case"]) for one in lines}
    missing = {form: [one for one in _case_names() if (form, one) not in sent] for form in FORMS}
    return [f"{form}: {', '.join(cases)}" for form, cases in missing.items() if cases]


def unfollowed(pages: Iterable[str], lines: Iterable[Accepted]) -> list[str]:
    """The pages that nobody followed, without those that are excused."""
    names = {one["artefact"] for one in lines}
    return [name for name in pages if name not in names and name not in NOT_FOLLOWED]


def excused(pages: Iterable[str], lines: Iterable[Accepted]) -> list[str]:
    """The pages that nobody followed, and need not be."""
    names = {one["artefact"] for one in lines}
    return [name for name in pages if name not in names and name in NOT_FOLLOWED]


def complaints(files: Iterable[str], pages: Iterable[str], lines: Sequence[Accepted]) -> list[str]:
    """Everything that is missing, a sentence each."""
    return [
        *(f"{name}: no program read it" for name in unread(files, lines)),
        *(f"{name}: never tried" for name in unasked(lines)),
        *(f"{name}: no test follows it" for name in unfollowed(pages, lines)),
    ]


def summary(files: Sequence[str], pages: Sequence[str], lines: Sequence[Accepted]) -> str:
    """How much of it there is."""
    wanted = {(form, name) for form in FORMS for name in _case_names()}
    answers = wanted.intersection((one["artefact"], one["case"]) for one in lines)
    named = {one["artefact"] for one in lines}
    return (
        f"{len(named.intersection(files))} of {len(files)} files read, "
        f"{len(answers)} of {len(wanted)} cases of {len(FORMS)} listeners answered, "
        f"{len(named.intersection(pages))} of {len(pages)} pages followed "
        f"({len(excused(pages, lines))} are excused)"
    )
