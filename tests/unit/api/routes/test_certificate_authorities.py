# SPDX-License-Identifier: Apache-2.0
"""Embedded CAs over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.demo.pki import make_root
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import rotate_authority, set_status
from authz.services.distrust import distrust_authority
from authz.services.root_rotation import rotate_root
from authz.services.zones import create_zone

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

PATH = "/zones/{zone}/certificate_authorities"


def test_the_zones_own_are_listed_and_read(api: Bench) -> None:
    assert api.result("GET", PATH) == []
    create_zone(api.store, "example.com", actor="test", at=api.now)
    first, second = api.world.ca("first"), api.world.ca("second")
    other = api.world.ca("other", zone="example.com")
    uploaded = upload_authority(
        api.store, make_root("Partner", at=api.now).pem, actor="test", at=api.now
    )

    listed = api.result("GET", PATH)

    assert [(one["name"], one["default"]) for one in listed] == [("first", True), ("second", False)]
    for known, one in zip((first, second), listed, strict=True):
        assert api.result("GET", f"{PATH}/{known.authority.id}") == one
    for foreign in (other, uploaded):
        api.errors(404, "GET", f"{PATH}/{foreign.authority.id}")


def test_status_expiry_and_rotation_show(api: Bench) -> None:
    known = api.world.ca("first")
    api.world.ca("second")
    rotate_authority(api.store, "first", encryption=api.world.encryption, actor="test", at=api.now)
    set_status(api.store, "first", "retired", actor="test", at=api.now)

    one = api.result("GET", f"{PATH}/{known.authority.id}")

    assert one["status"] == "retired"
    assert one["default"] is False
    previous, issuing = one["certificates"]
    assert (previous["role"], issuing["role"]) == ("previous", "issuing")
    assert one["expires_on"] == issuing["expires_on"]
    assert "private_key" not in str(one).replace("has_private_key", "")


def test_one_that_was_distrusted_shows(api: Bench) -> None:
    known = api.world.ca("first")
    assert api.result("GET", PATH)[0]["distrusted_on"] is None
    distrust_authority(api.store, "first", encryption=None, actor="test", at=api.now)

    (listed,) = api.result("GET", PATH)
    one = api.result("GET", f"{PATH}/{known.authority.id}")

    assert listed == one
    assert one["status"] == "distrusted"
    assert one["distrusted_on"] is not None


def test_a_rotation_of_the_root_shows(api: Bench) -> None:
    known = api.world.ca("first", intermediate=True)
    rotate_root(api.store, "first", encryption=api.world.encryption, actor="test", at=api.now)

    one = api.result("GET", f"{PATH}/{known.authority.id}")

    roles = [each["role"] for each in one["certificates"]]
    assert roles == ["previous", "previous_root", "issuing", "trusted"]
    assert all(each["has_private_key"] for each in one["certificates"])
    assert one["expires_on"] == one["certificates"][2]["expires_on"]
