# SPDX-License-Identifier: Apache-2.0
"""Any bytes as a CheckRequest get an answer with a status, and nothing is an internal error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.certs.presented import DEFAULT_LIMITS, CertificateSource
from authz.extauthz.decode import DecodeOptions
from authz.extauthz.service import CheckService
from authz.observability.metrics import Metrics
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.factories.pki import AT
from tests.factories.policies import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

_SNAPSHOT: Final = snapshot()


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
