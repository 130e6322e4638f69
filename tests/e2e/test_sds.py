# SPDX-License-Identifier: Apache-2.0
"""A real Envoy that gets its trust bundles over SDS: who gets through the handshake, and when."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from authz.certs.nobody import NAME
from authz.demo.pki import make_root
from authz.sds.material import Bundle, Site, TrustMaterial
from tests.e2e.harness import eventually, http_client, send
from tests.e2e.sds_harness import HOST, client_file, material, sds_server, start_listener
from tests.factories.accepted import accepted
from tests.factories.envoy import envoy_name

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: Both forms of the protocol.
APIS = ("GRPC", "DELTA_GRPC")


@pytest.mark.deploy
@pytest.mark.parametrize("api", APIS)
def test_a_new_authority_is_in_force_at_once_and_no_open_connection_is_dropped(
    api: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    partner, valid = credentials.client_file("partner"), credentials.client_file("valid")
    with sds_server() as sds:
        sds.publish(material(api=(credentials.authority,)), 1)
        listener = start_listener(children, credentials, upstream, sds.address, api=api)
        port = listener.envoy.port

        with http_client("HTTP/2", credentials, "valid") as kept:
            assert send(kept, port, sni=HOST, host=HOST, path="/").status_code == 200
            assert (listener.answer(valid), listener.answer(partner)) == (200, 0)
            assert listener.answer(None) == 0
            assert listener.answer(credentials.client_file("expired")) == 0

            sds.publish(material(api=(credentials.authority, credentials.partner)), 2)
            listener.becomes(200, partner)
            assert listener.answer(valid) == 200

            # And taken away again; what was open before all this is open still.
            sds.publish(material(api=(credentials.partner,)), 3)
            listener.becomes(0, valid)
            opened = listener.envoy.stat("listener.127.0.0.1_0.downstream_cx_total")
            assert opened > 0
            assert send(kept, port, sni=HOST, host=HOST, path="/").status_code == 200
            assert listener.envoy.stat("listener.127.0.0.1_0.downstream_cx_total") == opened

        export = sds.metrics.export()
        kind = "sotw" if api == "GRPC" else "delta"
        assert export["updates"] == [[kind, 3]]
        assert export["rejections"] == 0
    accepted("trust bundles (SDS)", envoy_name(), f"{api}: authorities come and go, at once")


@pytest.mark.parametrize("api", APIS)
def test_envoy_keeps_its_bundle_while_the_server_is_gone_and_gets_the_new_one_after(
    api: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    partner, valid = credentials.client_file("partner"), credentials.client_file("valid")
    with sds_server() as sds:
        sds.publish(material(api=(credentials.authority,)), 7)
        listener = start_listener(children, credentials, upstream, sds.address, api=api)
        assert listener.answer(valid) == 200

    eventually(
        lambda: listener.envoy.stat("cluster.sds.upstream_cx_active") == 0, "SDS is disconnected"
    )
    assert (listener.answer(valid), listener.answer(partner)) == (200, 0)

    # Another server, whose numbers begin anew.
    with sds_server(sds.address) as again:
        again.publish(material(api=(credentials.partner,)), 1)
        eventually(lambda: listener.answer(partner) == 200, "the new bundle")
        assert listener.answer(valid) == 0


@pytest.mark.parametrize("api", APIS)
def test_an_unknown_name_and_a_site_without_authorities_refuse_everybody(
    api: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """Also who has no certificate: with an empty bundle Envoy would ask for none."""
    valid = credentials.client_file("valid")
    with sds_server() as sds:
        sds.publish(material(other=(credentials.authority,)), 1)
        listener = start_listener(children, credentials, upstream, sds.address, api=api, site="api")
        assert (listener.answer(valid), listener.answer(None)) == (0, 0)

        sds.publish(material(api=(credentials.authority,)), 2)
        listener.becomes(200, valid)
        assert listener.answer(None) == 0

        sds.publish(material(api=(), other=(credentials.authority,)), 3)
        listener.becomes(0, valid)
        assert listener.answer(None) == 0
        assert listener.answer(credentials.client_file("self-signed")) == 0
        # A CA of the same name and another key is not the one that nobody has the key of.
        namesake = make_root(NAME, at=credentials.authority.at).client("somebody")
        file = client_file(credentials.directory, namesake, "somebody")
        assert listener.answer(file) == 0

        assert sds.metrics.export()["rejections"] == 0
        assert listener.envoy.stat("listener.127.0.0.1_0.ssl.fail_verify_no_cert") > 0


def test_envoy_waits_at_its_start_until_there_is_a_bundle(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    with sds_server() as sds, ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start_listener, children, credentials, upstream, sds.address)
        eventually(lambda: sds.metrics.streams == 1, "Envoy asks")
        assert not starting.done()

        sds.publish(material(api=(credentials.authority,)), 1)

        # Far sooner than initial_fetch_timeout, after which Envoy would listen without one.
        listener = starting.result(5.0)
        assert listener.answer(credentials.client_file("valid")) == 200


@pytest.mark.deploy
def test_with_crls_a_revoked_client_is_refused_in_the_handshake(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    authority, issuing = credentials.authority, credentials.issuing
    cas = (authority, issuing)
    clients = {
        name: credentials.client_file(name) for name in ("valid", "second", "via-intermediate")
    }
    none, second = authority.crl().der, authority.crl([credentials.clients["second"].serial]).der
    below = issuing.crl([credentials.clients["via-intermediate"].serial]).der

    with sds_server(crls=True) as sds:
        sds.publish(material((none, issuing.crl().der), api=cas), 1)
        listener = start_listener(children, credentials, upstream, sds.address)
        assert {listener.answer(file) for file in clients.values()} == {200}

        sds.publish(material((second, below), api=cas), 2)
        listener.becomes(0, clients["second"])
        assert listener.answer(clients["via-intermediate"]) == 0
        assert listener.answer(clients["valid"]) == 200

        # One CA without a CRL: no CRLs at all, or Envoy would refuse everybody below it.
        sds.publish(material((second,), api=cas), 3)
        listener.becomes(200, clients["second"])
        assert listener.answer(clients["via-intermediate"]) == 200
        assert sds.metrics.export()["secrets"] == [["without_crls", 2]]
    accepted("trust bundles (SDS)", envoy_name(), "with CRLs: the revoked are refused")


def test_a_bundle_that_envoy_refuses_is_counted_and_the_last_one_stays(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    valid = credentials.client_file("valid")
    broken = TrustMaterial(
        certificates=(b"0\x03no certificate",),
        bundles=(Bundle(certificates=(0,), crls=()),),
        sites=(Site(name="api", bundle=0),),
    )
    with sds_server() as sds:
        sds.publish(material(api=(credentials.authority,)), 1)
        listener = start_listener(children, credentials, upstream, sds.address)

        sds.publish(broken, 2)
        eventually(lambda: sds.metrics.export()["rejections"] == 1, "a NACK")
        assert listener.answer(valid) == 200

        sds.publish(material(api=(credentials.partner,)), 3)
        listener.becomes(0, valid)
        assert listener.answer(credentials.client_file("partner")) == 200
        # The refused one was not sent again.
        assert sds.metrics.export()["updates"] == [["sotw", 3]]
        assert sds.metrics.export()["rejections"] == 1


def test_the_lenient_form_lets_everybody_through_and_names_the_authorities(
    children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """What it is for: the authorizer answers, and browsers know which certificates fit."""
    new = make_root("Brand New CA", at=credentials.authority.at)
    with sds_server() as sds:
        sds.publish(material(api=(credentials.authority,)), 1)
        listener = start_listener(children, credentials, upstream, sds.address, strict=False)

        for name in ("valid", "partner", "self-signed"):
            assert listener.answer(credentials.client_file(name)) == 200
        assert listener.answer(None) == 200
        assert acceptable(listener.envoy.port) == {"CN = Demo Client CA"}

        sds.publish(material(api=(new,)), 2)
        eventually(
            lambda: acceptable(listener.envoy.port) == {"CN = Brand New CA"}, "the new name", 2.0
        )
        file = client_file(credentials.directory, new.client("somebody"), "somebody")
        assert listener.answer(file) == 200

        sds.publish(material(api=()), 3)
        eventually(
            lambda: acceptable(listener.envoy.port) == {f"CN = {NAME}"}, "nobody's name", 2.0
        )


def acceptable(port: int) -> set[str]:
    """The CA names that Envoy puts into its request for a certificate, as openssl prints them."""
    text = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    ).stdout
    names = re.search(r"Acceptable client certificate CA names\n((?:.+\n)+?)Requested", text)
    return set(names[1].splitlines()) if names else set()
