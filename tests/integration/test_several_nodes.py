# SPDX-License-Identifier: Apache-2.0
"""Several real nodes on one PostgreSQL: who fetches for all, and what becomes of it when the leader
is killed, stopped, or cut off from the database."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from typer.testing import CliRunner

from authz.certs.pem import write_pem
from authz.cli.main import app
from authz.store.engine import open_store
from authz.store.shared_fetches import key_of
from benchmarks.nodes import LIMIT_SECONDS, measure
from tests.attack.report import scenario
from tests.factories.http_server import serving
from tests.integration.harness import Client, eventually
from tests.integration.members import Member
from tests.integration.test_fetching import OK, REVOKED, RULES, UNVERIFIED, Issuer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.certs.certificate import Certificate
    from tests.factories.postgres import Server

pytestmark = pytest.mark.postgres


class Pair:
    """Two nodes on one database that trust an authority of somebody else's."""

    def __init__(self, directory: Path, database: str, issuer: Issuer, **sources: str) -> None:
        self.directory = directory
        self.database = database
        self.issuer = issuer
        self.members: list[Member] = []
        self.clients: dict[int, Client] = {}
        (directory / "ca.pem").write_text(write_pem(issuer.ca.certificate.der, "CERTIFICATE"))
        (directory / "rules.yaml").write_text(f"sites:\n  - name: api\n    hosts: ['*']\n{RULES}")
        options = [word for name, value in sources.items() for word in (f"--{name}", value)]
        self.command("ca", "upload", str(directory / "ca.pem"), "--name", "acme")
        self.command("ca", "sources", "acme", *options)
        self.command("policy", "apply", str(directory / "rules.yaml"))
        self.command("host", "add", "api.example.com", "--ca", "acme")

    def command(self, *words: str) -> None:
        options = ["--database", self.database, "--data-dir", str(self.directory / "cli")]
        done = CliRunner().invoke(app, [*words, *options])
        assert done.exit_code == 0, done.output

    def start(self) -> Member:
        directory = self.directory / f"node{len(self.members)}"
        fetch = {"allowed_hosts": ["127.0.0.1"]}
        member = Member(directory, self.database, fetch=fetch)
        self.members.append(member)
        member.until_serving()
        return member

    def state(self, member: Member, certificate: Certificate) -> int:
        return member.state(self._client(member), certificate)

    def becomes(self, member: Member, certificate: Certificate, status: int) -> None:
        member.becomes(self._client(member), certificate, status)

    def _client(self, member: Member) -> Client:
        if id(member) not in self.clients:
            self.clients[id(member)] = Client(member.addresses[0])
        return self.clients[id(member)]

    def end(self) -> None:
        for client in self.clients.values():
            client.close()
        for member in self.members:
            member.destroy()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    one = Issuer()
    with serving(one.answer) as server:
        one.server = server
        yield one


@pytest.fixture
def on_postgresql(postgres: Server) -> Iterator[str]:
    name = postgres.new_database()
    yield postgres.address(name)
    postgres.drop(name)


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    made: list[Pair] = []
    yield made
    for one in made:
        one.end()


@pytest.mark.attack
@scenario("nodes", "a leader that is stopped, and one that is killed")
def test_one_fetches_for_both_and_the_other_takes_over(
    tmp_path: Path, on_postgresql: str, issuer: Issuer, pairs: list[Pair]
) -> None:
    alice, bob = issuer.client("alice"), issuer.client("bob")
    issuer.revoke(alice)
    url = issuer.server.url("/ca.crl")
    pair = Pair(tmp_path, on_postgresql, issuer, crl=url)
    pairs.append(pair)

    first, second = pair.start(), pair.start()
    eventually(lambda: first.leads() is not second.leads(), "one of them leads")
    for member in (first, second):
        pair.becomes(member, alice, REVOKED)
        assert pair.state(member, bob) == OK

    # One question, and both have the same bytes.
    assert len(issuer.asked("/ca.crl")) == 1
    assert first.fetched(url) == second.fetched(url)
    assert first.metric("authz_fetch_success_timestamp_seconds", authority="acme") > 0
    assert second.metric("authz_fetch_success_timestamp_seconds", authority="acme") > 0

    # The leader is stopped: the other takes over, asks when it is due, and the one that goes on
    # overwrites nothing.
    leader, other = (first, second) if first.leads() else (second, first)
    term = other.term()
    leader.signal_control(signal.SIGSTOP)
    eventually(other.leads, f"the other one leads\n{other.log}")
    assert other.term() == term + 1
    leader.signal_control(signal.SIGCONT)
    eventually(lambda: leader.term() == term + 1, f"it sees that\n{leader.log}")
    assert not leader.leads()

    # Killed with everything: the first one takes over again, and nothing was asked meanwhile.
    other.supervise_and_kill()
    eventually(leader.leads, f"it leads again\n{leader.log}")
    assert leader.term() == term + 2
    assert len(issuer.asked("/ca.crl")) == 1
    assert (pair.state(leader, alice), pair.state(leader, bob)) == (REVOKED, OK)


