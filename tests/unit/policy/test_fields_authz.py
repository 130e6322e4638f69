# SPDX-License-Identifier: Apache-2.0
"""Our own fields: facts of the certificate, the handshake and the connection."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.policy.fields import SCHEME, FieldValues, field_values
from authz.rules import compile_expression, parse
from tests.factories.pki import AT, authority, presented, root, self_signed
from tests.factories.policies import facts

_SAN: list[x509.GeneralName] = [
    x509.DNSName("a.example.com"),
    x509.UniformResourceIdentifier("spiffe://example.com/ns/a/sa/b"),
    x509.DNSName("*.B.example.com"),
    x509.RFC822Name("alice@example.com"),
    x509.IPAddress(ip_address("192.0.2.1")),
    x509.IPAddress(ip_address("2001:db8::1")),
]


def _values(**changes: Any) -> FieldValues:
    request = facts(**changes)
    client = identify(request.presented, compile_trust((authority(),)), AT)
    return field_values(request, client, "api", request.path, AT)


def test_alternative_names_by_kind_in_the_order_of_the_certificate() -> None:
    values = _values(presented=presented(root().client("alice", san=_SAN)))

    assert values["authz.cert.san.dns"] == (b"a.example.com", b"*.B.example.com")
    assert values["authz.cert.san.uri"] == (b"spiffe://example.com/ns/a/sa/b",)
    assert values["authz.cert.san.email"] == (b"alice@example.com",)
    assert values["authz.cert.san.ip"] == (ip_address("192.0.2.1"), ip_address("2001:db8::1"))


def test_a_certificate_without_alternative_names_has_none() -> None:
    values = _values(presented=presented(root().client("alice")))

    assert [values[f"authz.cert.san.{kind}"] for kind in ("dns", "uri", "email", "ip")] == [()] * 4


def test_the_key_is_the_same_after_a_renewal() -> None:
    ca = root()
    first = ca.client("alice")
    second = ca.client("alice", key=first.key)
    spki = first.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pins = {_values(presented=presented(one))["authz.cert.spki_sha256"] for one in (first, second)}

    assert pins == {hashlib.sha256(spki).hexdigest().encode()}


def test_the_key_matches_in_either_case() -> None:
    values = _values(presented=presented(root().client("alice")))
    pin = values["authz.cert.spki_sha256"]
    assert isinstance(pin, bytes)

    rule = compile_expression(
        parse(f'authz.cert.spki_sha256 eq "{pin.decode().upper()}"', SCHEME, {})
    )

    assert rule.matches(values)


def test_the_leafs_own_facts_are_there_for_whatever_was_presented() -> None:
    values = _values(presented=presented(self_signed("mallory", san=_SAN)))

    assert values["cf.tls_client_auth.cert_verified"] is False
    assert values["authz.cert.failure"] == b"unknown_issuer"
    assert values["authz.cert.san.dns"]
    assert values["authz.cert.spki_sha256"]


def test_an_address_among_the_names_is_matched_by_its_network() -> None:
    values = _values(presented=presented(root().client("alice", san=_SAN)))

    rule = compile_expression(parse("any(authz.cert.san.ip[*] in {192.0.2.0/24})", SCHEME, {}))

    assert rule.matches(values)


def test_the_handshake_the_site_and_the_peer() -> None:
    values = _values(sni="api.example.com", peer_port=41234)

    assert values["authz.tls.sni"] == b"api.example.com"
    assert values["authz.site"] == b"api"
    assert values["authz.peer.port"] == 41234
    assert _values(sni=None)["authz.tls.sni"] == b""
