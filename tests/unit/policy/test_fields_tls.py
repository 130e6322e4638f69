# SPDX-License-Identifier: Apache-2.0
"""The 21 certificate fields: formats, and when each is empty (architecture 4.4)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509

from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.policy.fields import SCHEME, FieldValues, field_values
from tests.factories.pki import AT, authority, fixed_key, intermediate, presented, root, self_signed
from tests.factories.policies import facts

_NAMES = [name for name in SCHEME.fields if name.startswith("cf.tls_client_auth.")]
_MANY_NAMES = [x509.DNSName(f"host-{n:04}.example.com") for n in range(350)]
_ISSUER = [name for name in _NAMES if ".cert_issuer_" in name]


def _values(**changes: Any) -> FieldValues:
    request = facts(**changes)
    client = identify(request.presented, compile_trust((authority(),)), AT)
    return field_values(request, client, "api", request.path, AT)


def _value(name: str, **changes: Any) -> object:
    return _values(**changes)["cf.tls_client_auth." + name]


def test_there_are_21_of_them() -> None:
    assert len(_NAMES) == 21


def test_without_a_certificate_everything_is_empty() -> None:
    values = _values()

    assert not any(values[name] for name in _NAMES)


def test_issuer_values_come_from_the_verified_path() -> None:
    ca, alice = root(), root().client("alice")
    values = _values(presented=presented(alice))
    prefix = "cf.tls_client_auth.cert_"

    assert values[prefix + "verified"] is True
    assert values[prefix + "issuer_dn"] == b"CN=Test Root CA"
    assert values[prefix + "issuer_dn_rfc2253"] == b"CN=Test Root CA"
    assert values[prefix + "issuer_dn_legacy"] == b"/CN=Test Root CA"
    assert int(bytes(values[prefix + "issuer_serial"]), 16) == ca.serial  # type: ignore[arg-type]
    assert values[prefix + "issuer_ski"]
    assert values[prefix + "fingerprint_sha256"] == alice.fingerprint.encode()


def test_a_forged_issuer_satisfies_no_issuer_check() -> None:
    values = _values(presented=presented(self_signed("Test Root CA", key=fixed_key("mallory"))))

    assert values["cf.tls_client_auth.cert_presented"] is True
    assert values["cf.tls_client_auth.cert_verified"] is False
    assert [values[name] for name in _ISSUER] == [b""] * len(_ISSUER)


@pytest.mark.parametrize(
    "name", ["cert_fingerprint_sha256", "cert_serial", "cert_subject_dn", "cert_not_after"]
)
def test_the_leafs_own_facts_are_there_for_whatever_was_presented(name: str) -> None:
    assert _value(name, presented=presented(self_signed("mallory")))


def test_the_certificate_as_rfc_9440_value() -> None:
    alice = root().client("alice")

    value = _value("cert_rfc9440", presented=presented(alice))

    assert value == b":" + base64.b64encode(alice.der) + b":"
    assert _value("cert_rfc9440_too_large", presented=presented(alice)) is False


def test_a_large_certificate_is_flagged_instead() -> None:
    large = root().client("large", san=_MANY_NAMES)

    assert _value("cert_rfc9440", presented=presented(large)) == b""
    assert _value("cert_rfc9440_too_large", presented=presented(large)) is True


def test_the_chain_is_the_intermediates_as_sent() -> None:
    ca = intermediate()
    sent = presented(ca.client("bob"), ca, root())

    value = _value("cert_chain_rfc9440", presented=sent)

    assert value == b", ".join(b":" + base64.b64encode(one.der) + b":" for one in (ca, root()))
    assert _value("cert_chain_rfc9440_too_large", presented=sent) is False


def test_a_long_chain_is_flagged_instead() -> None:
    large = root().client("large", san=_MANY_NAMES)
    sent = presented(root().client("bob"), large, large)

    assert _value("cert_chain_rfc9440", presented=sent) == b""
    assert _value("cert_chain_rfc9440_too_large", presented=sent) is True
