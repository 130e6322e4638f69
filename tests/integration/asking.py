# SPDX-License-Identifier: Apache-2.0
"""Somebody who asks a node all the time, whatever else happens to it, and counts the answers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import grpc

from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack.report import tried
from tests.factories.checks import check_request
from tests.integration.harness import PATIENCE, eventually

if TYPE_CHECKING:
    from tests.attack.report import Group

PROTECTED = """\
sites:
  - name: api
    hosts: ["*"]
    rules:
      - {ref: admin, expression: 'http.request.uri.path eq "/admin"', action: block}
"""
#: google.rpc.Code UNAUTHENTICATED: denied, and no certificate was presented.
ALLOWED, DENIED = 0, 16
#: Envoy waits half a second; here a busy machine is no error.
DEADLINE = 5.0

OPEN = check_request().SerializeToString()
CLOSED = check_request(path="/admin").SerializeToString()
#: What is asked in turn, and the code that is due.
Questions = tuple[tuple[bytes, int], ...]
QUESTIONS: Questions = ((OPEN, ALLOWED), (CLOSED, DENIED))


def until_answered(address: str) -> float:
    """Wait until what is closed there is denied; the seconds that took."""
    began = time.monotonic()

    def is_answered() -> bool:
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: Any = channel.unary_unary(CHECK, None, None)
            try:
                data = call(CLOSED, timeout=1.0)
            except grpc.RpcError:
                return False
        return CheckResponse.FromString(data).status.code == DENIED

    eventually(is_answered, "it is answered")
    return time.monotonic() - began


class Asking:
    """Asks one address, in a thread of its own, what is open and what is closed in turn.

    `questions`: other ones, under a policy other than `PROTECTED`.
    `says`: a row of the table of `make attack`, of its `group`, said as soon as asking ends and
    however it does; when the test fails meanwhile, that is one wrong more.
    `may_fail`: whoever is asked dies meanwhile, and no answer is due.
    `tls`: with what it shakes hands, and `name` what the other's certificate has to say.

    Attributes:
        times: answers and failures together.
        wrong: answers other than they should be, a closed door that opened among them.
        unanswered: calls that ended in an error, their deadline among them.
    """

    def __init__(
        self,
        address: str,
        deadline: float = DEADLINE,
        *,
        questions: Questions = QUESTIONS,
        says: str = "",
        group: Group = "faults",
        may_fail: bool = False,
        tls: grpc.ChannelCredentials | None = None,
        name: str = "",
    ) -> None:
        self.times = 0
        self.wrong: list[int] = []
        self.unanswered: list[str] = []
        self._deadline = deadline
        self._questions = questions
        self._says = says
        self._group: Group = group
        self._may_fail = may_fail
        options: list[tuple[str, Any]] = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_reconnect_backoff_ms", 100),
        ]
        if tls is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            options.append(("grpc.ssl_target_name_override", name))
            self._channel = grpc.secure_channel(address, tls, options)
        self._check: Any = self._channel.unary_unary(CHECK, None, None)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join(PATIENCE)
        self._channel.close()
        if not self._says:
            return
        if kind is None:
            self.say(self._says, self._group)
        else:
            self._tell(self._says, self._group, more_wrong=1)

    def more(self, times: int = 40) -> None:
        """Wait until it has been asked so often again."""
        until = self.times + times
        eventually(lambda: self.times >= until, "it is asked")

    def say(self, what: str, group: Group = "faults") -> None:
        """Report what came of it."""
        self._tell(what, group)
        assert self.wrong == []
        assert self._due() == []

    def _tell(self, what: str, group: Group, more_wrong: int = 0) -> None:
        wrong, unanswered = len(self.wrong) + more_wrong, len(self._due())
        # Calls to whoever is gone are not counted as tries.
        times = self.times - (len(self.unanswered) - unanswered)
        tried(group, what, max(times, wrong), wrong=wrong, unanswered=unanswered)

    def _due(self) -> list[str]:
        return [] if self._may_fail else self.unanswered

    def _run(self) -> None:
        while not self._ended.wait(0.002):
            for request, right in self._questions:
                try:
                    data = self._check(request, timeout=self._deadline)
                except grpc.RpcError as error:
                    self.unanswered.append(str(error.code()))
                else:
                    code = CheckResponse.FromString(data).status.code
                    if code != right:
                        self.wrong.append(code)
                self.times += 1
