# SPDX-License-Identifier: Apache-2.0
"""An error says the same after it went from one process to another."""

from __future__ import annotations

import msgspec
import pytest

from authz.errors import (
    AuthzError,
    CertificateError,
    LoaderError,
    MalformedCertificateError,
    ParseError,
    PolicyError,
    SettingsError,
    TypeCheckError,
)
from authz.node.faults import Fault, error_of, fault_of

ERRORS = [
    PolicyError("bad", where="p.yaml:1: sites", hint="mend it"),
    SettingsError("bad"),
    MalformedCertificateError("no certificate", where="x"),
    LoaderError("gone"),
    ParseError("unknown operator", source="ssl and\nhost = 1", span=(13, 14), hint="=="),
    TypeCheckError("no such field", source="http.hots", span=(0, 9), where="p.yaml:3"),
]


def _sent(error: AuthzError) -> AuthzError:
    return error_of(msgspec.msgpack.decode(msgspec.msgpack.encode(fault_of(error)), type=Fault))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_kind_words_place_and_carets_are_the_same(error: AuthzError) -> None:
    received = _sent(error)

    assert type(received) is type(error)
    assert (received.message, received.hint, received.where, received.code) == (
        error.message,
        error.hint,
        error.where,
        error.code,
    )
    assert received.render() == error.render()


def test_what_else_was_found_comes_along() -> None:
    error = PolicyError("first")
    error.others = (CertificateError("second"), ParseError("third", source="x", span=(0, 1)))

    assert [one.render() for one in _sent(error).others] == [one.render() for one in error.others]


def test_what_is_no_text_becomes_an_escape() -> None:
    assert _sent(PolicyError("bad", where="p\udcff.yaml")).where == "p\\udcff.yaml"


def test_an_error_of_a_kind_that_is_not_known_is_still_one() -> None:
    assert isinstance(
        error_of(Fault(kind="Other", message="bad", hint=None, where=None)), PolicyError
    )
