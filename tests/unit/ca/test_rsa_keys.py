# SPDX-License-Identifier: Apache-2.0
"""RSA keys that anybody can factor, each made here, and good ones."""

from __future__ import annotations

from math import prod

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from authz.ca.rsa_keys import _roca_logarithms, weakness
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
P, Q = _numbers().p, _numbers().q
#: 2**2048 - 1942289 is the largest prime of 2048 bits, found by trying them.
PRIME_2048 = (1 << 2048) - 1942289
