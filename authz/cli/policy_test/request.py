# SPDX-License-Identifier: Apache-2.0
"""The CheckRequest that Envoy would send for a case: services.simulated_request makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.errors import InvalidInputError, PolicyError
from authz.policy.hosts import normalise_host
from authz.services.simulated_request import SimulatedRequest
from authz.services.simulated_request import check_request as check_request_of

if TYPE_CHECKING:
    from authz.cli.policy_test.document import RequestDocument
    from authz.cli.policy_test.loading import Case
    from authz.extauthz.decode import DecodeOptions


def check_request(case: Case, options: DecodeOptions) -> bytes:
    """The serialised CheckRequest of a case.

    Raises:
        PolicyError: something in it that no CheckRequest can carry.
    """
    try:
        return check_request_of(_simulated(case), options)
    except (ValueError, InvalidInputError) as error:
        what = str(error).removeprefix("the request cannot be sent: ")
        raise PolicyError(
            f'the case "{case.document.name}" cannot be sent: {what}', hint="correct its request"
        ) from None


def _simulated(case: Case) -> SimulatedRequest:
    request = case.document.request
    body = request.body.encode()
    return SimulatedRequest(
        host=request.host,
        method=request.method,
        path=request.path,
        scheme=request.scheme,
        protocol=request.protocol,
        headers=tuple((name, line) for name, lines in request.headers.items() for line in lines),
        body=body,
        body_size=len(body),
        source_address=request.source_address,
        source_port=request.source_port,
        destination_address=request.destination_address,
        destination_port=request.destination_port,
        sni=_sni(request),
        certificates=case.certificates,
        request_id=request.request_id,
        time=case.at if request.time is None else request.time,
        metadata=request.metadata,
    )


def _sni(request: RequestDocument) -> str | None:
    if request.sni is not None:
        return request.sni
    if request.scheme == "http":
        return None
    return normalise_host(request.host.encode()) or ""
