# SPDX-License-Identifier: Apache-2.0
"""A million client certificates in the store: how long people wait for a list, a search, a change.

    python benchmarks/store.py [--certificates N] [--database postgresql://…] [--check]

The certificates are made up and written straight into the tables (issuing a million takes hours).
Prints the median and the 99th percentile of each question in milliseconds, and with --check ends
with 1 when one is slower than LIMIT_MS. The database is in a directory of its own, removed at the
end; `--keep DIR` leaves it there, and uses it when it is there already.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from authz.store.certificates import CertificateQuery
from authz.store.counts import recount
from authz.store.engine import Store, open_store
from authz.store.records import (
    Authority,
    AuthorityKind,
    CertificateStatus,
    ClientCertificate,
    List,
    Revocation,
)
from authz.store.rows import values_of
from authz.store.search import words_of
from authz.store.tables import (
    client_certificates,
    list_items,
    lists,
    revocation_counts,
    revocations,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What the slowest of a hundred may take.
LIMIT_MS: Final = 50.0

#: Rows of one transaction while the store is filled.
_ROWS: Final = 20_000

_SITES: Final = ("Hamburg", "Lyon", "Osaka", "Quito", "Perth", "Tromsø", "Zürich", "Αθήνα")


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--certificates", type=int, default=1_000_000)
    options.add_argument("--database", default="sqlite")
    options.add_argument("--keep", type=Path)
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--check", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.keep or Path(temporary)
        store = open_store(given.database, directory)
        try:
            slowest = measure(store, directory, given.certificates, given.rounds)
        finally:
            store.close()
    if given.check and slowest > LIMIT_MS:
        print(f"slower than {LIMIT_MS:g} ms")
        return 1
    return 0


def measure(store: Store, directory: Path, certificates: int, rounds: int) -> float:
    """Print the figures; the slowest 99th percentile in milliseconds."""
    with store.read() as session:
        zone_id = session.zones.all()[0].id
        filled = session.certificates.count(CertificateQuery(zone_id=zone_id)) > 0
    if not filled:
        begun = time.perf_counter()
        fill(store, certificates)
        print(f"filled in {time.perf_counter() - begun:.0f} s")
    file = directory / "authz.db"
    if file.exists():
        size = sum(one.stat().st_size for one in directory.glob("authz.db*"))
        print(f"{size / 2**20:,.0f} MiB on disk, {size / certificates:,.0f} bytes a certificate")
    slowest = 0.0
    for name, question in questions(store, zone_id, certificates).items():
        times = sorted(_timed(question) for _ in range(rounds))
        p99 = times[int(len(times) * 0.99)]
        slowest = max(slowest, p99)
        print(f"{name:<44} p50 {times[len(times) // 2]:8.2f}   p99 {p99:8.2f} ms")
    long_reads(store)
    return slowest


def questions(store: Store, zone_id: str, certificates: int) -> dict[str, Callable[[], object]]:
    """What is asked, by its name in the table."""
    dice = random.Random(3)
    with store.read() as session:
        authority_id = session.authorities.all()[0].id
        some = session.certificates.find(CertificateQuery(zone_id=zone_id), most=1_000)
        last = some[0].number

    def find(search: str = "", status: str | None = None, **page: Any) -> int:
        query = CertificateQuery(
            zone_id=zone_id,
            search=search,
            status=None if status is None else CertificateStatus(status),
        )
        with store.read() as session:
            return len(session.certificates.find(query, most=25, **page))

    def count(search: str = "", status: str | None = None) -> int:
        query = CertificateQuery(
            zone_id=zone_id,
            search=search,
            status=None if status is None else CertificateStatus(status),
        )
        with store.read() as session:
            return session.certificates.count(query, most=10_000)

    def anywhere() -> int:
        return dice.randrange(certificates)

    def expiring() -> int:
        with store.read() as session:
            return len(session.certificates.expiring(0.0, 30 * 86_400.0, most=100))

    def expires_before() -> int:
        query = CertificateQuery(zone_id=zone_id, expires_before=30 * 86_400.0)
        with store.read() as session:
            return len(session.certificates.find(query, most=25))

    def revoke_and_restore() -> None:
        number = anywhere() + 1
        with store.read() as session:
            (found,) = session.certificates.find(
                CertificateQuery(zone_id=zone_id), most=1, before=number + 1
            )
        with store.write() as session:
            session.certificates.set_status(
                found, CertificateStatus.REVOKED, revoked_at=1.0, reason="unspecified"
            )
            session.revocations.add(
                Revocation(
                    authority_id=authority_id,
                    serial=found.serial,
                    revoked_at=1.0,
                    reason="unspecified",
                )
            )
        with store.write() as session:
            session.certificates.set_status(
                found, CertificateStatus.ACTIVE, revoked_at=None, reason=None
            )
            session.revocations.remove(authority_id, found.serial, 2.0)

    serials = itertools.count(1 << 150)

    def issue() -> None:
        with store.write() as session:
            session.certificates.add(made_up(zone_id, authority_id, next(serials)))

    def get() -> object:
        with store.read() as session:
            return session.certificates.get(dice.choice(some).id)

    def changes() -> object:
        with store.read() as session:
            return session.revocations.changes_after(session.revision - 1)

    def seen() -> None:
        with store.note() as session:
            session.certificates.seen(
                {dice.choice(some).fingerprint_sha256: time.time() for _ in range(100)}
            )

    return {
        "list: first page": find,
        "list: first page of active": lambda: find(status="active"),
        "list: first page of revoked": lambda: find(status="revoked"),
        "list: deep by cursor": lambda: find(before=anywhere()),
        "list: deep by page": lambda: find(skip=anywhere()),
        "list: deep by page of active": lambda: find(skip=anywhere() // 2, status="active"),
        "search: rare word": lambda: find(f"{anywhere():07}"),
        "search: rare word, revoked": lambda: find(f"{anywhere():07}", "revoked"),
        "search: common word": lambda: find("device"),
        "search: common word, deep by cursor": lambda: find("device", before=anywhere()),
        "search: common word, revoked": lambda: find("device", "revoked"),
        "search: common and rare word": lambda: find(f"device {anywhere():07}"),
        "search: two common words": lambda: find("device hamburg"),
        "search: two common words, revoked": lambda: find("device hamburg", "revoked"),
        "search: a long common word": lambda: find("manufacturing"),
        "search: one letter": lambda: find("d"),
        "search: one digit": lambda: find("7"),
        "search: two letters": lambda: find("ha"),
        "search: beginning of a serial number": lambda: find(dice.choice(some).serial[:8]),
        "search: a whole fingerprint": lambda: find(dice.choice(some).fingerprint_sha256),
        "search: nothing": lambda: find("nothinghasthis"),
        "search: common word and nothing": lambda: find("device nothinghasthis"),
        "search: one letter and nothing": lambda: find("d nothinghasthis"),
        "count: all": count,
        "count: active": lambda: count(status="active"),
        "count: common word, up to 10,000": lambda: count("device"),
        "count: common word, revoked, up to 10,000": lambda: count("device", "revoked"),
        "expiring in 30 days": expiring,
        "list: expiring in 30 days": expires_before,
        "get": get,
        "revoke and restore": revoke_and_restore,
        "issue": issue,
        "changes since the last revision": changes,
        "seen: 100 certificates": seen,
        f"list: last page (about {last:,})": lambda: find(skip=certificates - 30),
    }


def long_reads(store: Store) -> None:
    """Everything that is revoked, and every item of a list: what a restart reads."""
    with store.read() as session:
        authority_id = session.authorities.all()[0].id
        begun = time.perf_counter()
        serials = sum(1 for _ in session.revocations.serials(authority_id))
        print(f"{serials:,} revoked serial numbers in {time.perf_counter() - begun:.2f} s")
        begun = time.perf_counter()
        values = sum(1 for _ in session.lists.values(session.lists.all()[0].id))
        print(f"{values:,} items of a list in {time.perf_counter() - begun:.2f} s")


def fill(store: Store, certificates: int) -> None:
    """Certificates, one in a hundred revoked; as many revocations and items of a list."""
    with store.write() as session:
        zone = session.zones.all()[0]
        authority = Authority(
            id=_id("authority"),
            account_id=zone.account_id,
            zone_id=zone.id,
            name="devices",
            kind=AuthorityKind.MANAGED,
            created_at=0.0,
            modified_at=0.0,
        )
        session.authorities.add(authority)
    fill_authority(store, authority, certificates)
    with store.write() as session:
        session.lists.add(
            List(
                id=_id("list"),
                account_id=zone.account_id,
                zone_id=None,
                name="serials",
                kind="string",
                description="",
                items=0,
                revision=0,
                created_at=0.0,
                modified_at=0.0,
            )
        )
        for rows in _parts(_items(certificates)):
            session._connection.execute(list_items.insert(), rows)
        session._connection.execute(lists.update().values(items=certificates))


def fill_authority(store: Store, authority: Authority, certificates: int) -> None:
    """Certificates of an authority, one in a hundred revoked, and as many revocations."""
    with store.read() as session:
        zone = session.zones.all()[0]
    dice = random.Random(7)
    for start in range(0, certificates, _ROWS):
        with store.write() as session:
            rows = [
                _row(zone.id, authority.id, number, dice)
                for number in range(start, min(start + _ROWS, certificates))
            ]
            session._connection.execute(client_certificates.insert(), rows)
    for start in range(0, certificates, _ROWS):
        numbers = range(start, min(start + _ROWS, certificates))
        with store.write() as session:
            session._connection.execute(
                revocations.insert(),
                [
                    {
                        "authority_id": authority.id,
                        "serial": f"{dice.getrandbits(159):X}",
                        "revoked_at": 1.0,
                        "reason": "unspecified",
                        "revision": session.revision,
                    }
                    for _ in numbers
                ],
            )
    with store.write() as session:
        recount(session._connection)
        session._connection.execute(
            revocation_counts.insert(),
            [{"authority_id": authority.id, "revocations": certificates}],
        )


def made_up(zone_id: str, authority_id: str, serial: int, label: str = "") -> ClientCertificate:
    """A certificate that nobody signed."""
    name = _id(str(serial))
    return ClientCertificate(
        id=name,
        zone_id=zone_id,
        authority_id=authority_id,
        serial=f"{serial:X}",
        fingerprint_sha256=hashlib.sha256(name.encode()).hexdigest(),
        ski=name + name[:8],
        der=name.encode() * 20,
        csr=name * 16,
        label=label or "device new",
        common_name=f"{name[:12]}.devices.example",
        country="DE",
        state="",
        location="",
        organization="Example Manufacturing",
        organizational_unit="Devices",
        signature="ECDSAWithSHA256",
        status=CertificateStatus.ACTIVE,
        validity_days=365,
        issued_at=0.0,
        expires_at=(serial % 365) * 86_400.0,
    )


def _row(zone_id: str, authority_id: str, number: int, dice: random.Random) -> dict[str, Any]:
    label = f"device {number:07} {_SITES[number % len(_SITES)]}"
    made = made_up(zone_id, authority_id, dice.getrandbits(159), label)
    row = values_of(made, but=("number",)) | {"words": words_of(made)}
    if number % 100 == 99:
        row |= {
            "status": "revoked",
            "revoked_at": 1.0,
            "reason": "unspecified",
            "words": row["words"].replace("active", "revoked"),
        }
    return row


def _items(many: int) -> Iterator[dict[str, Any]]:
    for number in range(many):
        yield {
            "id": _id(f"item {number}"),
            "list_id": _id("list"),
            "value": f"{number:040X}",
            "comment": "",
            "created_at": 0.0,
            "modified_at": 0.0,
        }


def _parts(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while part := list(itertools.islice(rows, _ROWS)):
        yield part


def _id(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def _timed(question: Callable[[], object]) -> float:
    begun = time.perf_counter()
    question()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