def test_an_answer_about_a_certificate_that_one_node_saw_is_asked_for_by_the_other(
    tmp_path: Path, on_postgresql: str, issuer: Issuer, pairs: list[Pair]
) -> None:
    alice = issuer.client("alice")
    pair = Pair(tmp_path, on_postgresql, issuer, ocsp="certificate")
    pairs.append(pair)
    first = pair.start()
    eventually(first.leads, "it leads")
    second = pair.start()

    assert pair.state(second, alice) == UNVERIFIED
    pair.becomes(second, alice, OK)
    pair.becomes(first, alice, OK)
    assert first.leads()
    assert len(issuer.asked("/ocsp")) == 1


@pytest.mark.attack
@scenario("nodes", "nobody can lead")
def test_that_nobody_can_lead_is_over_without_a_hand(tmp_path: Path, on_postgresql: str) -> None:
    """Who led is gone, and the database's clock was put back by an hour."""
    member = Member(tmp_path / "node", on_postgresql)

    def vacant() -> float:
        return member.metric("authz_lease_vacant_seconds", role="fetch")

    try:
        member.until_serving()
        eventually(member.leads, "it leads")
        assert vacant() == 0
        with psycopg.connect(on_postgresql, autocommit=True) as connection:
            (before,) = (
                connection.execute("SELECT term FROM leases WHERE name = 'fetch'").fetchone() or ()
            )
            connection.execute("UPDATE leases SET holder = 'gone', expires_at = expires_at + 3600")

            def taken() -> bool:
                row = connection.execute(
                    "SELECT holder, term FROM leases WHERE name = 'fetch'"
                ).fetchone()
                return row is not None and row[0] != "gone" and row[1] == before + 1

            eventually(taken, "it is taken, with the next term")
        eventually(member.leads, "it leads again")
        eventually(lambda: vacant() == 0, "nothing is vacant")
        assert member.metric("authz_store_up") == 1
    finally:
        member.destroy()


@pytest.mark.attack
@scenario("nodes", "a CRL that somebody wrote into the database")
def test_what_somebody_wrote_into_the_database_is_verified(
    tmp_path: Path, on_postgresql: str, issuer: Issuer, pairs: list[Pair]
) -> None:
    """Who can write there cannot make up a CRL: a node takes what its authority has signed."""
    alice = issuer.client("alice")
    url = issuer.server.url("/ca.crl")
    pair = Pair(tmp_path, on_postgresql, issuer, crl=url)
    pairs.append(pair)
    first = pair.start()
    pair.becomes(first, alice, OK)
    good = first.fetched(url)
    forger = Issuer()
    forger.server = issuer.server
    forged = _crl_of(forger, alice)

    store = open_store(on_postgresql, tmp_path)
    with store.note() as session:
        lease = session.leases.get("fetch")
        assert lease is not None
        version = session.leases.next_version("fetch", lease.holder, lease.term)
        assert version is not None
        found = session.shared_fetches.get(key_of(url))
        assert found is not None
        session.shared_fetches.put(
            type(found)(
                key=found.key,
                version=version,
                sha256=key_of(forged),
                body=forged,
                etag="",
                last_modified="",
            )
        )
    store.close()

    second = pair.start()
    # Before or after it serves, so that the line may be one that was read past already.
    eventually(
        lambda: bool(second.events("cannot be fetched; the last good one stays")),
        "the forged one is refused",
    )
    eventually(
        lambda: first.metric("authz_fetch_failures_total", authority="acme") >= 1, "it is counted"
    )
    assert first.fetched(url) == good
    assert pair.state(first, alice) == OK


def test_a_change_counts_on_the_last_of_three_nodes_in_time(postgres: Server) -> None:
    """The 99th percentile of many is `make bench-nodes`; here half of a few, on a busy machine."""
    result = measure(postgres, 3, 6, 0.5)

    assert result.p50 <= 1000 * LIMIT_SECONDS
    assert result.worst >= result.p50 > 0
    assert result.connections >= 2
    assert result.snapshot_bytes > 0


def _crl_of(issuer: Issuer, certificate: Certificate) -> bytes:
    issuer.revoke(certificate)

    class Asked:
        target = "/ca.crl"
        headers: dict[str, Any] = {}  # noqa: RUF012 - of one question

    head, _, body = issuer.answer(Asked()).partition(b"\r\n\r\n")  # type: ignore[arg-type]  # what it reads
    assert head
    return body
