# SPDX-License-Identifier: Apache-2.0
"""Certificates of the embedded CA, from `authz ca create` to a revocation that counts at once.

Every change is made as a user would make it, by commands here and over the management API in
`story_api`, while authz and Envoy run on; what it did is asked over Envoy. The right answers are in
`story_steps`.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Final

from authz.demo.commands import Client, run_authz
from authz.demo.running import STRICT
from authz.demo.story_api import MadeOverApi, tell_api
from authz.demo.story_steps import HOST, NEVER, SEEN, STEP
from authz.demo.telling import StepOutcome, Telling, judged
from authz.errors import DemoError

if TYPE_CHECKING:
    from authz.demo.running import Demo

TABLET: Final = Client(certificate="clients/tablet/client.pem", key="clients/tablet/client.key")
LAPTOP: Final = Client(certificate="clients/laptop/client.pem", key="clients/laptop/client.key")
#: A client of the policy file's authority.
STRANGER: Final = Client(certificate="clients/valid.pem")

#: How long workers and the control process may take to write down who was seen, in seconds.
SEEN_SECONDS: Final = 5.0


class Story:
    """Tells the story once, printing as it goes.

    Attributes:
        issued: the identifier of the first certificate.
        over_api: what was made over the API.
    """

    def __init__(self, demo: Demo) -> None:
        self.issued = ""
        self.over_api = MadeOverApi()
        self._telling = Telling(demo)

    @property
    def outcomes(self) -> list[StepOutcome]:
        """What each step gave so far."""
        return self._telling.outcomes

    def tell(self) -> None:
        """Every step, each after its commands.

        Raises:
            DemoError: a command or a call failed, so that the rest makes no sense.
        """
        print(
            f"\nCertificates of the embedded CA, for {HOST}: what commands ($) and calls of the\n"
            "management API (>) change in the store is in force moments later, while authz and\n"
            "Envoy run on.\n"
        )
        self._telling.print_head()
        with contextlib.closing(self._telling):
            self._tell_commands()
            self.over_api = tell_api(self._telling)
        self._telling.print_wrong()

    def _tell_commands(self) -> None:
        telling = self._telling
        # 1 A CA, a host that asks for its certificates, and a rule that keeps others out.
        telling.authz("ca create --name devices")
        telling.authz(f"host add {HOST} --ca devices --protect '/*'")
        telling.curl("no-certificate", None)

        # 2 A certificate.
        said = telling.authz("cert issue --label tablet --days 30 --out clients/tablet")
        self.issued = _identifier(said)
        telling.curl("issued", TABLET)
        kept = telling.open_connection(TABLET)
        telling.on("kept-open", kept)

        # 3 Revoked and restored, while a connection is open.
        telling.authz(f"cert revoke {self.issued}")
        telling.on("revoked-open", kept)
        telling.curl("revoked-new", TABLET)
        telling.authz(f"cert restore {self.issued}")
        telling.on("restored-open", kept)
        telling.curl("restored-new", TABLET)
        telling.curl("other-authority", STRANGER)
        self._last_seen()

        # 4 A second CA, where Envoy verifies too: it hears of it over SDS.
        strict = telling.open_connection(TABLET, STRICT)
        telling.on("strict", strict)
        telling.authz("ca create --name laptops")
        telling.authz("cert issue --ca laptops --label laptop --days 30 --out clients/laptop")
        telling.curl("new-authority-before", LAPTOP)
        telling.curl("new-authority-before-strict", LAPTOP, STRICT)
        telling.authz(f"host add {HOST} --ca laptops")
        telling.curl("new-authority", LAPTOP)
        telling.curl("new-authority-strict", LAPTOP, STRICT)
        telling.on("strict-still-open", strict)

    def _last_seen(self) -> None:
        until = time.monotonic() + SEEN_SECONDS
        while True:
            said = run_authz(self._telling.directory, "cert list")
            never = NEVER in _line_of(said, self.issued).split()
            if not never or time.monotonic() > until:
                break
        print("$ authz cert list")
        print("".join(f"  {line}\n" for line in said.splitlines()), end="")
        self._telling.note(judged(STEP["last-seen"], NEVER if never else SEEN))


def _identifier(said: str) -> str:
    """The certificate's identifier in what `authz cert issue` printed."""
    found = re.search(r"^id +(\S+)$", said, re.MULTILINE)
    if found is None:
        raise DemoError("authz cert issue printed no identifier", hint=f"it said:\n{said}")
    return found[1]


def _line_of(said: str, identifier: str) -> str:
    return next((line for line in said.splitlines() if identifier in line), NEVER)
