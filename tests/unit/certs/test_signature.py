# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from authz.certs.certificate import Certificate
from authz.certs.signature import Signed, has_supported_algorithm, signed_by
from tests.factories.pki import KeyKind, fixed_key, intermediate, root


def _read(made: object) -> Certificate:
    return Certificate.from_der(made.der)  # type: ignore[attr-defined]


def test_the_issuers_key_signed_it() -> None:
    assert signed_by(_read(intermediate()), _read(root())) is Signed.YES


def test_another_key_did_not() -> None:
    impostor = root("Other").intermediate("Test Root CA")

    assert signed_by(_read(intermediate()), _read(impostor)) is Signed.NO


def test_the_names_have_to_agree_as_well() -> None:
    renamed = root("Other").intermediate("Another Name", key=root().key)

    assert signed_by(_read(intermediate()), _read(renamed)) is Signed.NO


def test_a_key_of_another_kind_is_unsupported() -> None:
    edwards = root().intermediate("edwards", key=fixed_key("e", KeyKind.ED25519))
    below = _read(edwards.client("a"))

    assert signed_by(below, _read(edwards)) is Signed.UNSUPPORTED
    assert not has_supported_algorithm(below)
