# SPDX-License-Identifier: Apache-2.0
"""What must still be there."""

from __future__ import annotations

import pytest

from authz.errors import PreconditionError
from authz.services.preconditions import Precondition, tag_of


def test_one_of_the_tags_is_that_of_what_is_there() -> None:
    Precondition(tags=None).check("a", "they")
    Precondition(tags=frozenset("ab")).check("a", "they")
    for tags in (frozenset("b"), frozenset[str]()):
        with pytest.raises(PreconditionError, match="they are not those"):
            Precondition(tags=tags).check("a", "they")


def test_a_tag_is_of_names_in_their_order() -> None:
    assert tag_of(("a", "b")) == tag_of(["a", "b"])
    assert len({tag_of(one) for one in ((), ("",), ("a", "b"), ("b", "a"), ("ab",))}) == 5
