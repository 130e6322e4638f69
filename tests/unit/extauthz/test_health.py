# SPDX-License-Identifier: Apache-2.0
"""The health state: what Check and Watch are told."""

from __future__ import annotations

import pytest

from authz.extauthz.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, HealthState
from authz.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse


def ask(service: str = "") -> bytes:
    return HealthCheckRequest(service=service).SerializeToString()


def test_nothing_is_served_before_somebody_says_so() -> None:
    assert HealthState().check(ask()) == NOT_SERVING


def test_the_states_are_those_of_the_protocol() -> None:
    assert HealthCheckResponse.FromString(SERVING).status == 1
    assert HealthCheckResponse.FromString(NOT_SERVING).status == 2
    assert HealthCheckResponse.FromString(SERVICE_UNKNOWN).status == 3


@pytest.mark.parametrize("service", ["", "envoy.service.auth.v3.Authorization"])
def test_the_server_and_its_service_have_one_state(service: str) -> None:
    health = HealthState()
    health.set_serving(True)

    assert health.check(ask(service)) == SERVING


def test_an_unknown_service_has_no_state() -> None:
    assert HealthState().check(ask("other.Service")) is None


def test_bytes_that_are_no_request_ask_for_no_service() -> None:
    assert HealthState().check(b"\xff") is None


def test_a_watcher_is_told_at_once_and_of_every_change() -> None:
    health = HealthState()
    told: list[bytes] = []

    def watcher(message: bytes) -> bool:
        told.append(message)
        return True

    health.watch(ask(), 1, watcher)
    health.set_serving(True)
    health.set_serving(True)
    health.set_serving(False)

    assert told == [NOT_SERVING, SERVING, NOT_SERVING]


def test_a_watcher_that_left_is_not_told_any_more() -> None:
    health = HealthState()
    told: list[bytes] = []
    health.watch(ask(), 1, lambda message: told.append(message) is None)
    health.unwatch(1)
    health.unwatch(1)

    health.set_serving(True)

    assert told == [NOT_SERVING]


def test_a_watcher_whose_stream_is_gone_is_forgotten() -> None:
    health = HealthState()
    health.watch(ask(), 1, lambda message: message == NOT_SERVING)
    assert health.watchers == 1

    health.set_serving(True)

    assert health.watchers == 0


def test_a_watcher_of_an_unknown_service_is_told_that_alone() -> None:
    health = HealthState()
    told: list[bytes] = []
    health.watch(ask("other.Service"), 1, lambda message: told.append(message) is None)

    health.set_serving(True)

    assert (told, health.watchers) == ([SERVICE_UNKNOWN], 0)
