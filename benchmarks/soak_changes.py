# SPDX-License-Identifier: Apache-2.0
"""What is changed on a node while it is soaked (soak.py), and which checks show it.

All of it is done over the management API, one call after the other: certificates are revoked and
restored, a rule is changed, hosts come and go, certificates are issued. Besides, the node is told
to reload (SIGHUP) and its metrics are read. Each check of `checks` has a known answer at each
moment.
"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.api_clients import CSR, PREFIX, Target
from benchmarks.figures import BenchError
from tests.factories.checks import check_request
from tests.factories.pki import url_encoded
from tests.factories.populated import HOST
from tests.integration.stores import ALLOWED, DENIED

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from benchmarks.known_answers import KnownAnswers
    from tests.integration.stores import StoreNode

#: google.rpc.Code: UNAUTHENTICATED, no certificate was presented.
NOT_PRESENTED: Final = 16

#: Certificates that are revoked and restored in turn. Each rests for so many seconds between two
#: changes, most of which have only one right answer.
REVOKED_IN_TURN: Final = 8
#: Of the certificates that were issued meanwhile, how many are asked about.
ISSUED_KEPT: Final = 4
#: Paths of which the one rule that is changed blocks one.
MOVING: Final = ("/moving/a", "/moving/b")
#: The case of a check that is always denied.
NO_CERTIFICATE: Final = "no certificate"
#: Where hosts come and go; a rule wants a certificate on each of them.
DOMAIN: Final = "soak.example.com"
#: Of the certificates that the load is sent with, and of the paths that it asks for.
LOAD_CERTIFICATES: Final = 20
LOAD_CHECKS: Final = 2_000

#: What changes are counted as.
KINDS: Final = (
    "revoked",
    "restored",
    "rule changed",
    "host added",
    "host removed",
    "issued",
    "reload",
    "scrape",
)

_PATIENCE: Final = 30.0


class Api:
    """One caller with one connection.

    A call raises BenchError when it is refused, or when no answer came.
    """

    def __init__(self, target: Target) -> None:
        self._token = target.token
        self._connection = http.client.HTTPConnection(target.host, target.port, timeout=_PATIENCE)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The result."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, PREFIX + path, data, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            # The next call opens another one.
            self._connection.close()
            raise BenchError(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.status != 200:
            raise BenchError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)["result"]

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def check(certificate: str | None, *, host: str = HOST, path: str = "/orders?id=7") -> bytes:
    """A check of a request with this certificate (PEM), or without any."""
    pem = "" if certificate is None else url_encoded(certificate)
    return check_request(host=host, sni=host, path=path, certificate=pem).SerializeToString()


@dataclass(slots=True, kw_only=True)
class Changes:
    """Makes the changes, and knows the answers.

    Attributes:
        checks: what is to be asked, by case; replaced and never changed.
        counts: changes that were made, by kind; `failures`: what came of the others.
    """

    api: Api
    node: StoreNode
    known: KnownAnswers
    authority: str
    checks: Mapping[str, bytes] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _zone: str = ""
    _ruleset: str = ""
    _rule: str = ""
    _good: str = ""
    _moved: int = 0
    _host: str = ""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _turns: deque[tuple[str, str, bool]] = field(default_factory=deque)
    _issued: deque[str] = field(default_factory=deque)

    def prepare(self) -> list[bytes]:
        """Make what is changed later; gives the checks of the load, which are always allowed."""
        (zone,) = self.api.call("GET", "/zones")
        self._zone = f"/zones/{zone['id']}"
        entry = "rulesets/phases/http_request_firewall_custom/entrypoint"
        ruleset = self.api.call("GET", f"{self._zone}/{entry}")
        self._ruleset = f"{self._zone}/rulesets/{ruleset['id']}"
        self.api.call(
            "POST",
            f"{self._ruleset}/rules",
            {
                "ref": "hosts",
                "action": "block",
                "expression": f'ends_with(http.host, ".{DOMAIN}") '
                "and not cf.tls_client_auth.cert_verified",
            },
        )
        changed = self.api.call("POST", f"{self._ruleset}/rules", self._moving())
        (self._rule,) = (one["id"] for one in changed["rules"] if one["ref"] == "moving")
        self._good = self._issue()["certificate"]
        self._ask("good certificate", ALLOWED, check(self._good))
        self._ask(NO_CERTIFICATE, NOT_PRESENTED, check(None))
        for number, path in enumerate(MOVING):
            answer = ALLOWED if number else DENIED
            self._ask(f"path {path}", answer, check(self._good, path=path))
        for number in range(REVOKED_IN_TURN):
            made, case = self._issue(), f"revoked in turn {number}"
            self._turns.append((case, made["id"], False))
            self._ask(case, ALLOWED, check(made["certificate"]))
        some = [self._issue()["certificate"] for _ in range(LOAD_CERTIFICATES)]
        # Before the server does it: nobody calls while it is measured what the node can do.
        self.api.close()
        return [
            check(some[number % len(some)], path=f"/orders/{number}?id=7")
            for number in range(LOAD_CHECKS)
        ]

    def run(self, ended: threading.Event) -> None:
        """Change until it has ended."""
        now = time.monotonic()
        # Seconds between two of a kind. They are no multiples of each other, so that each
        # happens right after each other one sooner or later.
        every: dict[Callable[[], None], float] = {
            self.revoke_or_restore: 1.0,
            self.change_rule: 5.3,
            self.add_or_remove_host: 6.1,
            self.issue: 9.7,
            self.reload: 14.9,
            self.scrape: 4.7,
        }
        due = {change: now + seconds for change, seconds in every.items()}
        while not ended.wait(max(0.0, min(due.values()) - time.monotonic())):
            change = min(due, key=due.__getitem__)
            due[change] += every[change]
            change()

    def revoke_or_restore(self) -> None:
        """The next certificate's turn."""
        case, identifier, revoked = self._turns.popleft()
        path = f"{self._zone}/client_certificates/{identifier}"
        if revoked:
            made = self._change("restored", {case: ALLOWED}, "PATCH", path, {"reactivate": True})
        else:
            made = self._change("revoked", {case: DENIED}, "DELETE", path)
        # One that failed is tried again.
        self._turns.append((case, identifier, revoked != made))

    def change_rule(self) -> None:
        """The rule blocks the other path."""
        self._moved = 1 - self._moved
        answers = {
            f"path {path}": DENIED if number == self._moved else ALLOWED
            for number, path in enumerate(MOVING)
        }
        self._change(
            "rule changed", answers, "PATCH", f"{self._ruleset}/rules/{self._rule}", self._moving()
        )

    def add_or_remove_host(self) -> None:
        """A host that nobody has heard of asks for certificates, or the last one does no more."""
        if self._host:
            case, self._host = f"host {self._host}", ""
            # A catch-all without authorities answers for it: no certificate is verified there.
            self._change("host removed", {case: DENIED}, *self._hostnames())
            return
        for case in [case for case in self.checks if case.startswith("host ")]:
            self._forget(case)
        self._host = f"h{next(self._numbers)}.{DOMAIN}"
        case = f"host {self._host}"
        self._ask(case, DENIED, check(self._good, host=self._host))
        self._change("host added", {case: ALLOWED}, *self._hostnames())

    def issue(self) -> None:
        """A certificate that counts at once."""
        try:
            made = self._issue()
        except BenchError as error:
            self.failures.append(str(error))
            return
        self.counts["issued"] += 1
        case = f"issued {made['id']}"
        self._issued.append(case)
        if len(self._issued) > ISSUED_KEPT:
            self._forget(self._issued.popleft())
        self._ask(case, ALLOWED, check(made["certificate"]))

    def reload(self) -> None:
        """Everything is published again."""
        self.node.signal(signal.SIGHUP)
        self.counts["reload"] += 1

    def scrape(self) -> None:
        """As Prometheus does, and as whoever asks for readiness."""
        for path in ("/metrics", "/readyz"):
            try:
                status, content = self.node.get(path)
            except OSError as error:
                self.failures.append(f"{path}: {error}")
                continue
            if status != 200:
                self.failures.append(f"{path}: {status} {content[:300]}")
        self.counts["scrape"] += 1

    def _change(
        self, what: str, answers: Mapping[str, int], method: str, path: str, body: Any = None
    ) -> bool:
        """A call that changes the answers of cases; whether it was made."""
        for case, answer in answers.items():
            self.known.begin(case, answer, time.monotonic())
        try:
            self.api.call(method, path, body)
        except BenchError as error:
            self.failures.append(f"{what}: {error}")
            return False
        for case in answers:
            self.known.done(case, time.monotonic())
        self.counts[what] += 1
        return True

    def _moving(self) -> dict[str, Any]:
        expression = f'http.request.uri.path eq "{MOVING[self._moved]}"'
        return {"ref": "moving", "action": "block", "expression": expression}

    def _hostnames(self) -> tuple[str, str, Any]:
        path = f"{self._zone}/certificate_authorities/hostname_associations"
        names = [HOST, self._host] if self._host else [HOST]
        return "PUT", path, {"hostnames": names, "mtls_certificate_id": self.authority}

    def _issue(self) -> Any:
        asked = {"csr": CSR, "validity_days": 30}
        return self.api.call("POST", f"{self._zone}/client_certificates", asked)

    def _ask(self, case: str, answer: int, message: bytes) -> None:
        self.known.begin(case, answer, time.monotonic())
        self.checks = {**self.checks, case: message}

    def _forget(self, case: str) -> None:
        self.checks = {name: message for name, message in self.checks.items() if name != case}
        self.known.forget(case)
