# SPDX-License-Identifier: Apache-2.0
"""Two real nodes on one PostgreSQL; the clock of the one that leads jumps while everything runs.

All of its processes jump at one moment: supervisor, workers, control process, API. Both nodes are
asked all the while, and each answer has to be that of the time at which it was given. Jumps of
nothing but a service: tests/attack/test_clock_jumps.py.
"""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
import pytest

from authz.certs.certificate import Certificate
from authz.certs.crl import read_crl
from authz.certs.pem import write_pem
from authz.demo.api_client import Api
from authz.node.control.leadership import FETCH, SIGN, SKEW_SECONDS
from authz.node.pulse import PULSE_SECONDS
from authz.services.crls import sign_crl
from authz.services.permissions import EVERYTHING
from authz.services.publication import AHEAD_SECONDS
from authz.services.sign_ins import Browser, SessionTimes, sign_in
from authz.services.tokens import create_token
from tests.attack.report import tried
from tests.factories.faketime import JumpingClock
from tests.factories.populated import check_of
from tests.integration.harness import eventually
from tests.integration.members import Member
from tests.integration.stores import ALLOWED, DENIED, Asker, world_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.services.issuance import Issued
    from authz.services.tokens import MadeToken
    from tests.factories.populated import World
    from tests.factories.postgres import Server

pytestmark = [pytest.mark.postgres, pytest.mark.attack]

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
#: Where the clock is set to, one after the other, as far from the true time. `make test`: beyond
#: the life of a certificate, and right again.
FEW: Final = (2 * DAY, 0.0)
MANY: Final = (
    *(240.0, 0.0, -240.0, 0.0),
    *(2 * HOUR, 0.0, -2 * HOUR, 0.0),
    *(2 * DAY, 0.0, -2 * DAY, 0.0),
    *(400 * DAY, 0.0, -30 * DAY, 400 * DAY, -2 * HOUR, 0.0),
)
#: From the answer of the API to what both nodes answer; on a busy machine half of some.
LIMIT_SECONDS: Final = 2.0
#: Envoy waits half a second; here a busy machine is no error.
ANSWER_SECONDS: Final = 5.0
#: How long the clock stays as it is: the supervisor has asked for signs of life, and nodes have
#: looked who leads.
STAY_SECONDS: Final = PULSE_SECONDS + 0.5
SKEW: Final = "authz_store_clock_skew_seconds"
#: Of a host that the policy file protects, by an authority with a CRL.
LISTED: Final = "listed.example.com"
POLICY: Final = """\
sites:
  - name: listed
    hosts: [listed.example.com]
    trust:
      - {{name: listed, certificates: [{ca}], crls: [{crl}], revocation: strict}}
    rules:
      - {{ref: mtls, expression: not cf.tls_client_auth.cert_verified, action: block}}
"""
TIMES: Final = SessionTimes()


class Span(NamedTuple):
    """Somebody whom a node lets in between two moments by its clock."""

    request: bytes
    since: float
    until: float

    def code(self, at: float) -> int:
        """What a check is answered at a moment."""
        return ALLOWED if self.since <= at < self.until else DENIED


class Answer(NamedTuple):
    """A check: when it was sent and done by a monotonic clock; code None: there was no answer."""

    who: str
    sent: float
    done: float
    code: int | None


