# SPDX-License-Identifier: Apache-2.0
"""What Envoy makes of answers that the service never gives: why each of ours has a status and a
denied_response (architecture 4.3). With failure_mode_allow, whatever Envoy takes for an error is an
allow."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from authz.demo.client import Connection
from authz.demo.stack import start_envoy
from authz.envoy.config import render_envoy_config
from authz.pb.core_pb2 import HttpStatus, Status
from authz.pb.ext_authz_pb2 import CheckResponse, DeniedHttpResponse
from authz.settings import Settings
from tests.e2e.harness import default_options, wait_for_health
from tests.e2e.slow_authorizer import SlowAuthorizer
from tests.e2e.test_failure_modes import fail_open

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

_FORBIDDEN: Final = HttpStatus(code=403)  # type: ignore[arg-type] # open enum
#: What is answered; with the shipped configuration, and with failure_mode_allow.
ANSWERS: Final[dict[str, tuple[CheckResponse | grpc.StatusCode, int, int]]] = {
    "gRPC error 13": (grpc.StatusCode.INTERNAL, 503, 200),
    "gRPC error 14": (grpc.StatusCode.UNAVAILABLE, 503, 200),
    "gRPC error 7": (grpc.StatusCode.PERMISSION_DENIED, 503, 200),
    "status 13": (CheckResponse(status=Status(code=13)), 403, 403),
    "status 14": (CheckResponse(status=Status(code=14)), 403, 403),
    "error_response": (
        CheckResponse(status=Status(code=13), error_response=DeniedHttpResponse(status=_FORBIDDEN)),
        403,
        200,
    ),
    "nothing at all": (CheckResponse(), 200, 200),
}


class WrongAuthorizer(SlowAuthorizer):
    """Answers every check with what stands in `answer`."""

    answer: CheckResponse | grpc.StatusCode = CheckResponse()

    def _check(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        if isinstance(self.answer, grpc.StatusCode):
            context.abort(self.answer, "as it was told")
        return self.answer.SerializeToString()


@pytest.mark.parametrize("is_open", [False, True], ids=["shipped", "failure_mode_allow"])
def test_what_envoy_makes_of_each_answer(
    children: Children, credentials: Credentials, upstream: Upstream, is_open: bool
) -> None:
    with WrongAuthorizer() as authorizer:
        options = default_options(credentials, upstream, [authorizer.address])
        config = render_envoy_config(Settings(), options)
        envoy = start_envoy(
            children, credentials.directory, fail_open(config) if is_open else config
        )
        wait_for_health(envoy, 1)
        got = {}
        for name, (answer, *_) in ANSWERS.items():
            authorizer.answer = answer
            connection = Connection(
                envoy.port, "api.localhost", credentials.server_ca, credentials.client_file("valid")
            )
            with contextlib.closing(connection):
                got[name] = connection.send_request("/", hosts=("api.localhost",)).status

    assert got == {name: opened if is_open else shut for name, (_, shut, opened) in ANSWERS.items()}
