# SPDX-License-Identifier: Apache-2.0
"""What the fields of rules say about a certificate, and say of it when it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.authority import AuthorityModel
from authz.certs.pem import write_pem
from authz.certs.presented import Presented
from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.services.certificate_fields import fields_of
from tests.factories.issuing import issue_client, issuing, root
from tests.factories.pki import AT, url_encoded

if TYPE_CHECKING:
    from authz.certs.certificate import Certificate


def test_they_are_what_a_check_sees_of_the_certificate() -> None:
    leaf, above, anchor = issue_client().certificate, issuing().certificate, root().certificate
    found = fields_of(leaf, [above], trusted=[anchor])

    trust = compile_trust([AuthorityModel(name="acme", certificates=(anchor.der,))])
    sent = "".join(write_pem(one.der, "CERTIFICATE") for one in (leaf, above))
    client = identify(Presented(certificate=url_encoded(sent)), trust, AT + 1)
    assert client.verified
    assert client.issuer is not None
    assert found.issuer_known
    values = {name.rpartition(".")[2]: value for name, value in found.values.items()}
    assert values["cert_fingerprint_sha256"] == leaf.fingerprint_sha256
    assert values["cert_issuer_serial"] == client.issuer.serial
    assert values["cert_issuer_ski"] == client.issuer.ski
    assert str(values["cert_rfc9440"]).startswith(":")
    assert str(values["cert_chain_rfc9440"]).count(":") == 2
    assert values["cert_chain_rfc9440_too_large"] is False
    assert values["spki_sha256"] == leaf.spki_sha256


def test_an_issuer_that_nobody_sends_is_known_where_it_is_trusted() -> None:
    leaf = issue_client(by=root()).certificate
    anchor = root().certificate

    found = fields_of(leaf, [], trusted=[anchor])

    assert found.issuer_known
    assert found.values["cf.tls_client_auth.cert_issuer_serial"] == anchor.serial
    assert found.values["cf.tls_client_auth.cert_chain_rfc9440"] == ""


def test_without_its_issuer_a_certificate_speaks_for_itself() -> None:
    leaf = issue_client().certificate

    found = fields_of(leaf, _others())

    assert not found.issuer_known
    assert found.values["cf.tls_client_auth.cert_issuer_serial"] == ""
    assert found.values["cf.tls_client_auth.cert_issuer_ski"] == leaf.authority_key_id


def _others() -> list[Certificate]:
    return [root().certificate]