class Jumping:
    """The two nodes, the one whose clock jumps first, and whom they are asked about."""

    def __init__(self, directory: Path, database: str) -> None:
        self.now = now = time.time()
        # Made long ago: there by every clock.
        self.world: World = world_of(database, directory / "world", lambda: now - 60 * DAY)
        alice = self.world.issue("alice", days=3650)
        self.changing = self.world.issue("changing", days=3650)
        mallory = self.world.issue("mallory", days=3650)
        self.world.revoke(mallory)
        short = self._from("short", now - DAY / 2, days=1)
        begun = self._from("begun", now - HOUR, days=3650)
        self.world.clock = lambda: now - 60 * DAY
        authority = self.world.ca("listed").certificates[0]
        listed = self.world.issue("listed", "listed", days=3650)
        crl = sign_crl(
            self.world.store,
            "listed",
            hours=21 * 24,
            encryption=self.world.encryption,
            actor="drill",
            at=now - 20 * DAY,
        )
        (directory / "ca.pem").write_text(write_pem(authority.der, "CERTIFICATE"))
        (directory / "listed.crl").write_bytes(crl.body)
        (directory / "wrong").mkdir()
        policy = POLICY.format(ca=directory / "ca.pem", crl=directory / "listed.crl")
        ever = now - 60 * DAY, now + 3000 * DAY
        self.asked = {
            "alice": Span(check_of(alice), *ever),
            "revoked": Span(check_of(mallory), now, now),
            "short": Span(check_of(short), *_life(short)),
            "begun": Span(check_of(begun), *_life(begun)),
            "listed": Span(check_of(listed, LISTED), crl.this_update, crl.next_update),
        }
        with self.world.store.read() as session:
            self.zone = session.zones.all()[0].id
            acme = next(one for one in session.authorities.all() if one.name == "Acme")
            self.issuer = session.authorities.certificates(acme.id)[0]
        key = directory / "key"
        key.write_bytes(bytes(range(32)))
        key.chmod(0o600)
        self.token = directory / "token"
        self.token.write_text(self.make_token("ever", now).secret, encoding="ascii")
        settings = {
            "publication": {"listen": "127.0.0.1:0"},
            "keys": {"key_file": str(key)},
            "policy": str(directory / "policy.yaml"),
        }
        (directory / "policy.yaml").write_text(policy)
        self.clock = JumpingClock(directory / "clock")
        self.wrong = Member(
            directory / "wrong",
            database,
            *("--admin", "127.0.0.1:0", "--workers", "2"),
            environment=self.clock.environment,
            **settings,
        )
        self.wrong.until_serving()
        eventually(lambda: self.wrong.leads(FETCH) and self.wrong.leads(SIGN), "it leads")
        self.right = Member(directory / "right", database, "--admin", "127.0.0.1:0", **settings)
        self.right.until_serving()

    def make_token(self, name: str, at: float, expires_at: float | None = None) -> MadeToken:
        """A token of everything."""
        return create_token(
            self.world.store, name, EVERYTHING, actor="drill", at=at, expires_at=expires_at
        )

    def _from(self, name: str, begins: float, days: int) -> Issued:
        # What is issued is dated back by some minutes.
        self.world.clock = lambda: begins
        return self.world.issue(name, days=days)

    def status_of_call(self, token: str) -> int:
        """What the API of the node whose clock jumps answers this token."""
        api = Api(address=self.wrong.address("admin"), token_file=self.token)
        return api.call("GET", "/user/tokens/verify", token=token).status

    def is_signed_in(self, secret: str) -> bool:
        """Whether the dashboard of that node shows a page to the browser with this session."""
        connection = http.client.HTTPConnection(self.wrong.address("admin"), timeout=60)
        connection.request("GET", "/sessions", headers={"Cookie": f"authz-session={secret}"})
        response = connection.getresponse()
        response.read()
        connection.close()
        assert response.status in {200, 303}, response.status
        return response.status == 200

    def served_crl(self) -> tuple[float, float, int]:
        """thisUpdate, nextUpdate and number of the CRL that it publishes; zeros while none is."""
        connection = http.client.HTTPConnection(self.wrong.address("publication"), timeout=60)
        connection.request("GET", f"/crl/{self.issuer.id}.crl")
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            return 0.0, 0.0, 0
        crl = read_crl(body, [Certificate.from_der(self.issuer.der)], where="served")
        return crl.this_update, crl.next_update, int.from_bytes(crl.number or b"")

    def processes(self) -> set[int]:
        """Those of the node whose clock jumps."""
        return {one.pid for one in self.wrong.children()}

    def close(self) -> None:
        for one in (self.wrong, self.right):
            one.destroy()
        self.world.store.close()


def _life(issued: Issued) -> tuple[float, float]:
    certificate = Certificate.from_der(issued.certificate.der)
    return certificate.not_before_at, certificate.not_after_at + 1


class Asking:
    """Asks a node about everybody without a pause, in a thread of its own."""

    def __init__(self, node: Member, asked: dict[str, Span]) -> None:
        self.answers: list[Answer] = []
        self._asked = asked
        self._asker = Asker(node.addresses[0])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            for who, one in self._asked.items():
                sent = time.monotonic()
                try:
                    code: int | None = self._asker.ask(one.request, wait_for_ready=False)
                except grpc.RpcError:
                    code = None
                self.answers.append(Answer(who, sent, time.monotonic(), code))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._asker.close()


