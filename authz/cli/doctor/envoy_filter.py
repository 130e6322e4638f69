# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with Envoy's ext_authz filter.

Each check is a row or a few lines: the option, what happens as it is, what to write. Facts: Envoy
1.40, `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from authz.cli.doctor.envoy_dump import at
from authz.cli.doctor.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.doctor.envoy_dump import Chain, Json
    from authz.settings import Settings

#: Longer than this, requests pile up in Envoy while the authorizer is away.
LONG_TIMEOUT_SECONDS: Final = 5.0

#: Options that should be true: finding, option, what happens without.
_SWITCHES: Final = (
    (
        "tls-session",
        "include_tls_session",
        "the SNI does not reach authz: a request for another site cannot be told (421)",
    ),
    (
        "raw-headers",
        "encode_raw_headers",
        "repeats are joined, bytes that are not UTF-8 replaced: rules see other headers",
    ),
    (
        "validate-mutations",
        "validate_mutations",
        "a control character in an answer's header would go out as it is",
    ),
)


def look(chain: Chain, settings: Settings) -> Iterator[Finding]:
    """Findings about one ext_authz filter."""
    config = chain.filter
    where = f"{chain.where}: ext_authz"
    if "grpc_service" not in config:
        yield Finding(
            id="http-service",
            where=where,
            what="the filter asks over HTTP, which authz does not speak",
            do="use grpc_service",
        )
        return
    if config.get("transport_api_version") != "V3":
        yield Finding(
            id="transport-api",
            where=where,
            what="the filter does not speak version 3 of the API",
            do="set transport_api_version: V3",
        )
    yield from _failing_open(config, where)
    yield from _timeout(config, where)
    if "status_on_error" not in config:
        yield Finding(
            id="status-on-error",
            where=where,
            what="without an answer clients get 403, as if the policy had denied them",
            do="set status_on_error: {code: ServiceUnavailable}",
        )
    if (
        settings.certificate_source == "envoy"
        and config.get("include_peer_certificate") is not True
    ):
        yield Finding(
            id="peer-certificate",
            where=where,
            what="the client certificate is not part of the check: nobody ever presents one",
            do="set include_peer_certificate: true",
        )
    for id_, option, what in _SWITCHES:
        if config.get(option) is not True:
            yield Finding(id=id_, where=where, what=what, do=f"set {option}: true")
    if "allowed_headers" in config or "disallowed_headers" in config:
        yield Finding(
            id="allowed-headers",
            where=where,
            what="rules see only some headers: with allowed_headers every rule that blocks by a "
            "header blocks; what disallowed_headers hides looks like not sent, and a forged "
            "certificate header among it is not taken off",
            do="remove allowed_headers and disallowed_headers",
        )


def _failing_open(config: Json, where: str) -> Iterator[Finding]:
    if config.get("failure_mode_allow") is True:
        yield Finding(
            id="failure-mode-allow",
            where=where,
            what="every request is let through while authz does not answer",
            do="set failure_mode_allow: false",
        )
    if config.get("clear_route_cache") is True:
        yield Finding(
            id="route-chosen-again",
            where=where,
            what="after the answer the route is chosen anew, by headers that the answer changed: "
            "what was judged, and by which settings, was another one",
            do="remove clear_route_cache",
        )
    if config.get("shadow_mode") is True:
        yield Finding(
            id="shadow-mode",
            where=where,
            what="denials are counted and not enforced",
            do="remove shadow_mode",
        )
    enabled = at(config, "filter_enabled", "default_value")
    if isinstance(enabled, dict):
        hundred = {"TEN_THOUSAND": 10_000, "MILLION": 1_000_000}.get(
            str(enabled.get("denominator")), 100
        )
        if (enabled.get("numerator") or 0) < hundred:
            yield Finding(
                id="filter-disabled",
                where=where,
                what="only a part of the requests is asked about",
                do="remove filter_enabled",
            )


def _timeout(config: Json, where: str) -> Iterator[Finding]:
    text = at(config, "grpc_service", "timeout")
    if text is None:
        yield Finding(
            id="no-timeout",
            where=where,
            what="the timeout is the default of whoever wrote this: 0.2 s in Envoy",
            do="set grpc_service.timeout: 0.5s",
        )
        return
    seconds = seconds_of(text)
    if seconds == 0 or seconds > LONG_TIMEOUT_SECONDS:
        yield Finding(
            id="long-timeout",
            where=where,
            what=f"requests wait for an answer for {'ever' if seconds == 0 else text}",
            do="set grpc_service.timeout: 0.5s",
        )


def seconds_of(text: object) -> float:
    """A duration as Envoy writes it (`0.5s`); 0 for what is none."""
    try:
        seconds = float(str(text).removesuffix("s"))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < math.inf else 0.0
