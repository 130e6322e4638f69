# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an RSA public key: numbers that anybody can factor, or that are malformed.

What a public key can show, nothing else: that a key pair is known to others (Debian's weak keys,
keys on lists of compromised ones) is not looked for, and neither are primes that share digits
without being neighbours. NIST SP 800-89 §5.3.3, FIPS 186-5 §A.1.1, CA/Browser Forum TLS BR §6.1.5
and §6.1.6.
"""

from __future__ import annotations

import math
import threading
from functools import cache, lru_cache
from typing import Final

from authz.certs.keys import MAXIMUM_RSA_BITS, MINIMUM_RSA_BITS

#: CA/Browser Forum TLS BR §6.1.6: the modulus has no factor below 752.
_FACTOR_BOUND: Final = 752
#: CA/Browser Forum TLS BR §6.1.1.3: keys that fall within so many rounds are refused.
_FERMAT_ROUNDS: Final = 100
# CVE-2017-15361 (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017): the primes are
# powers of this number modulo the product of the first primes, which end at 167 in short keys and
# later in longer ones. So is then the modulus, and of random moduli one in 2**150 or so.
_ROCA_GENERATOR: Final = 65537
_ROCA_LAST_PRIME: Final = 167

_ONE_AT_A_TIME: Final = threading.Lock()


@lru_cache(maxsize=256)
def weakness(n: int, e: int) -> str | None:
    """What is wrong with the key of this modulus and this exponent, in words, or None.

    Costs one power modulo n and little else: 20 ms of 2048 bits, 300 ms of 4096 and some seconds
    of 8192, measured on one core; of each key only once, because issuing asks about it repeatedly.
    """
    bits = n.bit_length()
    if not MINIMUM_RSA_BITS <= bits <= MAXIMUM_RSA_BITS or bits % 8:
        return f"has {bits} bits"
    if n % 2 == 0:
        return "has an even modulus"
    if e % 2 == 0 or not 1 << 16 < e < 1 << 256:
        shown = str(e) if e.bit_length() <= 64 else f"of {e.bit_length()} bits"
        return f"has the exponent {shown}"
    if math.gcd(n, _small_primes_product()) != 1:
        return f"has a modulus with a factor below {_FACTOR_BOUND}"
    if _has_close_primes(n):
        return "has primes that are too close to each other"
    if _is_roca(n):
        return "is of the kind of CVE-2017-15361 (ROCA)"
    # Last, as the dear one. Fermat's little theorem: 2**n is 2 modulo n if n is prime, and modulo p
    # if n is a power of p; anything else that is found here is a factor all the same. The power is
    # computed with the interpreter's lock held: of several threads that wait for theirs, one at a
    # time asks for it, so that everybody else has a turn in between.
    with _ONE_AT_A_TIME:
        power = pow(2, n, n)
    if math.gcd(power - 2, n) != 1:
        return "has a modulus that is prime, a power of a prime, or can be factored"
    return None


def _has_close_primes(n: int) -> bool:
    """Whether Fermat's method factors n: n = a² - b² with an `a` just above its root."""
    a = math.isqrt(n - 1) + 1
    for _ in range(_FERMAT_ROUNDS):
        square = a * a - n
        if math.isqrt(square) ** 2 == square:
            return True
        a += 1
    return False


def _is_roca(n: int) -> bool:
    """Whether n is a power of 65537 modulo the product of the odd primes up to 167."""
    # The exponent is known modulo the order of 65537 modulo each prime. One that fits all of them
    # is put together step by step (the Chinese remainder theorem for moduli with common factors).
    exponent, modulus = 0, 1
    for prime, logarithms in _roca_logarithms().items():
        order = len(logarithms)
        logarithm = logarithms.get(n % prime)
        common = math.gcd(modulus, order)
        if logarithm is None or (logarithm - exponent) % common:
            return False
        rest = order // common
        step = (logarithm - exponent) // common * pow(modulus // common, -1, rest) % rest
        exponent += modulus * step
        modulus *= rest
    return True


@cache
def _roca_logarithms() -> dict[int, dict[int, int]]:
    """For each prime: the powers of 65537 modulo it, and their exponents."""
    tables: dict[int, dict[int, int]] = {}
    for prime in _primes_below(_ROCA_LAST_PRIME + 1)[1:]:
        table = tables[prime] = {}
        value = 1
        while value not in table:
            table[value] = len(table)
            value = value * _ROCA_GENERATOR % prime
    return tables


@cache
def _small_primes_product() -> int:
    return math.prod(_primes_below(_FACTOR_BOUND))


def _primes_below(bound: int) -> list[int]:
    return [
        number
        for number in range(2, bound)
        if all(number % other for other in range(2, math.isqrt(number) + 1))
    ]
