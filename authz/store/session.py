# SPDX-License-Identifier: Apache-2.0
"""One transaction: everything in it is kept together, or nothing is.

    with store.write() as session:
        session.zones.add(zone)
        session.audit.add(entry)

What the repositories do to their tables is in their own modules; what a database needs to open one
is in `engine`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from authz.store.audit import Audit
from authz.store.authorities import Authorities
from authz.store.certificate_checks import CertificateCheckCounts
from authz.store.certificates import Certificates
from authz.store.check_counts import CheckCounts
from authz.store.events import Events
from authz.store.hosts import Hosts
from authz.store.leases import Leases
from authz.store.list_operations import ListOperations
from authz.store.lists import Lists
from authz.store.moments import Moment, moment_of, unchanged
from authz.store.published import PublishedCrls
from authz.store.revocations import Revocations
from authz.store.rule_drafts import RuleDrafts
from authz.store.rulesets import Rulesets
from authz.store.shared_fetches import SharedFetches, WantedCertificates
from authz.store.sign_ins import SignIns
from authz.store.tables import state
from authz.store.tokens import Tokens
from authz.store.zones import Zones

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Session:
    """The repositories of one transaction.

    Attributes:
        revision: in a transaction that changes what is enforced, the number that it will have; in
            any other, that of the last one that was committed.
    """

    def __init__(self, connection: Connection, revision: int) -> None:
        self._connection = connection
        self.revision = revision

    @cached_property
    def zones(self) -> Zones:
        """Accounts and zones."""
        return Zones(self._connection)

    @cached_property
    def authorities(self) -> Authorities:
        """Authorities, their certificates and keys."""
        return Authorities(self._connection)

    @cached_property
    def hosts(self) -> Hosts:
        """Hostname associations."""
        return Hosts(self._connection)

    @cached_property
    def certificates(self) -> Certificates:
        """Client certificates."""
        return Certificates(self._connection)

    @cached_property
    def revocations(self) -> Revocations:
        """Revoked serial numbers."""
        return Revocations(self._connection, self.revision)

    @cached_property
    def rulesets(self) -> Rulesets:
        """Rulesets and their versions."""
        return Rulesets(self._connection)

    @cached_property
    def rule_drafts(self) -> RuleDrafts:
        """Rules that are not deployed."""
        return RuleDrafts(self._connection)

    @cached_property
    def sign_ins(self) -> SignIns:
        """Sessions of the dashboard."""
        return SignIns(self._connection)

    @cached_property
    def lists(self) -> Lists:
        """Named lists."""
        return Lists(self._connection, self.revision)

    @cached_property
    def list_operations(self) -> ListOperations:
        """What was done to the items of lists."""
        return ListOperations(self._connection)

    @cached_property
    def tokens(self) -> Tokens:
        """API tokens."""
        return Tokens(self._connection)

    @cached_property
    def audit(self) -> Audit:
        """The audit log."""
        return Audit(self._connection)

    @cached_property
    def events(self) -> Events:
        """Checks that are worth telling."""
        return Events(self._connection)

    @cached_property
    def check_counts(self) -> CheckCounts:
        """How many checks there were."""
        return CheckCounts(self._connection)

    @cached_property
    def certificate_checks(self) -> CertificateCheckCounts:
        """In how many checks each certificate was shown."""
        return CertificateCheckCounts(self._connection)

    @cached_property
    def published(self) -> PublishedCrls:
        """CRLs of our own."""
        return PublishedCrls(self._connection)

    @cached_property
    def leases(self) -> Leases:
        """Who does something for all nodes."""
        return Leases(self._connection)

    @cached_property
    def shared_fetches(self) -> SharedFetches:
        """What one node fetched for all."""
        return SharedFetches(self._connection)

    @cached_property
    def wanted_certificates(self) -> WantedCertificates:
        """Certificates that nodes want to be asked about."""
        return WantedCertificates(self._connection)

    @cached_property
    def store_id(self) -> str:
        """Which database this is: what was restored into it makes it another one."""
        return str(self._connection.execute(select(state.c.store_id)).scalar_one())

    @cached_property
    def moment(self) -> Moment:
        """What this transaction sees, and where that came from."""
        return moment_of(self._connection)

    def note_unchanged(self) -> None:
        """Write down that the store is as the backup was that it was just restored from."""
        unchanged(self._connection)


def next_revision(connection: Connection) -> int:
    """Take the next revision, and hold its row until the transaction ends."""
    taken = connection.execute(
        update(state).values(revision=state.c.revision + 1).returning(state.c.revision)
    )
    return int(taken.scalar_one())


def last_revision(connection: Connection) -> int:
    """The revision of the last transaction that was committed, as this one sees it."""
    return int(connection.execute(select(state.c.revision)).scalar_one())
