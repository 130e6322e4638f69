# SPDX-License-Identifier: Apache-2.0
"""Every fenced command and configuration of the documentation is looked at by what would use it.

A block that is nothing known fails: give it a language or a title (tests/factories/page_blocks.py
says how), or say above it why it is not checked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.docs.forms import form_of
from tests.factories.page_blocks import all_blocks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.page_blocks import Block

BLOCKS = all_blocks()
FORMS = {block.name: form_of(block) for block in BLOCKS}
#: Those that are more than text of a generated page.
CHECKED = [
    block
    for block in BLOCKS
    if (form := FORMS[block.name]) is not None
    and form.name not in {"generated", "not checked, with a reason"}
]


def test_every_block_is_known() -> None:
    unknown = [
        f"{block.name}: ```{block.language} {block.title}"
        for block in BLOCKS
        if FORMS[block.name] is None
    ]

    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize("block", CHECKED, ids=lambda block: block.name)
def test_a_block_is_what_it_says(block: Block, tmp_path: Path) -> None:
    form = FORMS[block.name]
    assert form is not None
    form.check(block, tmp_path)


def test_a_reason_is_given_for_the_few_that_are_not_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counted = Counter(form.name for form in FORMS.values() if form is not None)
    with capsys.disabled():
        print(f"\n{len(BLOCKS)} blocks on the pages:")
        for name, number in counted.most_common():
            print(f"  {number:4}  {name}")

    assert all(len(block.reason) > 15 for block in BLOCKS if block.reason)
    # What cannot be checked stays the exception.
    assert counted["not checked, with a reason"] <= len(CHECKED) / 5
