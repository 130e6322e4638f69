# SPDX-License-Identifier: Apache-2.0
"""Bounds of the search; which path is found is in tests/vectors/certs (path)."""

from __future__ import annotations

import time

import pytest

from authz.certs.certificate import Certificate
from authz.certs.paths import (
    MAX_PATHS,
    MAX_SIGNATURE_CHECKS,
    SENT_PRICE,
    Search,
    find_paths,
)
from authz.certs.signature import Signed, signed_by
from authz.certs.trust import compile_trust
from authz.demo.pki import Issued, make_root
from tests.factories.pki import (
    AT,
    KeyKind,
    authority,
    fixed_key,
    intermediate,
    root,
    slow_key,
)


def _search(leaf: Issued, sent: list[Issued], *trusted: Issued, chain_length: int = 8) -> Search:
    bundle = compile_trust([authority(*trusted)])
    read = [Certificate.from_der(one.der) for one in sent]
    return find_paths(Certificate.from_der(leaf.der), read, bundle, chain_length)


def test_the_likeliest_path_comes_first() -> None:
    ca = intermediate()
    again = root().intermediate("Test Issuing CA", key=ca.key)
    search = _search(ca.client("a"), [again], root(), ca)

    assert [len(path.certificates) for path in search.paths] == [3, 3]
    assert {path.authority for path in search.paths} == {"acme"}
    assert search.paths[0].certificates[1].der == ca.der


def test_everything_of_the_right_names_is_involved() -> None:
    ca = intermediate()
    unrelated = make_root("Unrelated", at=AT)
    search = _search(ca.client("a"), [ca, unrelated], root(), root("Other"))

    assert [one.subject_dn for one in search.involved] == [
        "CN=a",
        "CN=Test Issuing CA",
        "CN=Test Root CA",
    ]


def test_certificates_of_one_name_and_key_are_no_maze() -> None:
    key = fixed_key("attacker")
    loop = [make_root("Test Root CA", at=AT, key=key, serial=number) for number in range(1, 9)]
    started = time.process_time()

    search = _search(loop[0].client("a"), loop, root())

    assert (search.paths, search.broken) == ((), True)
    assert time.process_time() - started < 0.5


def test_cross_certification_in_every_direction_is_bounded() -> None:
    keys = [fixed_key(f"node {number}") for number in range(8)]
    names = [f"Node {number}" for number in range(8)]
    nodes = [make_root(name, at=AT, key=key) for name, key in zip(names, keys, strict=True)]
    everybody = [
        above.intermediate(names[index], key=keys[index])
        for index in range(8)
        for above in (*nodes, root())
        if above is not nodes[index]
    ]
    started = time.process_time()

    search = _search(nodes[0].client("a"), everybody, root(), chain_length=8)

    assert len(search.paths) <= MAX_PATHS
    assert time.process_time() - started < 2


def test_signature_checks_are_counted() -> None:
    anchors = [
        make_root("Same", at=AT, key=fixed_key(f"same {number}"), subject_key_id=None)
        for number in range(MAX_SIGNATURE_CHECKS + 6)
    ]
    last = anchors[-1].client("a", authority_key_id=None)

    search = _search(last, [], *anchors)

    assert search.paths == ()
    assert search.too_long


@pytest.fixture(name="prices")
def _prices(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each signature that is really checked costs, a check by P-256 being 1."""
    made: list[int] = []

    def counted(child: Certificate, issuer: Certificate) -> Signed:
        if issuer.key.supported:
            made.append(issuer.key.price)
        return signed_by(child, issuer)

    monkeypatch.setattr("authz.certs.paths.signed_by", counted)
    return made


def _maze(kind: KeyKind) -> tuple[Issued, list[Issued]]:
    """A client below eight CAs of the trusted one's name, each pair of which could be issuer."""
    name = root().subject
    keys = [fixed_key(f"maze {number}", kind) for number in range(8)]
    made = [make_root("Test Root CA", at=AT, key=keys[0], subject=name, serial=1)]
    for number, key in enumerate(keys[1:], 2):
        made.append(made[-1].intermediate("Test Root CA", key=key, subject=name, serial=number))
    return made[-1].client("a", key=fixed_key("leaf")), made


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.P521])
def test_what_was_sent_costs_a_bounded_number_of_checks(kind: KeyKind, prices: list[int]) -> None:
    leaf, made = _maze(kind)

    search = _search(leaf, made, root(), chain_length=8)

    assert (search.paths, search.too_long) == ((), kind is not KeyKind.P256)
    # And one by the trusted root for the client's own certificate, which costs nothing of it.
    assert sum(prices) <= 9 * SENT_PRICE + 1
    assert len(prices) <= MAX_SIGNATURE_CHECKS


def test_a_chain_that_is_allowed_to_be_longer_may_cost_more(prices: list[int]) -> None:
    leaf, made = _maze(KeyKind.P384)

    _search(leaf, made, root(), chain_length=2)
    short = sum(prices)
    prices.clear()
    _search(leaf, made, root(), chain_length=8)

    assert short <= 3 * SENT_PRICE + 1 < sum(prices)


@pytest.mark.parametrize("bits", [33, 2047])
def test_no_signature_is_checked_with_an_exponent_that_is_too_large(
    bits: int, prices: list[int]
) -> None:
    ca = root().intermediate("Slow", key=slow_key(bits))

    search = _search(ca.client("a", key=fixed_key("leaf")), [ca], root())

    assert (search.paths, search.unsupported) == ((), True)
    assert prices == []


def test_what_is_trusted_is_checked_whatever_was_sent_along(prices: list[int]) -> None:
    leaf = root().client("a")
    _, sent = _maze(KeyKind.P384)

    search = _search(leaf, sent, root())

    assert [path.certificates[-1].der for path in search.paths] == [root().der]
    assert sum(prices) <= 9 * SENT_PRICE + 1


def test_a_key_identifier_finds_the_right_one_of_many() -> None:
    anchors = [
        make_root("Same", at=AT, key=fixed_key(f"same {number}"))
        for number in range(MAX_SIGNATURE_CHECKS + 6)
    ]

    search = _search(anchors[-1].client("a"), [], *anchors)

    assert search.paths[0].certificates[-1].der == anchors[-1].der


def test_a_path_is_no_longer_than_allowed() -> None:
    ca = intermediate()
    below = ca.intermediate("Below")

    assert _search(below.client("a"), [below, ca], root(), chain_length=2).paths
    search = _search(below.client("a"), [below, ca], root(), chain_length=1)
    assert (search.paths, search.too_long) == ((), True)
