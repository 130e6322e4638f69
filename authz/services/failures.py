# SPDX-License-Identifier: Apache-2.0
"""How often an address may fail to authenticate: a sliding window, in bounded memory.

Only failures are counted, and only failures are refused by it: whoever has a valid token is never
locked out, whatever others behind the same address (a NAT, a proxy) do. That does not help whoever
guesses: a token is 256 random bits, and the rate at which a server answers is no part of why it
cannot be guessed. What the limit is for is what guessing costs everybody else, and being noticed:
what cannot be a token is refused without asking the store, and beyond the limit nothing tells
whether a guess was unknown, revoked or expired.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

#: How many failures of one address are answered as such within WINDOW_SECONDS.
MOST_FAILURES: Final = 10
WINDOW_SECONDS: Final = 60.0

#: How many addresses are remembered; beyond it, the one that failed the longest ago is forgotten.
MOST_ADDRESSES: Final = 10_000

#: Whoever has an IPv6 address has 64 bits of them (RFC 4291 §2.5.1).
_IPV6_PREFIX: Final = 64


@dataclass(slots=True)
class AccessMetrics:
    """Counters since the start.

    Args:
        failed: calls with a token that is none, or not valid.
        throttled: those of them that were answered with 429.
    """

    failed: int = 0
    throttled: int = 0


class Failures:
    """Failed attempts by address, and how long the next failure has to wait."""

    def __init__(self) -> None:
        self.metrics = AccessMetrics()
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def failed(self, address: str | None, at: float) -> float | None:
        """Count a failure.

        Args:
            address: the client's; None where there is none (a Unix socket).
            at: Unix seconds.

        Returns:
            None while the address may fail; else after how many seconds it may again.
        """
        key = key_of(address)
        with self._lock:
            self.metrics.failed += 1
            moments = self._failures.pop(key, None) or deque(maxlen=MOST_FAILURES)
            self._failures[key] = moments
            # Also what is in the future: the clock was set back.
            while moments and not at - WINDOW_SECONDS < moments[0] <= at:
                moments.popleft()
            if len(moments) == MOST_FAILURES:
                self.metrics.throttled += 1
                return moments[0] + WINDOW_SECONDS - at
            moments.append(at)
            while len(self._failures) > MOST_ADDRESSES:
                self._failures.popitem(last=False)
        return None

    @property
    def addresses(self) -> int:
        """How many addresses are remembered."""
        return len(self._failures)


def key_of(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or a network of IPv6 addresses."""
    if address is None:
        return ""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
