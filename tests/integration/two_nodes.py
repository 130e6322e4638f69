# SPDX-License-Identifier: Apache-2.0
"""Two nodes on one PostgreSQL under load, while each of them and the database are killed in turn.

One thread changes over the API of either node: revocations, restorations, and a rule against a
path, which comes and goes. Askers send checks to a node and, when it does not answer, to the other
one, as Envoy does with two healthy endpoints. Nothing is judged before the end: what was
acknowledged when, what was dead when, and what each check was answered are written down, and then
compared (`killing` has the words for that).
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import psutil

from authz.demo.api_client import Api
from authz.errors import DemoError, StoreUnavailableError
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.records import CertificateStatus, serial_text
from tests.factories.checks import check_request
from tests.factories.pki import url_encoded
from tests.factories.populated import HOST, check_of
from tests.integration.harness import PATIENCE, eventually
from tests.integration.holding import Holding
from tests.integration.killing import History, Outage
from tests.integration.stores import ALLOWED, DENIED, Asker, StoreNode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from authz.services.issuance import Issued
    from tests.factories.populated import World
    from tests.factories.postgres import Server

#: From a commit to the enforcement on a node that can reach the database.
GRACE_SECONDS: Final = 2.0
#: For how long a request may go unanswered while one node lives: a try at each of them.
DEADLINE_SECONDS: Final = 2.0
_TRY_SECONDS: Final = 0.9
_API_SECONDS: Final = 150.0
_SLOW_SECONDS: Final = 5.0
NAMES: Final = ("A", "B")
_PATH: Final = "/closed"
_RULE: Final = "closed by the drill"


@dataclass(frozen=True, slots=True)
class Answer:
    """One check: of what, who answered, when, and what; `node` None: nobody did."""

    what: str
    node: int | None
    sent: float
    done: float
    code: int


@dataclass
class Report:
    """What was tried and what came of it."""

    seconds: float = 0.0
    changes: int = 0
    unacknowledged: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    at_the_other: int = 0
    wrong: list[str] = field(default_factory=list)
    #: By how much the latest of them was too late, in seconds; infinite: it was true at no time.
    latest: float = 0.0
    unanswered: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    holding: Holding = field(default_factory=Holding)
    take_overs: int = 0

    def table(self) -> str:
        """For people."""
        rows = [
            ("changes acknowledged", self.changes - self.unacknowledged),
            ("changes without an answer", self.unacknowledged),
            *((f"killed: {what}", count) for what, count in sorted(self.kills.items())),
            ("checks answered", self.answered),
            ("  of these by the second node asked", self.at_the_other),
            ("checks answered wrongly", len(self.wrong)),
            *([("  s too late, the latest of them", f"{self.latest:.3f}")] * bool(self.wrong)),
            ("checks that nobody answered in time", len(self.unanswered)),
            ("changes lost or half applied", len(self.lost)),
            ("lease terms", self.take_overs),
            ("most memory of a process, MB", round(self.holding.most_memory())),
            ("most descriptors of a process", self.holding.most_descriptors()),
        ]
        title = f"two nodes, {self.seconds:.0f} s"
        return "\n".join([f"\n{title}", *(f"  {name:42}{count:>8}" for name, count in rows)])


class TwoNodes:
    """One drill. `directory` is short: Unix sockets are below it."""

    def __init__(self, directory: Path, world: World, server: Server, database: str) -> None:
        self.report = Report()
        self._directory = directory
        self._world = world
        self._server = server
        self._database = database
        self._random = random.Random(20261127)
        self._nodes: list[StoreNode | None] = [None, None]
        self._apis: list[Api | None] = [None, None]
        self._over = threading.Event()
        self._asked: list[list[Answer]] = []
        self._outages: list[Outage] = []
        self._changing = [world.issue(f"changing {number}") for number in range(4)]
        self._never = world.issue("never")
        self._always = world.issue("always")
        world.revoke(self._always)
        begin = float("-inf")
        self._histories = {
            **{
                one.certificate.id: History([(begin, frozenset({ALLOWED}))])
                for one in [*self._changing, self._never]
            },
            self._always.certificate.id: History([(begin, frozenset({DENIED}))]),
            _RULE: History([(begin, frozenset({ALLOWED}))]),
        }
        with world.store.read() as session:
            self._zone = session.zones.all()[0].id
        self._token = directory / "token"
        made = create_token(world.store, "drill", EVERYTHING, actor="drill", at=time.time())
        self._token.write_text(made.secret, encoding="ascii")

    def run(self, seconds: float, askers: int = 2) -> Report:
        """Go on for so long, and judge."""
        for number in range(2):
            self._start(number)
        # The API gives way to checks: on a busy machine it takes its time, once. Later, a call that
        # comes too early is one without an answer.
        limit = time.monotonic() + _API_SECONDS
        while not (self._takes_calls(0) and self._takes_calls(1)):
            assert time.monotonic() < limit, "the API does not answer"
            time.sleep(0.2)
        self._ruleset = self._found_ruleset()
        threads = [
            threading.Thread(target=self._ask, args=(number,), name=f"ask {number}")
            for number in range(askers)
        ]
        threads.append(threading.Thread(target=self._change, name="change"))
        self._asked = [[] for _ in range(askers)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        try:
            victims = ["A", "B", "PostgreSQL"]
            number = 0
            while time.monotonic() - began < seconds or number < len(victims):
                self._over.wait(self._random.uniform(1.0, 4.0))
                self._kill(victims[number % len(victims)])
                number += 1
            self._over.set()
            for thread in threads:
                thread.join()
            self._settle()
            self._weigh()
            self.report.seconds = time.monotonic() - began
            self._judge()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            for node in self._nodes:
                if node is not None:
                    node.destroy()
        return self.report

    # --- the nodes -------------------------------------------------------------------------------

    def _socket(self, number: int) -> str:
        return f"unix:{self._directory}/{NAMES[number]}"

    def _start(self, number: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            admin = f"127.0.0.1:{free.getsockname()[1]}"
        node = StoreNode(
            self._directory / f"node{NAMES[number]}",
            *("--grpc", self._socket(number), "--admin", admin),
            database=self._database,
        )
        self._nodes[number] = node
        node.until_serving()
        self._apis[number] = Api(address=admin, token_file=self._token)
        eventually(lambda: self._is_ready(number), f"it follows the store\n{node.log}")

    def _is_ready(self, number: int) -> bool:
        node = self._nodes[number]
        assert node is not None
        return node.get("/readyz") == (200, "ready\n")

    def _takes_calls(self, number: int) -> bool:
        api = self._apis[number]
        assert api is not None
        try:
            return api.call("GET", f"/zones/{self._zone}").status == 200
        except DemoError:
            return False

    def _kill(self, victim: str) -> None:
        self.report.kills[victim] += 1
        self._weigh()
        outage = Outage(victim, time.monotonic())
        self._outages.append(outage)
        if victim == "PostgreSQL":
            self._server.kill()
            self._over.wait(self._random.uniform(0.2, 1.5))
            self._server.restart_killed()
            for number in range(2):
                eventually(lambda n=number: self._is_ready(n), "it follows the store again")  # type: ignore[misc]  # the loop's
        else:
            number = NAMES.index(victim)
            outage.worker = number
            node = self._nodes[number]
            assert node is not None
            left = node.children()
            node.destroy()
            # Whoever is left answers what he was asked, and ends: the socket is free again then.
            assert not psutil.wait_procs(left, timeout=PATIENCE)[1]
            self._over.wait(self._random.uniform(0.0, 1.0))
            self._start(number)
        outage.until = time.monotonic()

    def _weigh(self) -> None:
        """What the processes of each node hold, at the end of this part of its life."""
        for node in self._nodes:
            if node is not None:
                self.report.holding.look(node)

    # --- changing --------------------------------------------------------------------------------

    def _change(self) -> None:
        dice = random.Random(7)
        while not self._over.wait(dice.uniform(0.02, 0.2)):
            self.report.changes += 1
            if dice.random() < 0.25:
                self._change_rule(dice)
            else:
                self._change_certificate(dice.choice(self._changing), dice)

    def _change_certificate(self, issued: Issued, dice: random.Random) -> None:
        key = issued.certificate.id
        path = f"/zones/{self._zone}/client_certificates/{key}"
        if self._last(key) == DENIED:
            done = self._tracked(key, ALLOWED, dice, "PATCH", path, {"reactivate": True})
        else:
            done = self._tracked(key, DENIED, dice, "DELETE", path, None)
        if not done:
            self._note(key, DENIED if self._known(lambda: self._stored(issued)) else ALLOWED)

    def _change_rule(self, dice: random.Random) -> None:
        rules = f"/zones/{self._zone}/rulesets/{self._ruleset}/rules"
        if self._last(_RULE) == DENIED:
            rule = self._known(self._rule)
            assert rule is not None
            done = self._tracked(_RULE, ALLOWED, dice, "DELETE", f"{rules}/{rule}", None)
        else:
            body = {
                "action": "block",
                "description": _RULE,
                "expression": f'http.request.uri.path eq "{_PATH}"',
            }
            done = self._tracked(_RULE, DENIED, dice, "POST", rules, body)
        if not done:
            self._note(_RULE, DENIED if self._known(self._rule) else ALLOWED)

    def _tracked(
        self, key: str, after: int, dice: random.Random, method: str, path: str, body: Any
    ) -> bool:
        """Make a call to either node; whether it was acknowledged, and then what holds."""
        self._histories[key].moments.append((time.monotonic(), frozenset({ALLOWED, DENIED})))
        api = self._apis[dice.randrange(2)]
        assert api is not None
        try:
            answer = api.call(method, path, body)
        except DemoError:
            answer = None
        if answer is not None and answer.status == 200:
            self._note(key, after)
            return True
        self.report.unacknowledged += 1
        if time.monotonic() - self._histories[key].moments[-1][0] > _SLOW_SECONDS:
            # Nobody hung up: what was begun there may be committed yet.
            self._over.wait(_SLOW_SECONDS)
        return False

    def _note(self, key: str, code: int) -> None:
        self._histories[key].moments.append((time.monotonic(), frozenset({code})))

    def _last(self, key: str) -> int:
        (code,) = self._histories[key].moments[-1][1]
        return code

    def _known(self, ask: Callable[[], Any]) -> Any:
        """What the store says, once it can be asked."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except (StoreUnavailableError, DemoError):
                assert time.monotonic() < limit, "the store does not come back"
                time.sleep(0.05)

    def _stored(self, issued: Issued) -> bool:
        """Whether a certificate is revoked; in every place or in none."""
        with self._world.store.read() as session:
            found = session.certificates.get(issued.certificate.id)
            assert found is not None
            serial = serial_text(int(found.serial, 16))
            listed = session.revocations.get(found.authority_id, serial) is not None
            if listed is not (found.status is CertificateStatus.REVOKED):
                self.report.lost.append(f"{found.label}: half applied")
            return listed

    def _found_ruleset(self) -> str:
        with self._world.store.read() as session:
            found = session.rulesets.entry_point(self._zone, "http_request_firewall_custom")
        assert found is not None
        return found.id

    def _rule(self) -> str | None:
        """The identifier of the rule that comes and goes; None while it is gone."""
        with self._world.store.read() as session:
            ruleset = session.rulesets.get(self._ruleset)
            assert ruleset is not None
            version = session.rulesets.version(ruleset.id, ruleset.version)
        assert version is not None
        found = [one["id"] for one in version.rules if one.get("description") == _RULE]
        if len(found) > 1:
            self.report.lost.append(f"{len(found)} rules of one change")
        return found[0] if found else None

    # --- asking ----------------------------------------------------------------------------------

    def _requests(self) -> list[tuple[str, bytes]]:
        everybody = [*self._changing, self._never, self._always]
        pem = url_encoded(self._never.bundle)
        closed = check_request(host=HOST, sni=HOST, path=_PATH, certificate=pem)
        return [
            *((one.certificate.id, check_of(one)) for one in everybody),
            (_RULE, closed.SerializeToString()),
        ]

    def _ask(self, number: int) -> None:
        dice = random.Random(number)
        askers = [Asker(self._socket(index)) for index in range(2)]
        requests = self._requests()
        while not self._over.is_set():
            what, request = dice.choice(requests)
            first = dice.randrange(2)
            sent = time.monotonic()
            answered = None
            for node in (first, 1 - first):
                began = time.monotonic()
                code = _answer(askers[node], request)
                if code is not None:
                    answered = Answer(what, node, began, time.monotonic(), code)
                    self.report.at_the_other += node != first
                    break
            now = time.monotonic()
            if answered is None or now - sent > DEADLINE_SECONDS:
                self._asked[number].append(Answer(what, None, sent, now, -1))
            if answered is not None:
                self._asked[number].append(answered)
            self._over.wait(0.002)
        for asker in askers:
            asker.close()

    # --- judging ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until both answer as the last changes left it."""
        for number in range(2):
            asker = Asker(self._socket(number))
            for what, request in self._requests():
                asker.seconds_until(request, self._last(what), 20.0)
            asker.close()
        node = self._nodes[0]
        assert node is not None
        self.report.take_overs = int(node.metric("authz_lease_term", role="fetch"))

    def _judge(self) -> None:
        report = self.report
        for one in [*self._changing, self._never, self._always]:
            if self._stored(one) is not (self._last(one.certificate.id) == DENIED):
                report.lost.append(f"{one.certificate.label}: not what was acknowledged last")
        if (self._rule() is not None) is not (self._last(_RULE) == DENIED):
            report.lost.append("the rule: not what was acknowledged last")
        for answer in (one for asked in self._asked for one in asked):
            if answer.node is None:
                report.unanswered.append(self._told(answer))
                continue
            report.answered += 1
            history = self._histories[answer.what]
            since = self._since(answer)
            if answer.code not in history.between(since, answer.done):
                report.wrong.append(self._told(answer))
                late = since - history.held_until(answer.code, answer.done)
                report.latest = max(report.latest, late)

    def _since(self, answer: Answer) -> float:
        """The earliest moment whose state may still be answered by: that node was cut off from the
        database since, or had just begun."""
        since = answer.sent - GRACE_SECONDS
        for outage in reversed(self._outages):
            concerns = outage.what == "PostgreSQL" or outage.worker == answer.node
            if concerns and outage.since <= answer.done and outage.until >= since:
                since = min(since, outage.since - GRACE_SECONDS)
        return since

    def _told(self, answer: Answer) -> str:
        near: Sequence[str] = [
            f"{one.what} {one.since - answer.sent:+.2f}…{one.until - answer.sent:+.2f}"
            for one in self._outages
            if abs(one.since - answer.sent) < 10
        ]
        moments = [
            f"{at - answer.sent:+.3f}: {sorted(codes)}"
            for at, codes in self._histories[answer.what].moments
            if abs(at - answer.sent) < 5
        ]
        return (
            f"node {answer.node} answered {answer.code} after {answer.done - answer.sent:.3f} s; "
            f"it was {moments}; killed {near}"
        )


def _answer(asker: Asker, request: bytes) -> int | None:
    try:
        data = asker._check(request, timeout=_TRY_SECONDS, wait_for_ready=False)
    except grpc.RpcError:
        return None
    return int(CheckResponse.FromString(data).status.code)
