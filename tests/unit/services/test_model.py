# SPDX-License-Identifier: Apache-2.0
"""A policy file and a store together."""

from __future__ import annotations

from authz.policy.model import PolicyModel, SiteModel
from authz.services.model import beside
from tests.factories.policies import site


def policy(*sites: SiteModel) -> PolicyModel:
    return PolicyModel(sites=sites)


def hosts(model: PolicyModel) -> dict[str, tuple[str, ...]]:
    return {site.name: site.hosts for site in model.sites}


CATCH_ALL = site(name="default", hosts=("*",), trust=())


def test_a_host_of_both_is_the_files() -> None:
    file = policy(site(name="api", hosts=("API.example.com",)))
    store = policy(
        site(name="api.example.com", hosts=("api.example.com",)),
        site(name="api", hosts=("other.example.com",)),
    )

    assert hosts(beside(file, store)) == {
        "api": ("API.example.com",),
        "api (store)": ("other.example.com",),
    }


def test_beside_a_file_the_store_opens_no_host_that_nobody_named() -> None:
    """An empty store has a zone for every host, which lets everybody in."""
    file = policy(site(name="api", hosts=("api.example.com",)))

    assert hosts(beside(file, policy(CATCH_ALL))) == {"api": ("api.example.com",)}


def test_a_zone_of_its_own_is_answered_for_beside_a_file() -> None:
    file = policy(site(name="api", hosts=("api.example.com",)))
    zone = site(name="example.net", hosts=("example.net", "*.example.net"), trust=())

    assert hosts(beside(file, policy(zone)))["example.net"] == ("example.net", "*.example.net")


def test_an_authority_that_somebody_gave_every_host_is_answered_by_beside_a_file() -> None:
    file = policy(site(name="api", hosts=("api.example.com",)))

    both = beside(file, policy(site(name="*", hosts=("*",))))

    assert hosts(both)["*"] == ("*",)


def test_without_a_file_the_store_answers_for_every_host() -> None:
    store = policy(CATCH_ALL)

    assert beside(policy(), store) is store
