# SPDX-License-Identifier: Apache-2.0
"""Hostname associations over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.demo.pki import make_root
from authz.services.authorities import list_authorities
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import set_status
from authz.services.distrust import distrust_authority
from authz.services.permissions import Grant, Level, Resource
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

PATH = "/zones/{zone}/certificate_authorities/hostname_associations"


def _put(api: Bench, *hostnames: str, **more: Any) -> list[str]:
    result = api.result("PUT", PATH, json={"hostnames": list(hostnames), **more})
    assert list(result) == ["hostnames"]
    names: list[str] = result["hostnames"]
    return names


def _get(api: Bench, **query: str) -> list[str]:
    names: list[str] = api.result("GET", PATH, params=query)["hostnames"]
    return names


def _uploaded(api: Bench) -> str:
    made = make_root("Partner", at=api.now)
    return upload_authority(api.store, made.pem, actor="test", at=api.now).authority.id


def test_without_an_authority_there_are_none_and_none_is_made(api: Bench) -> None:
    assert _get(api) == []
    assert _put(api) == []
    assert list_authorities(api.store) == []


def test_the_embedded_ca_is_meant_and_made(api: Bench) -> None:
    names = ["b.example.com", "a.example.com", "*.c.example.com"]

    assert _put(api, *names) == names
    assert _get(api) == names
    (made,) = list_authorities(api.store)
    assert made.authority.name == "Managed CA for default"
    assert _get(api, mtls_certificate_id=made.authority.id) == names


@pytest.mark.parametrize("hostname", ["not valid!", "*.*.example.com", ""])
def test_what_is_refused_makes_no_authority(api: Bench, hostname: str) -> None:
    (error,) = api.errors(400, "PUT", PATH, json={"hostnames": ["a.example.com", hostname]})

    assert error["source"] == {"pointer": "/hostnames/1"}
    assert list_authorities(api.store) == []


def test_they_are_replaced_in_their_order_and_removed(api: Bench) -> None:
    _put(api, "a.example.com", "b.example.com")

    assert _put(api, "C.example.com", "b.example.com") == ["c.example.com", "b.example.com"]
    assert _get(api) == ["c.example.com", "b.example.com"]
    assert _put(api) == []
    assert _get(api) == []


def test_those_of_an_uploaded_authority_are_others(api: Bench) -> None:
    mine = _uploaded(api)
    _put(api, "a.example.com")

    assert _put(api, "a.example.com", "b.example.com", mtls_certificate_id=mine) == [
        "a.example.com",
        "b.example.com",
    ]

    assert _get(api) == ["a.example.com"]
    assert _get(api, mtls_certificate_id=mine) == ["a.example.com", "b.example.com"]
    assert _put(api, mtls_certificate_id=mine) == []
    assert _get(api) == ["a.example.com"]


def test_those_of_a_retired_authority_can_be_removed(api: Bench) -> None:
    _put(api, "a.example.com")
    set_status(api.store, "Managed CA for default", "retired", actor="test", at=api.now)

    assert _get(api) == ["a.example.com"]
    assert _put(api) == []


def test_a_distrusted_authority_gets_no_hostnames(api: Bench) -> None:
    _put(api, "a.example.com")
    managed = "Managed CA for default"
    distrust_authority(api.store, managed, encryption=None, actor="test", at=api.now)

    body = {"hostnames": ["a.example.com"]}
    assert "was distrusted on" in str(api.errors(400, "PUT", PATH, json=body))
    assert _get(api) == []
    assert _put(api) == []


def test_an_authority_that_is_not_there_or_another_zones(api: Bench) -> None:
    other = create_zone(api.store, "example.com", actor="test", at=api.now).zone
    foreign = api.world.ca("foreign", zone=other.name).authority.id

    for unknown in ("0" * 32, "", "foreign", foreign):
        api.errors(404, "GET", PATH, params={"mtls_certificate_id": unknown})
        body = {"hostnames": [], "mtls_certificate_id": unknown}
        assert "another zone" not in str(api.errors(404, "PUT", PATH, json=body))


@pytest.mark.parametrize("wrong", ["api.example.com", "no host", "a.test:8443", "\0", ""])
def test_the_answer_points_at_a_hostname_that_is_none_of_the_zone(api: Bench, wrong: str) -> None:
    create_zone(api.store, "example.com", actor="test", at=api.now)

    errors = api.errors(400, "PUT", PATH, json={"hostnames": ["a.test", wrong]})

    assert errors[0]["source"]["pointer"] == "/hostnames/1"
    assert not errors[0]["message"].startswith("1:")
    assert _get(api) == []


def test_bodies_that_are_none(api: Bench) -> None:
    for body, pointer in (
        ({}, "/hostnames"),
        ({"hostnames": "a.test"}, "/hostnames"),
        ({"hostnames": [1]}, "/hostnames/0"),
        ({"hostnames": ["a.test"] * 1001}, "/hostnames"),
    ):
        errors = api.errors(400, "PUT", PATH, json=body)
        assert errors[0]["source"]["pointer"] == pointer


def test_two_authorities_with_the_same_anchor_are_refused(api: Bench) -> None:
    made = make_root("Partner", at=api.now)
    first, second = (
        upload_authority(api.store, made.pem, name=name, actor="test", at=api.now).authority.id
        for name in ("first", "second")
    )
    _put(api, "a.test", mtls_certificate_id=first)

    body = {"hostnames": ["b.test", "a.test"], "mtls_certificate_id": second}
    api.errors(400, "PUT", PATH, json=body)

    assert _get(api, mtls_certificate_id=second) == []


def test_who_may_read_may_not_write(api: Bench) -> None:
    reader = api.token_for(
        [Grant(resource=Resource.CERTIFICATES, level=Level.READ, place=api.zone_id)]
    )

    assert api.result("GET", PATH, token=reader) == {"hostnames": []}
    api.errors(403, "PUT", PATH, token=reader, json={"hostnames": []})


def test_nobody_replaces_hostnames_they_have_not_seen(api: Bench) -> None:
    empty = api.call("GET", PATH).headers["ETag"]
    other = {"If-Match": '"other"'}
    assert api.errors(412, "PUT", PATH, json={"hostnames": ["a.example.com"]}, headers=other)
    assert list_authorities(api.store) == []

    def put(tag: str, *names: str) -> Any:
        return api.call("PUT", PATH, json={"hostnames": names}, headers={"If-Match": tag})

    made = put(empty, "a.example.com")
    assert (made.status_code, made.headers["ETag"]) == (200, api.call("GET", PATH).headers["ETag"])
    assert made.headers["ETag"] != empty
    assert put(empty, "b.example.com").status_code == 412
    assert _get(api) == ["a.example.com"]
    assert put("*", "b.example.com").status_code == 200
    assert put(f'"x", {api.call("GET", PATH).headers["ETag"]}').status_code == 200
    (error,) = api.errors(400, "PUT", PATH, json={"hostnames": []}, headers={"If-None-Match": "*"})
    assert "does not support If-None-Match" in error["message"]
