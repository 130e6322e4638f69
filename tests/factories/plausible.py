# SPDX-License-Identifier: Apache-2.0
"""Expressions whose conditions depend on each other, and values as real requests have them.

What the lint proves holds for real requests: a revoked certificate is verified, a port has 16
bits. Values made up without these rules would refute it, so they are bent to them here, one
invariant after the other, by hand and not with the lint's own tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from authz.policy.hosts import normalise_host
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules import Value

_TLS: Final = "cf.tls_client_auth."
# Of a certificate that was presented.
_FAILURES: Final = (b"expired", b"unknown_issuer", b"malformed", b"crl_stale")


def plausible(values: dict[str, Value]) -> dict[str, Value]:
    """Values of the test scheme as one real request could have them."""
    real: dict[str, Any] = dict(values)
    real["cf.edge.server_port"] = abs(real["cf.edge.server_port"]) % 65536
    # One number more is negative than positive: a value of 64 bits stays one.
    real["http.request.body.size"] = min(abs(real["http.request.body.size"]), 2**63 - 1)
    real["http.host"] = (normalise_host(real["http.host"]) or "").encode()
    real["http.request.uri.path"] = b"/" + real["http.request.uri.path"]
    real["http.request.headers"] = {
        name.lower(): lines for name, lines in real["http.request.headers"].items() if lines
    }
    real["http.request.headers.names"] = tuple(
        name.lower() for name in real["http.request.headers.names"]
    )
    if real[_TLS + "cert_revoked"]:
        real[_TLS + "cert_verified"] = True
    if not real[_TLS + "cert_verified"]:
        real[_TLS + "cert_issuer_ski"] = b""
    for name, fold in (
        ("cert_serial", bytes.upper),
        ("cert_issuer_ski", bytes.upper),
        ("cert_fingerprint_sha256", bytes.lower),
    ):
        digits = fold(real[_TLS + name])
        digits = bytes(byte for byte in digits if byte in b"0123456789abcdefABCDEF")
        real[_TLS + name] = digits.rjust(len(digits) + len(digits) % 2, b"0")
    real[_TLS + "cert_serial"] = real[_TLS + "cert_serial"].removeprefix(b"00")
    if real[_TLS + "cert_verified"]:
        real[_TLS + "cert_presented"] = True
        real["authz.cert.failure"] = b""
    elif real[_TLS + "cert_presented"]:
        real["authz.cert.failure"] = _FAILURES[sum(real["authz.cert.failure"]) % len(_FAILURES)]
    else:
        real["authz.cert.failure"] = b"absent"
        real[_TLS + "cert_serial"] = real[_TLS + "cert_fingerprint_sha256"] = b""
    if real["ip.src"].version == 6 and real["ip.src"].ipv4_mapped is not None:
        real["ip.src"] = real["ip.src"].ipv4_mapped
    return real


_TEXT: Final = st.sampled_from(
    ['""', '"a"', '"ab"', '"b"', '"B"', '"/a"', '"/ab"', '"a.b"', '"a:80"', '"*.b"', '"."']
)
_NUMBER: Final = st.sampled_from(["-1", "0", "1", "2", "443", "65535", "65536"])
_PATTERN: Final = st.sampled_from(['"^a"', '"b$"', '"a|b"', '""', '"^/"'])
_WILDCARD: Final = st.sampled_from(['"a*"', '"*b"', '"*"', '"ab"', '"/*b"', '"*.B:8"'])
_ADDRESS: Final = st.sampled_from(["10.0.0.1", "10.0.0.9", "::1", "::ffff:10.0.0.1"])
_RANGE: Final = st.sampled_from(["10.0.0.0/8", "10.0.0.1..10.0.0.5", "::/0", "0.0.0.0/0"])
_TEXTS: Final = (
    "http.host",
    "http.request.uri.path",
    "http.cookie",
    'http.request.headers["a"][0]',
    "lower(http.cookie)",
    _TLS + "cert_issuer_ski",
    _TLS + "cert_serial",
    _TLS + "cert_fingerprint_sha256",
    "authz.cert.failure",
)
_NUMBERS: Final = (
    "cf.edge.server_port",
    "len(http.cookie)",
    'len(http.request.headers["a"])',
    "test.numbers[0]",
)
_FACTS: Final = (
    "ssl",
    _TLS + "cert_presented",
    _TLS + "cert_verified",
    _TLS + "cert_revoked",
    'test.flag_map["a"]',
)
_WORDS: Final = st.sampled_from(['""', '"absent"', '"expired"', '"unknown_issuer"'])


def _set(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(items, max_size=3).map(lambda some: "{" + " ".join(some) + "}")


@st.composite
def _leaf(draw: st.DrawFn, names: tuple[str, ...]) -> str:
    name = draw(st.sampled_from(names))
    if name in _FACTS:
        return name
    if name in _NUMBERS:
        operator = draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in", "&"]))
        items = st.one_of(_NUMBER, st.sampled_from(["0..1", "-5..-1", "2..65535"]))
        return f"{name} {operator} {draw(_set(items) if operator == 'in' else _NUMBER)}"
    if name == "ip.src":
        operator = draw(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in"]))
        items = st.one_of(_ADDRESS, _RANGE)
        return f"{name} {operator} {draw(_set(items) if operator == 'in' else _ADDRESS)}"
    if name == "authz.cert.failure":
        operator = draw(st.sampled_from(["eq", "ne", "in"]))
        return f"{name} {operator} {draw(_set(_WORDS) if operator == 'in' else _WORDS)}"
    operator = draw(
        st.sampled_from(
            [
                "eq",
                "eq",
                "ne",
                "in",
                "in",
                "lt",
                "ge",
                "contains",
                "matches",
                "wildcard",
                "strict wildcard",
                "starts_with",
                "ends_with",
            ]
        )
    )
    if operator in ("starts_with", "ends_with"):
        return f"{operator}({name}, {draw(_TEXT)})"
    if operator == "matches":
        return f"{name} matches {draw(_PATTERN)}"
    if "wildcard" in operator:
        return f"{name} {operator} {draw(_WILDCARD)}"
    return f"{name} {operator} {draw(_set(_TEXT) if operator == 'in' else _TEXT)}"


@st.composite
def _tree(draw: st.DrawFn, names: tuple[str, ...], depth: int) -> str:
    choice = draw(st.integers(0, 4)) if depth else 0
    if choice <= 1:
        return draw(_leaf(names))
    if choice == 2:
        return f"not {draw(_tree(names, depth - 1))}"
    operands = [draw(_tree(names, depth - 1)) for _ in range(draw(st.integers(2, 3)))]
    logic = draw(st.sampled_from([" and ", " and ", " or ", " or ", " xor "]))
    return "(" + logic.join(operands) + ")"


@st.composite
def related_conditions(draw: st.DrawFn, depth: int = 3) -> str:
    """A condition on few values, so that its parts often decide about each other."""
    every = (*_TEXTS, *_NUMBERS, *_FACTS, "ip.src")
    names = draw(st.lists(st.sampled_from(every), min_size=1, max_size=2, unique=True))
    return draw(_tree(tuple(names), depth))


@st.composite
def client_conditions(draw: st.DrawFn, depth: int = 3) -> str:
    """A condition on the client's certificate, and little else."""
    others = draw(st.lists(st.sampled_from(("ssl", "http.host")), max_size=1))
    more = (
        _TLS + "cert_issuer_ski",
        _TLS + "cert_serial",
        _TLS + "cert_fingerprint_sha256",
        _TLS + "cert_presented",
        "authz.cert.failure",
        "ssl",
    )
    names = (
        _TLS + "cert_verified",
        _TLS + "cert_verified",
        _TLS + "cert_revoked",
        draw(st.sampled_from(more)),
        *others,
    )
    return draw(_tree(names, depth))


__all__ = ["SCHEME", "client_conditions", "plausible", "related_conditions"]
