# SPDX-License-Identifier: Apache-2.0
"""A store with an authority, a protected host and client certificates, through the services.

world = World(open_store("sqlite", directory))
world.protect("api.example.com")     # an authority, the association, and the rule
alice = world.issue("alice")
world.revoke(alice); world.restore(alice)
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from authz.ca.keys import KeyEncryption
from authz.ca.names import Subject
from authz.services.authority_creation import create_authority
from authz.services.hosts import add_host
from authz.services.issuance import NewKey, issue_certificate
from authz.services.revocation import (
    restore_certificate,
    restore_serial,
    revoke_certificate,
    revoke_serial,
)
from tests.factories.checks import check_request
from tests.factories.pki import url_encoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.services.authorities import KnownAuthority
    from authz.services.issuance import Issued
    from authz.store.engine import Store

HOST = "api.example.com"


class World:
    """A store and the calls that many tests make; times are now, by `clock`."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.clock = clock
        self.encryption = KeyEncryption.from_key_file(bytes(range(32)))

    def ca(
        self, name: str = "Acme", zone: str = "default", *, intermediate: bool = False
    ) -> KnownAuthority:
        """A new embedded CA."""
        return create_authority(
            self.store,
            name,
            zone=zone,
            intermediate=intermediate,
            encryption=self.encryption,
            actor="test",
            at=self.clock(),
        )

    def protect(self, hostname: str = HOST, authority: str = "Acme") -> None:
        """A hostname of an authority, which is made first, and the rule that protects it."""
        self.ca(authority)
        self.host(hostname, authority)

    def host(self, hostname: str, authority: str = "Acme") -> None:
        """A hostname that asks for an authority that is there, and the rule that protects it."""
        add_host(
            self.store, hostname, authority=authority, protect=(), actor="test", at=self.clock()
        )

    def issue(
        self, name: str = "alice", authority: str | None = None, *, days: int | None = None
    ) -> Issued:
        """A new client certificate with a new key."""
        return issue_certificate(
            self.store,
            NewKey(subject=Subject.of(name)),
            zone="default",
            authority=authority,
            days=days,
            encryption=self.encryption,
            actor="test",
            at=self.clock(),
        )

    def revoke(self, issued: Issued) -> None:
        """Revoke a certificate."""
        revoke_certificate(self.store, issued.certificate.id, actor="test", at=self.clock())

    def restore(self, issued: Issued) -> None:
        """Restore a certificate."""
        restore_certificate(self.store, issued.certificate.id, actor="test", at=self.clock())

    def revoke_serial(self, serial: int, authority: str = "Acme") -> None:
        """Revoke a serial number, whoever has it."""
        revoke_serial(self.store, authority, f"{serial:X}", actor="test", at=self.clock())

    def restore_serial(self, serial: int, authority: str = "Acme") -> None:
        """Restore a serial number."""
        restore_serial(self.store, authority, f"{serial:X}", actor="test", at=self.clock())


def check_of(issued: Issued | None, host: str = HOST) -> bytes:
    """A check of a request with this certificate, or without any."""
    pem = "" if issued is None else url_encoded(issued.bundle)
    return check_request(host=host, sni=host, certificate=pem).SerializeToString()
