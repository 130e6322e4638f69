# SPDX-License-Identifier: Apache-2.0
"""An authority is at its own address, and at no other; who may not read it does not find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.pem import write_pem
from authz.services.authority_creation import upload_authority
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.zones import create_zone
from tests.factories.issuing import root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor


def _uploaded(visitor: Visitor) -> str:
    pem = write_pem(root().certificate.der, "CERTIFICATE")
    return upload_authority(visitor.bench.store, pem, actor="test", at=AT).authority.id


def test_each_is_at_its_own_address(visitor: Visitor) -> None:
    embedded, uploaded = visitor.bench.world.ca().authority.id, _uploaded(visitor)

    visitor.get(f"/zones/{{zone}}/authorities/{embedded}")
    visitor.get(f"/authorities/{uploaded}")
    visitor.get(f"/zones/{{zone}}/authorities/{uploaded}", 404)
    visitor.get(f"/authorities/{embedded}", 404)
    visitor.get(f"/authorities/{'0' * 32}", 404)


def test_another_zones_is_not_found(visitor: Visitor) -> None:
    store = visitor.bench.store
    embedded = visitor.bench.world.ca().authority.id
    other = create_zone(store, "shop.example", actor="test", at=AT).zone

    visitor.get(f"/zones/{other.id}/authorities/{embedded}", 404)


def test_who_may_read_one_kind_does_not_find_the_other(visitor: Visitor) -> None:
    embedded, uploaded = visitor.bench.world.ca().authority.id, _uploaded(visitor)
    read = {"resource": Resource.CERTIFICATES, "level": Level.READ}
    of_zones = visitor.with_grants([Grant(**read, place=EVERY_ZONE)], "zones")
    of_account = visitor.with_grants([Grant(**read, place=ACCOUNT_WIDE)], "account")

    of_zones.get(f"/zones/{{zone}}/authorities/{embedded}")
    of_zones.get(f"/authorities/{uploaded}", 403)
    of_zones.get(f"/authorities/{'0' * 32}", 403)
    of_account.get(f"/authorities/{uploaded}")
    of_account.get(f"/zones/{{zone}}/authorities/{embedded}", 403)
