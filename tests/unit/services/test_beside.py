# SPDX-License-Identifier: Apache-2.0
"""A policy file and a store: what the file covers is the file's, however it is spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.policy.model import PolicyModel
from authz.policy.snapshot import compile_snapshot
from authz.rules.lists import ListKind, ListModel
from authz.services.beside import beside
from authz.services.model import SCOPE
from tests.factories.policies import site


def _file(*hosts: str) -> PolicyModel:
    return PolicyModel(sites=(site(name="file", hosts=hosts, trust=()),))


def _store(*hosts: str) -> PolicyModel:
    sites = (site(name=host, hosts=(host,), trust=(), scope=SCOPE) for host in hosts)
    return PolicyModel(sites=tuple(sites))


def _owner(file: PolicyModel, store: PolicyModel, host: str) -> str | None:
    found = compile_snapshot(beside(file, store).model, 1, 0.0).hosts.find(host.encode())
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("written", "stored", "asked"),
    [
        ("api.example.com", "api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com", "api.example.com"),
        ("api.example.com.", "api.example.com", "API.example.com."),
        ("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("[2001:DB8:0::1]", "[2001:db8::1]", "[2001:db8::1]"),
        ("*.example.com", "*.example.com", "api.example.com"),
        ("*.Example.com.", "*.example.com", "api.example.com"),
        # A name that is exact, or a longer wildcard, would win over the file's wildcard.
        ("*.example.com", "api.example.com", "api.example.com"),
        ("*.example.com", "*.eu.example.com", "api.eu.example.com"),
        ("*.example.com", "a.b.c.example.com", "a.b.c.example.com"),
        ("*.bücher.example", "shop.xn--bcher-kva.example", "shop.xn--bcher-kva.example"),
        # The file's exact name, or its longer wildcard, wins by itself.
        ("api.example.com", "*.example.com", "api.example.com"),
        ("*.eu.example.com", "*.example.com", "api.eu.example.com"),
    ],
)
def test_a_host_that_the_file_covers_is_the_files(written: str, stored: str, asked: str) -> None:
    assert _owner(_file(written), _store(stored), asked) == "file"


@pytest.mark.parametrize(
    ("written", "stored", "asked"),
    [
        ("api.example.com", "web.example.com", "web.example.com"),
        ("*.example.com", "example.com", "example.com"),
        ("*.example.com", "badexample.com", "badexample.com"),
        ("example.com", "*.example.com", "api.example.com"),
        # What nobody named is nobody's to take away from whoever names a host.
        ("*", "api.example.com", "api.example.com"),
        ("*", "*.example.com", "api.example.com"),
    ],
)
def test_another_host_is_the_stores(written: str, stored: str, asked: str) -> None:
    assert _owner(_file(written), _store(stored), asked) == stored


def test_the_store_does_not_open_what_the_file_leaves_closed() -> None:
    assert _owner(_file("api.example.com"), _store("*"), "other.example.com") is None
    assert _owner(_file("*"), _store("*"), "other.example.com") == "file"


def test_an_authority_that_somebody_gave_every_host_counts_beside_a_file() -> None:
    every = PolicyModel(sites=(site(name="*", hosts=("*",), scope=SCOPE),))

    assert _owner(_file("api.example.com"), every, "other.example.com") == "*"
    assert _owner(_file("*"), every, "other.example.com") == "file"


def test_a_zone_of_its_own_counts_beside_a_file() -> None:
    zone = site(name="example.net", hosts=("example.net", "*.example.net"), trust=(), scope=SCOPE)

    both = beside(_file("api.example.com"), PolicyModel(sites=(zone,)))

    assert both.model.sites[1].hosts == ("example.net", "*.example.net")


def test_what_is_shadowed_is_told() -> None:
    together = beside(
        _file("*.example.com"), _store("a.example.com", "b.example.org", "*.example.com")
    )

    assert together.shadowed == ("a.example.com", "*.example.com")
    assert [one.name for one in together.model.sites] == ["file", "b.example.org"]


def test_a_site_keeps_the_hosts_that_are_left() -> None:
    store = PolicyModel(
        sites=(site(name="z", hosts=("example.com", "*.example.com"), trust=(), scope=SCOPE),)
    )

    together = beside(_file("*.example.com"), store)

    assert together.model.sites[1].hosts == ("example.com",)


def test_sites_of_one_name_are_told_apart() -> None:
    file = PolicyModel(
        sites=(
            site(name="api", hosts=("a.example",), trust=()),
            site(name="api (store)", hosts=("b.example",), trust=()),
        )
    )
    store = PolicyModel(sites=(site(name="api", hosts=("c.example",), trust=(), scope=SCOPE),))

    names = [one.name for one in beside(file, store).model.sites]

    assert names == ["api", "api (store)", "api (store) (store)"]


def test_without_a_file_the_store_is_all_there_is() -> None:
    store = _store("api.example.com", "*")

    assert beside(PolicyModel(sites=()), store).model is store


def test_lists_of_both_may_have_one_name() -> None:
    def listed(item: str, scope: str) -> ListModel:
        return ListModel(name="offices", kind=ListKind.IP, items=(item,), scope=scope)

    file = PolicyModel(sites=_file("a.example").sites, lists=(listed("192.0.2.1", ""),))
    store = PolicyModel(sites=_store("b.example").sites, lists=(listed("192.0.2.2", SCOPE),))

    model = beside(file, store).model

    assert [(one.scope, one.items) for one in model.lists] == [
        ("", ("192.0.2.1",)),
        (SCOPE, ("192.0.2.2",)),
    ]
    compile_snapshot(model, 1, 0.0)


_LABELS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=3)
_PATTERNS = st.builds(
    lambda labels, wild: ("*." if wild else "") + ".".join([*labels, "example"]),
    _LABELS,
    st.booleans(),
)


@given(
    st.lists(_PATTERNS, min_size=1, max_size=4, unique=True),
    st.lists(_PATTERNS, max_size=4, unique=True),
    st.builds(lambda labels: ".".join([*labels, "example"]), _LABELS),
)
def test_whatever_the_file_answers_for_alone_it_answers_for_beside_a_store(
    written: list[str], stored: list[str], asked: str
) -> None:
    file, store = _file(*written), _store(*stored)

    alone = compile_snapshot(file, 1, 0.0).hosts.find(asked.encode())

    if alone is not None:
        assert _owner(file, store, asked) == "file"
