# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.services import failures
from authz.services.failures import MOST_FAILURES, WINDOW_SECONDS, Failures, key_of

AT = 1_700_000_000.0
HERE = "192.0.2.1"


def test_an_address_may_fail_so_often_in_a_window_and_then_waits() -> None:
    made = Failures()
    for number in range(MOST_FAILURES):
        assert made.failed(HERE, AT + number) is None

    assert made.failed(HERE, AT + 20) == WINDOW_SECONDS - 20
    assert made.failed("192.0.2.2", AT + 20) is None
    assert (made.metrics.failed, made.metrics.throttled) == (MOST_FAILURES + 2, 1)


def test_the_window_slides() -> None:
    made = Failures()
    for number in range(MOST_FAILURES):
        made.failed(HERE, AT + number)

    assert made.failed(HERE, AT + WINDOW_SECONDS - 0.1) is not None
    assert made.failed(HERE, AT + WINDOW_SECONDS) is None
    assert made.failed(HERE, AT + WINDOW_SECONDS) == 1
    assert made.failed(HERE, AT + WINDOW_SECONDS + 1) is None


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    made = Failures()
    for _ in range(MOST_FAILURES + 1):
        made.failed(HERE, AT)

    assert made.failed(HERE, AT - 3600) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_ADDRESSES", 5)
    made = Failures()
    for number in range(50):
        for _ in range(MOST_FAILURES + 5):
            made.failed(f"192.0.2.{number}", AT)

    assert made.addresses == 5
    assert made.failed("192.0.2.49", AT) is not None
    assert made.failed("192.0.2.0", AT) is None


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, ""),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(address: str | None, key: str) -> None:
    assert key_of(address) == key
