# SPDX-License-Identifier: Apache-2.0
"""Any bytes as a CheckRequest get an answer with a status, and nothing is an internal error: by a
policy that reads every field, cookies, forms, parts and JSON among them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack.world import World
from tests.factories.pki import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

with tempfile.TemporaryDirectory(prefix="authz-fuzz-") as directory:
    # The databases are in memory once they are open.
    _SNAPSHOT: Final = World(Path(directory)).compiled()


def _services() -> Iterator[CheckService]:
    for source in CertificateSource:
        options = DecodeOptions(certificate_source=source, client_ip_trusted_hops=1)
        made = CheckService(options, DEFAULT_LIMITS, Metrics(), clock=lambda: AT)
        made.snapshot = _SNAPSHOT
        yield made


_SERVICES: Final = tuple(_services())


def run(data: bytes) -> None:
    """Check it, as Envoy's certificate and as another proxy's."""
    for service in _SERVICES:
        # What is remembered is not looked at again, and memory would grow.
        _SNAPSHOT.decided.clear()
        response = CheckResponse.FromString(service.check(data, None))
        assert response.HasField("status")
        assert response.HasField("denied_response") is (response.status.code in (7, 16))
        assert not (response.HasField("ok_response") and response.status.code)
        assert response.dynamic_metadata["reason"] != "internal_error"
