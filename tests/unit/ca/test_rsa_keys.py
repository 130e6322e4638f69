# SPDX-License-Identifier: Apache-2.0
"""RSA keys that anybody can factor, each made here, and good ones."""

from __future__ import annotations

from math import isqrt, prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from authz.ca.rsa_keys import _has_close_primes, _is_roca, _roca_logarithms, weakness
from authz.demo.keys import KeyKind
from tests.factories.pki import fixed_key

# Two primes as CVE-2017-15361 makes them, of 1024 bits: k * M + (65537**a mod M), M being the
# product of the primes up to 701.
ROCA_P = int(
    "b9be0d23e2ec7e0113d3e4721e05d3a65316d66dcf2c835114f00141b6ad015f9d3ca3ad9301efe7fc030c3d7e940e92"
    "ca5247adc3dc1c837ff6b4cb0c26978fe4dafb9f7073a9b0f0106b342d3c13cb66ff9307c61baec1e77e57e89ac373a3"
    "4d29324028b2e6f675c3f698bccc5d713c815c0863781276fa893041c1c11b9b",
    16,
)
ROCA_Q = int(
    "cc9c2d608703184d6e23aff8f7d0d293ab99a7c34035011bf1477300f1f3b8c46386b7910130460f57d201db4a51bad5"
    "1f0bcada7e47c94400320ce6889bc502e8e646a3e9cda6638cdab2ccc78aeae1289c06f9c1315cec3acafc2ea1654718"
    "97a821beb1f6a36f46ac21e4e44f966d4af1e396f26ea0ab9db7a742371d425f",
    16,
)


def _numbers(kind: KeyKind = KeyKind.RSA2048) -> rsa.RSAPrivateNumbers:
    key = fixed_key("x", kind)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.private_numbers()


def _is_prime(number: int) -> bool:
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7))


def _prime_from(start: int) -> int:
    number = start | 1
    while not _is_prime(number):
        number += 2
    return number


GOOD = _numbers().public_numbers.n
#: The largest prime of 2048 bits, and the two largest of 1024.
PRIME = (1 << 2048) - 1557
NEIGHBOURS = (1 << 1024) - 105, (1 << 1024) - 179


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.RSA4096])
def test_keys_made_as_they_should_be_are_good(kind: KeyKind) -> None:
    assert weakness(_numbers(kind).public_numbers.n, 65537) is None


@pytest.mark.parametrize(
    ("n", "wrong"),
    [
        (GOOD >> 8 | 1, "has 2040 bits"),
        ((1 << 2048) + 1, "has 2049 bits"),
        ((1 << 8199) + 1, "has 8200 bits"),
        (GOOD + 1, "has an even modulus"),
        (3 * ((1 << 2046) + 1), "has a modulus with a factor below 752"),
        (751 * (((1 << 2048) // 751) - 1 | 1), "has a modulus with a factor below 752"),
        (prod(NEIGHBOURS), "has primes that are too close to each other"),
        (NEIGHBOURS[0] ** 2, "has primes that are too close to each other"),
        (ROCA_P * ROCA_Q, "is of the kind of CVE-2017-15361 (ROCA)"),
        (PRIME, "has a modulus that is prime, a power of a prime, or can be factored"),
        (
            _prime_from(3 << 681) ** 3,
            "has a modulus that is prime, a power of a prime, or can be factored",
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "n",
)
def test_a_modulus_that_is_no_good_is_found(n: int, wrong: str) -> None:
    assert weakness(n, 65537) == wrong


@pytest.mark.parametrize(
    ("e", "wrong"),
    [
        (1, "has the exponent 1"),
        (3, "has the exponent 3"),
        ((1 << 16) - 1, "has the exponent 65535"),
        ((1 << 16) + 1, None),
        ((1 << 16) + 2, "has the exponent 65538"),
        ((1 << 256) - 1, None),
        ((1 << 256) + 1, "has the exponent of 257 bits"),
        ((1 << 1000) + 1, "has the exponent of 1001 bits"),
    ],
)
def test_the_exponent_is_odd_and_within_its_bounds(e: int, wrong: str | None) -> None:
    assert weakness(GOOD, e) == wrong


@pytest.mark.parametrize(("round_", "found"), [(1, True), (98, True), (102, False)])
def test_fermats_method_is_followed_for_a_hundred_rounds(round_: int, found: bool) -> None:
    # n = a² - b² with a root that is this far from a.
    a = (1 << 1023) + 1
    b = isqrt(2 * a * round_)

    assert _has_close_primes(a * a - b * b) is found


def test_one_prime_of_roca_is_not_enough() -> None:
    assert _is_roca(ROCA_P)
    assert _is_roca(ROCA_Q)
    assert not _is_roca(ROCA_P * _numbers().p)


def test_powers_modulo_each_prime_must_belong_to_one_exponent() -> None:
    # Of two primes 65537 has an even order; modulo one n is an even power of it, modulo the other
    # an odd one, and modulo each other prime the zeroth.
    tables = _roca_logarithms()
    even = [prime for prime, powers in tables.items() if len(powers) % 2 == 0]
    first, second = even[:2]
    modulus = prod(tables)
    n = 1
    for prime, power in ((first, 1), (second, 65537)):
        rest = modulus // prime
        n = (n + (power - n) * rest * pow(rest, -1, prime)) % modulus

    assert all(n % prime in powers for prime, powers in tables.items())
    assert not _is_roca(n)
