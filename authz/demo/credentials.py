# SPDX-License-Identifier: Apache-2.0
"""The demo's certificates: one authority, one server, and a client for each kind of trouble.

`make_credentials` makes them valid now (the short-lived ones relative to now) and writes them as
files that Envoy, authz and curl read. Building certificates is `pki`; who is let in is `scenario`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from authz.demo.pki import DAY, SERVER_AUTH, Issued, make_root, make_self_signed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Every name the demo's listener answers to. Programs find *.localhost on loopback by themselves.
SERVER_NAMES = (
    "localhost",
    "api.localhost",
    "pinned.localhost",
    "admin.localhost",
    "partner.localhost",
    "whoami.localhost",
    "nobody.localhost",
    "devices.localhost",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Everything that was issued. `clients` by name; each is also `clients/NAME.pem`."""

    directory: Path
    authority: Issued
    issuing: Issued
    server_authority: Issued
    server: Issued
    partner: Issued
    clients: Mapping[str, Issued]

    @property
    def server_ca(self) -> Path:
        """Whom a client of the demo trusts."""
        return self.directory / "server-ca.pem"

    def client_file(self, name: str) -> Path:
        """Certificate, intermediates and key of one client in one file, as curl's --cert takes."""
        return self.directory / "clients" / f"{name}.pem"


def make_credentials(directory: Path, *, at: float) -> Credentials:
    """Issue everything, valid at Unix time `at`, and write it below `directory`."""
    authority = make_root("Demo Client CA", at=at)
    issuing = authority.intermediate("Demo Issuing CA")
    unlisted = authority.intermediate("Demo Unlisted CA")
    partner = make_root("Partner Client CA", at=at)
    server_authority = make_root("Demo Server CA", at=at)
    clients = {
        "valid": authority.client("valid"),
        "second": authority.client("second"),
        "expired": authority.client("expired", not_before=at - 30 * DAY, not_after=at - DAY),
        "not-yet-valid": authority.client("not-yet-valid", not_before=at + DAY),
        "self-signed": make_self_signed("self-signed", at=at),
        "partner": partner.client("partner"),
        "server-auth-only": authority.client("server-auth-only", eku=[SERVER_AUTH]),
        "revoked-by-crl": authority.client("revoked-by-crl"),
        "revoked-by-serial": authority.client("revoked-by-serial"),
        "via-intermediate": issuing.client("via-intermediate"),
        "via-unlisted": unlisted.client("via-unlisted"),
    }
    credentials = Credentials(
        directory=directory,
        authority=authority,
        issuing=issuing,
        server_authority=server_authority,
        server=server_authority.server(*SERVER_NAMES),
        partner=partner,
        clients=MappingProxyType(clients),
    )
    _write(credentials)
    return credentials


def _write(credentials: Credentials) -> None:
    directory = credentials.directory
    (directory / "clients").mkdir(parents=True, exist_ok=True)
    (directory / "trust").mkdir(exist_ok=True)
    credentials.server_ca.write_bytes(credentials.server_authority.pem)
    (directory / "server.crt").write_bytes(credentials.server.chain_pem)
    (directory / "server.key").write_bytes(credentials.server.key_pem)
    for name, client in credentials.clients.items():
        file = credentials.client_file(name)
        file.touch(mode=0o600)
        file.write_bytes(client.chain_pem + client.key_pem)
    trust = directory / "trust"
    (trust / "demo-ca.pem").write_bytes(credentials.authority.pem)
    (trust / "issuing-ca.pem").write_bytes(credentials.issuing.pem)
    (trust / "partner-ca.pem").write_bytes(credentials.partner.pem)
    revoked = credentials.clients["revoked-by-crl"].serial
    (trust / "demo-ca.crl").write_bytes(credentials.authority.crl([revoked]).pem)
    (trust / "issuing-ca.crl").write_bytes(credentials.issuing.crl().pem)
    serial = credentials.clients["revoked-by-serial"].serial
    (trust / "revoked-serials.txt").write_text(f"{serial:X}\n", encoding="ascii")
