# SPDX-License-Identifier: Apache-2.0
"""One of several nodes on one PostgreSQL, and how it is asked."""

from __future__ import annotations

import time
import urllib.error
from typing import TYPE_CHECKING, Any, Final

from authz.certs.pem import write_pem
from authz.demo.api_client import Api
from authz.errors import DemoError
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.sources.fetched import DIRECTORY, FetchedFiles
from tests.factories.checks import check_request
from tests.factories.pki import url_encoded
from tests.integration.harness import PATIENCE, eventually
from tests.integration.stores import StoreNode

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from pathlib import Path

    import psutil

    from authz.certs.certificate import Certificate
    from tests.integration.harness import Client

#: What a check with 200 would have: let in.
OK = 200
_RESTORED: Final = {"reactivate": True}


class Member(StoreNode):
    """A node of its own data directory, with the settings that are given."""

    def __init__(
        self,
        directory: Path,
        database: str,
        *options: str,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            directory, *options, database=database, settings=settings, environment=environment
        )

    def state(self, client: Client, certificate: Certificate) -> int:
        """The HTTP status of a request with this certificate."""
        pem = write_pem(certificate.der, "CERTIFICATE")
        request = check_request(certificate=url_encoded(pem)).SerializeToString()
        said = CheckResponse.FromString(
            client._check(request, timeout=PATIENCE, wait_for_ready=True)
        )
        return said.denied_response.status.code if said.status.code else OK

    def becomes(self, client: Client, certificate: Certificate, status: int) -> None:
        """Wait until that is the status."""
        eventually(lambda: self.state(client, certificate) == status, f"{status}\n{self.log}")

    def change(self, token: Path, path: str, *, revoked: bool) -> None:
        """Revoke or restore a client certificate over its API, by the token in a file."""
        api = Api(address=self.address("admin"), token_file=token)
        limit = time.monotonic() + PATIENCE
        while True:
            # The API gives way to checks: on a busy machine it takes its time, once.
            try:
                answer = api.call(*("DELETE", path) if revoked else ("PATCH", path, _RESTORED))
            except DemoError:
                assert time.monotonic() < limit, self.log
                continue
            assert answer.status == 200, answer
            return

    def leads(self, role: str = "fetch") -> bool:
        """Whether it says that it does this for all."""
        try:
            return self.metric("authz_lease_held", role=role) == 1
        except (OSError, urllib.error.URLError):
            return False

    def term(self, role: str = "fetch") -> int:
        """The term that it has seen last."""
        return int(self.metric("authz_lease_term", role=role))

    def fetched(self, url: str) -> bytes | None:
        """What it has in its own directory of a URL."""
        stored = FetchedFiles(self.data / DIRECTORY).stored(url)
        return None if stored is None else stored.body

    def control_process(self) -> psutil.Process:
        """Its control process, which has to be there."""
        found = self.control()
        assert found is not None, self.log
        return found

    def signal_control(self, number: signal.Signals) -> None:
        """Send a signal to its control process."""
        self.control_process().send_signal(number)
