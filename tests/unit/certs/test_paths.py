# SPDX-License-Identifier: Apache-2.0
"""Bounds of the search; which path is found is in tests/vectors/certs (path)."""

from __future__ import annotations

import time

from authz.certs.certificate import Certificate
from authz.certs.paths import MAX_PATHS, MAX_SIGNATURE_CHECKS, Search, find_paths
from authz.certs.trust import compile_trust
from authz.demo.pki import Issued, make_root
from tests.factories.pki import AT, authority, fixed_key, intermediate, root


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
