# SPDX-License-Identifier: Apache-2.0
"""When two requests are the same one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.ca.csr import read_csr
from authz.ca.key_kinds import KeyKind
from authz.ca.names import AlternativeNames, Subject
from authz.ca.profiles import CLIENT, INTERMEDIATE
from authz.errors import InvalidInputError
from authz.services.issuance_requests import NewKey, check_request_key, digest_of
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

KEY = NewKey(subject=Subject.of("alice"))


def test_everything_that_is_asked_for_counts(world: World) -> None:
    known, second = world.ca(), world.ca("Second")
    facts = read_csr(csr("alice"))
    digests = [
        digest_of(known, facts, None, "label", 90, CLIENT),
        digest_of(second, facts, None, "label", 90, CLIENT),
        digest_of(known, read_csr(csr("bob")), None, "label", 90, CLIENT),
        digest_of(known, facts, None, "other", 90, CLIENT),
        digest_of(known, facts, None, "label", None, CLIENT),
        digest_of(known, facts, None, "label", 90, INTERMEDIATE),
        digest_of(known, None, KEY, "label", 90, CLIENT),
        digest_of(known, None, replace(KEY, kind=KeyKind.RSA_2048), "label", 90, CLIENT),
        digest_of(known, None, replace(KEY, subject=Subject.of("bob")), "label", 90, CLIENT),
        digest_of(
            known,
            None,
            replace(KEY, names=AlternativeNames(dns=("alice.example",))),
            "label",
            90,
            CLIENT,
        ),
    ]

    assert len(set(digests)) == len(digests)
    assert digests[0] == digest_of(known, facts, None, "label", 90, CLIENT)


def test_a_password_is_no_part_of_it(world: World) -> None:
    known = world.ca()

    assert digest_of(known, None, KEY, "l", 1, CLIENT) == digest_of(
        known, None, replace(KEY, pkcs12_password="x"), "l", 1, CLIENT
    )


def test_keys_of_requests() -> None:
    check_request_key("x" * 128)
    with pytest.raises(InvalidInputError):
        check_request_key("x" * 129)
