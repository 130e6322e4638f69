# SPDX-License-Identifier: Apache-2.0
"""Whatever somebody has of a leaked key leads to its certificates."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from authz.certs.pem import write_pem
from authz.errors import InvalidInputError, InvalidRequestError, NotFoundError
from authz.services.authority_creation import upload_authority
from authz.services.incident import Leaked, find_leaked, revoke_leaked
from authz.services.issuance import issue_certificate
from authz.services.revocation import list_revoked
from authz.store.records_activity import StoredEvent
from tests.factories.issuing import csr
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from authz.services.issuance import Issued
    from tests.unit.services.conftest import World


@pytest.fixture
def alice(world: World) -> Issued:
    world.ca()
    world.issue("bob")
    return world.issue("alice")


def ids(leaked: Leaked) -> list[str]:
    return [one.id for one in leaked.certificates]


@pytest.mark.parametrize(
    "form",
    [
        "id",
        "sha256",
        "openssl",
        "spaces",
        "short",
        "base64",
        "sha1",
        "serial",
        "0x",
        "decimal",
        "cn",
    ],
)
def test_every_name_of_a_certificate(world: World, alice: Issued, form: str) -> None:
    one = alice.certificate
    sha1 = hashlib.sha1(one.der, usedforsecurity=False).hexdigest()
    pairs = [one.fingerprint_sha256[i : i + 2].upper() for i in range(0, 64, 2)]
    what = {
        "id": one.id,
        "sha256": one.fingerprint_sha256,
        "openssl": f"sha256 Fingerprint={':'.join(pairs)}",
        "spaces": " ".join(pairs),
        "short": one.fingerprint_sha256[:12],
        "base64": f"SHA256:{base64.b64encode(bytes.fromhex(one.fingerprint_sha256)).decode()}",
        "sha1": f"SHA1 Fingerprint={sha1.upper()}",
        "serial": ":".join(one.serial[i : i + 2] for i in range(0, len(one.serial), 2)),
        "0x": f"0x{one.serial}",
        "decimal": str(int(one.serial, 16)),
        "cn": "alice",
    }[form]

    assert ids(find_leaked(world.store, what)) == [one.id]


def test_the_event_in_which_it_was_shown(world: World, alice: Issued) -> None:
    def event(name: str, fingerprint: str) -> StoredEvent:
        return StoredEvent(
            id=name,
            at=AT,
            site="s",
            verdict="deny",
            rule="",
            fingerprint_sha256=fingerprint,
            event={},
        )

    with world.store.note() as session:
        session.events.add(
            [
                event("1-2-3", alice.certificate.fingerprint_sha256),
                event("4-5-6", "f" * 64),
                event("7-8-9", ""),
            ]
        )

    assert ids(find_leaked(world.store, "1-2-3")) == [alice.certificate.id]
    with pytest.raises(NotFoundError, match="not issued here"):
        find_leaked(world.store, "4-5-6")
    with pytest.raises(NotFoundError, match="no certificate in this event"):
        find_leaked(world.store, "7-8-9")


def test_the_files_of_it(world: World, alice: Issued) -> None:
    assert alice.key_pem is not None
    certificate = write_pem(alice.certificate.der, "CERTIFICATE")
    for content in (
        certificate.encode(),
        alice.certificate.der,
        alice.bundle.encode(),
        alice.key_pem,
        alice.key_pem + certificate.encode(),
    ):
        assert ids(find_leaked(world.store, "file", content)) == [alice.certificate.id]


def test_a_key_that_no_certificate_has(world: World, alice: Issued) -> None:
    with pytest.raises(NotFoundError, match="has this key"):
        find_leaked(world.store, "file", root("Other").client("x", at=AT).key_pem)


def test_every_certificate_of_the_key_is_meant(world: World, alice: Issued) -> None:
    """One that was issued anew for the same request."""
    one, *again = [
        issue_certificate(
            world.store,
            csr("carol"),
            zone="default",
            label=f"carol {number}",
            encryption=world.encryption,
            actor="tester",
            at=AT,
        ).certificate.id
        for number in range(3)
    ]

    found = find_leaked(world.store, one)

    assert ids(found)[0] == one
    assert sorted(ids(found)[1:]) == sorted(again)
    done, revision = revoke_leaked(
        world.store, found, reason="keyCompromise", actor="tester", at=AT
    )
    assert [one.changed for one in done] == [True] * 3
    with world.store.read() as session:
        assert session.revision == revision
    again_done, _ = revoke_leaked(world.store, found, reason="keyCompromise", actor="t", at=AT)
    assert [one.changed for one in again_done] == [False] * 3


def test_of_an_uploaded_authority_the_serial_number_is_revoked(world: World) -> None:
    upload_authority(world.store, root().pem, name="Partner", actor="tester", at=AT)
    issued = root().client("carol", at=AT, serial=0xABC)

    found = find_leaked(world.store, "carol.pem", issued.pem)
    with pytest.raises(InvalidRequestError):
        revoke_leaked(world.store, found, reason="curiosity", actor="tester", at=AT)
    done, _ = revoke_leaked(world.store, found, reason="key_compromise", actor="tester", at=AT)

    assert [(one.authority.name, one.serial, one.certificate) for one in done] == [
        ("Partner", "ABC", None)
    ]
    # As RFC 5280 names it, however it was written.
    assert [one.reason for one in list_revoked(world.store, "Partner")] == ["keyCompromise"]
    with pytest.raises(NotFoundError, match="of no authority that is known here"):
        find_leaked(world.store, "x.pem", root("Unknown").client("eve", at=AT).pem)


def test_what_was_issued_here_for_a_key_of_elsewhere_goes_too(world: World) -> None:
    world.ca()
    upload_authority(world.store, root().pem, name="Partner", actor="tester", at=AT)
    elsewhere = root().client("carol", at=AT, serial=0xABC)
    here = issue_certificate(
        world.store,
        csr("carol", key=elsewhere.key),
        zone="default",
        label="carol",
        encryption=world.encryption,
        actor="tester",
        at=AT,
    ).certificate

    found = find_leaked(world.store, "carol.pem", elsewhere.pem)
    done, _ = revoke_leaked(world.store, found, reason="keyCompromise", actor="tester", at=AT)

    assert ids(found) == [here.id]
    assert sorted(one.serial for one in done) == sorted(["ABC", here.serial])


def test_names_that_several_have_and_that_nobody_has(world: World, alice: Issued) -> None:
    world.issue("alice")
    with pytest.raises(InvalidInputError, match='2 certificates are called "alice"'):
        find_leaked(world.store, "alice")
    with pytest.raises(NotFoundError, match="nothing here is known"):
        find_leaked(world.store, "mallory")
    with pytest.raises(NotFoundError):
        find_leaked(world.store, "12345678901234567890")