@pytest.fixture
def jumping(tmp_path: Path, postgres: Server) -> Iterator[Jumping]:
    name = postgres.new_database()
    with closing(Jumping(tmp_path, postgres.address(name))) as made:
        yield made
    postgres.drop(name)


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param(FEW, id="far and back"),
        pytest.param(MANY, id="minutes to a year", marks=pytest.mark.acceptance),
    ],
)
def test_the_clock_of_the_node_that_leads_jumps(
    jumping: Jumping, asker: Callable[[str], Asker], jumps: tuple[float, ...]
) -> None:
    wrong, right, clock = jumping.wrong, jumping.right, jumping.clock
    askers = [asker(one.addresses[0]) for one in (wrong, right)]
    for one in askers:
        for span in jumping.asked.values():
            one.seconds_until(span.request, span.code(jumping.now))
    before = jumping.processes()
    short_token = jumping.make_token("short", jumping.now, jumping.now + DAY).secret
    seconds: list[float] = []
    # Each jump, from before to after it, by our monotonic clock, and where to.
    moves = [(0.0, 0.0, 0.0)]
    with closing(Asking(wrong, jumping.asked)) as one, closing(Asking(right, jumping.asked)) as two:
        for off in jumps:
            session = _session(jumping, jumping.now + clock.off)
            assert jumping.is_signed_in(session)
            number = jumping.served_crl()[2]
            far = abs(off - clock.off) >= TIMES.idle
            back = off < clock.off - AHEAD_SECONDS
            jumped = time.monotonic()
            clock.set(off)
            moves.append((jumped, time.monotonic(), off))

            # (1) The API: a token counts between its moments, a session does not live on.
            assert jumping.status_of_call(short_token) == (200 if off < DAY else 401)
            assert jumping.is_signed_in(session) is not far

            # (2) What is published is in force, by the time that it is now.
            eventually(lambda: _is_in_force(jumping), f"a CRL that is in force\n{wrong.log}")
            assert not back or jumping.served_crl()[2] > number

            # (3) A revocation counts on both in time, and so does its end.
            path = f"/zones/{jumping.zone}/client_certificates/{jumping.changing.certificate.id}"
            for revoked in (True, False):
                wrong.change(jumping.token, path, revoked=revoked)
                began = time.monotonic()
                for by in askers:
                    by.seconds_until(check_of(jumping.changing), DENIED if revoked else ALLOWED)
                seconds.append(time.monotonic() - began)

            # (4) It leads, it alone and without a break; it says how wrong its clock is.
            while time.monotonic() < jumped + STAY_SECONDS:
                assert (wrong.leads(), right.leads()) == (True, False)
            eventually(lambda: abs(wrong.metric(SKEW) - clock.off) < SKEW_SECONDS, wrong.log)
            assert _negative(wrong) <= {SKEW}
            assert _negative(right) <= {SKEW}
    answers = [(one.answers, moves), (two.answers, moves[:1])]
    wrong_ones = [
        answer
        for given, known in answers
        for answer in given
        if answer.code is not None and answer.code not in _right(jumping, answer, known)
    ]
    late = [
        answer
        for given, _ in answers
        for answer in given
        if answer.code is None or answer.done - answer.sent > ANSWER_SECONDS
    ]
    tried(
        "nodes",
        "the clock of the node that leads jumps",
        sum(len(given) for given, _ in answers),
        wrong=len(wrong_ones),
        unanswered=len(late),
    )

    assert wrong_ones[:3] == []
    assert late[:3] == []
    seconds.sort()
    assert seconds[len(seconds) // 2] <= LIMIT_SECONDS
    # Nobody was taken for hanging, or ended otherwise.
    assert jumping.processes() == before
    assert wrong.metric("authz_worker_hung_total") == 0
    assert (wrong.term(), right.term()) == (1, 1)


def _session(jumping: Jumping, at: float) -> str:
    """A session that begins now, by the clock of the node: the browser's secret."""
    token = jumping.token.read_text(encoding="ascii")
    browser = Browser(address="127.0.0.1", agent="drill")
    return sign_in(jumping.world.store, token, browser, times=TIMES, at=at).secret


def _is_in_force(jumping: Jumping) -> bool:
    since, until, _ = jumping.served_crl()
    return since - AHEAD_SECONDS <= time.time() + jumping.clock.off < until


def _negative(node: Member) -> set[str]:
    """The metrics of a node that have a sample below zero."""
    samples = [one for one in node.get("/metrics")[1].splitlines() if not one.startswith("#")]
    pairs = [one.rpartition(" ") for one in samples]
    assert pairs
    return {name.partition("{")[0] for name, _, value in pairs if float(value) < 0}


def _right(jumping: Jumping, answer: Answer, moves: list[tuple[float, float, float]]) -> set[int]:
    """What the answer may be: of any time that it was while it was given."""
    apart = time.time() - time.monotonic()
    span = jumping.asked[answer.who]
    found = set()
    for (since, _, off), (_, until, _) in pairwise([*moves, (0.0, float("inf"), 0.0)]):
        if since <= answer.done and until >= answer.sent:
            found |= {span.code(at + apart + off) for at in (answer.sent, answer.done)}
    return found
