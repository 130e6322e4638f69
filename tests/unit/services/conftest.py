# SPDX-License-Identifier: Apache-2.0
"""A new store for each test, and what makes the calls short."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.keys import KeyEncryption
from authz.ca.names import Subject
from authz.observability import log
from authz.services.authority_creation import create_authority
from authz.services.issuance import Issued, issue_certificate
from authz.services.issuance_requests import NewKey
from authz.store.engine import Store, open_store
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.services.authorities import KnownAuthority
    from authz.store.records import AuditEntry

DAY = 86400.0


@dataclass(frozen=True)
class World:
    """A store and the calls that many tests make."""

    store: Store
    encryption: KeyEncryption

    def ca(self, name: str = "Acme", **changes: Any) -> KnownAuthority:
        """A new embedded CA."""
        given = {"actor": "tester", "at": AT, "encryption": self.encryption, **changes}
        return create_authority(self.store, name, **given)

    def issue(self, name: str = "alice", **changes: Any) -> Issued:
        """A new client certificate with a new key."""
        given = {
            "zone": "default",
            "actor": "tester",
            "at": AT,
            "encryption": self.encryption,
            **changes,
        }
        return issue_certificate(self.store, NewKey(subject=Subject.of(name)), **given)

    def audited(self) -> list[AuditEntry]:
        """The audit log, the latest first."""
        with self.store.read() as session:
            return session.audit.latest(most=100)

    def last(self) -> AuditEntry:
        """The last row of the audit log."""
        return self.audited()[0]


@pytest.fixture
def world(tmp_path: Path, empty_store: Path) -> Iterator[World]:
    shutil.copy(empty_store, tmp_path)
    store = open_store("sqlite", tmp_path)
    yield World(store=store, encryption=KeyEncryption.from_key_file(bytes(range(32))))
    store.close()


@pytest.fixture
def store(world: World) -> Store:
    return world.store


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The log lines of the test so far, as data."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(log._writer, "put", lambda line: lines.append(json.loads(line)))
    return lines
