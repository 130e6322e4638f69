# SPDX-License-Identifier: Apache-2.0
"""Which CRLs are due when, and what they say together to whoever has an earlier one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.ca.keys import KeyEncryption
from authz.certs.authority import RevocationMode
from authz.certs.certificate import Certificate
from authz.certs.crl import compile_crl, read_crl
from authz.certs.revocation import compile_revocation
from authz.certs.serials import Serials
from authz.errors import ConflictError, KeyUnavailableError
from authz.services import crls, publication
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import retire_previous, rotate_authority
from authz.services.crls import CrlWanted, sign_crl, sign_crls
from authz.services.keys import key_of, opened
from authz.services.publication import next_due, sign_due, signer_of, signing_certificates
from authz.services.revocation import (
    restore_certificate,
    restore_serial,
    revoke_certificate,
    revoke_serial,
)
from tests.factories.issuing import openssl
from tests.factories.pki import AT, root
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.certs.authority import CrlModel
    from authz.store.records import PublishedCrl
    from tests.unit.services.conftest import World

HOURS = 168
HALF = HOURS * 1800.0


@pytest.fixture(autouse=True)
def _small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first CRL is number 1. That they are of the time: test_crls."""
    monkeypatch.setattr(crls, "least_number", lambda _: 1)


def _sign(world: World, at: float = AT, **changes: Any) -> list[publication.Unsigned]:
    given: dict[str, Any] = {"hours": HOURS, "publication_url": "http://pki.example.com", **changes}
    return sign_due(world.store, lambda: world.encryption, at=at, **given)


def _heads(world: World, certificate_id: str | None = None) -> dict[str, PublishedCrl]:
    """What is kept of one certificate, or of the only one, by kind."""
    with world.store.read() as session:
        return {one.kind: one for one in session.published.heads(certificate_id)}


def _numbers(world: World, certificate_id: str | None = None) -> dict[str, int]:
    return {kind: one.number for kind, one in _heads(world, certificate_id).items()}


def _crl(world: World, kind: str, of: str | None = None) -> PublishedCrl:
    (issuing,) = {one.certificate_id for one in _heads(world, of).values()}
    with world.store.read() as session:
        found = session.published.get(issuing, kind)
    assert found is not None
    return found


def _model(world: World, crl: PublishedCrl) -> CrlModel:
    """A CRL as whoever verifies reads it."""
    with world.store.read() as session:
        issuers = [Certificate.from_der(one.der) for one in session.authorities.certificates()]
    return read_crl(crl.body, issuers, where="test")


def _listed(world: World, kind: str, *, removed: bool = False, of: str | None = None) -> set[int]:
    """The serial numbers in the latest CRL of a kind, as openssl prints them."""
    text = openssl("crl", "-inform", "DER", "-noout", "-text", stdin=_crl(world, kind, of).body)
    entries = text.partition("Revoked Certificates:")[2].split("Serial Number: ")[1:]
    return {
        int(entry.split()[0], 16) for entry in entries if ("Remove From CRL" in entry) is removed
    }


def _revoke(world: World, name: str, at: float = AT) -> str:
    one = world.issue(name).certificate
    revoke_certificate(world.store, one.id, actor="t", at=at)
    return one.id


def test_a_new_authority_gets_a_complete_one_and_a_delta_to_it(world: World) -> None:
    world.ca()

    assert not _sign(world)
    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 2}
    complete, delta = _heads(world)["complete"], _heads(world)["delta"]
    assert complete.next_update == AT + HOURS * 3600
    assert delta.next_update == AT + DAY
    assert _heads(world)["base"].body == b""


def test_nothing_is_signed_again_without_a_reason(world: World) -> None:
    world.ca()
    _sign(world)
    before = len(world.audited())
    _sign(world, AT + 60)

    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 2}
    assert len(world.audited()) == before


def test_while_few_are_revoked_a_change_is_in_both_under_one_number(world: World) -> None:
    world.ca()
    _sign(world)
    one = _revoke(world, "a")
    _sign(world, AT + 1)

    assert _numbers(world) == {"base": 1, "complete": 3, "delta": 3}
    assert _model(world, _crl(world, "delta")).base_number == b"\x01"
    row = world.last()
    assert (row.action, row.actor) == ("authority.crl", "control")
    assert row.after is not None
    assert (row.after["kind"], row.after["number"]) == ("complete and delta", 3)
    restore_certificate(world.store, one, actor="t", at=AT + 2)
    _sign(world, AT + 3)
    assert _numbers(world) == {"base": 1, "complete": 4, "delta": 4}
    assert not _listed(world, "complete")


def test_what_was_restored_is_removed_by_the_delta(world: World) -> None:
    world.ca()
    early = world.issue("early").certificate
    revoke_certificate(world.store, early.id, actor="t", at=AT)
    _sign(world)
    late = world.issue("late").certificate
    revoke_certificate(world.store, late.id, reason="keyCompromise", actor="t", at=AT + 1)
    restore_certificate(world.store, early.id, actor="t", at=AT + 1)
    _sign(world, AT + 2)

    assert _listed(world, "delta") == {int(late.serial, 16)}
    assert _listed(world, "delta", removed=True) == {int(early.serial, 16)}
    # RFC 5280 5.2.4: a delta in between may have listed it.
    restore_certificate(world.store, late.id, actor="t", at=AT + 3)
    _sign(world, AT + 4)
    both = {int(early.serial, 16), int(late.serial, 16)}
    assert _listed(world, "delta", removed=True) == both


def test_of_many_only_the_delta_is_signed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "FEW", 2)
    world.ca()
    for name in ("a", "b", "c"):
        _revoke(world, name)
    _sign(world)
    first = _crl(world, "complete")
    _revoke(world, "d")
    _sign(world, AT + 1)
    _revoke(world, "e")
    _sign(world, AT + 2)

    assert _crl(world, "complete") == first
    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 4}
    assert len(_listed(world, "delta")) == 2


def test_too_much_for_a_delta_is_a_complete_one_and_a_new_base(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "FEW", 0)
    monkeypatch.setattr(publication, "MOST_CHANGES", 2)
    world.ca()
    _sign(world)
    for name in ("a", "b"):
        _revoke(world, name)
    _sign(world, AT + 1)
    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 3}
    _revoke(world, "c")
    _sign(world, AT + 2)

    assert _numbers(world) == {"base": 4, "complete": 4, "delta": 5}
    assert not _listed(world, "delta")


def test_when_changes_are_not_remembered_there_is_a_complete_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "FEW", 0)
    world.ca()
    _sign(world)
    for name in ("a", "b"):
        _revoke(world, name)
    with world.store.write() as session:
        session.revocations.forget_changes(session.revision)
    assert not _sign(world, AT + 1)

    assert _numbers(world) == {"base": 3, "complete": 3, "delta": 4}
    assert len(_listed(world, "complete")) == 2


def test_each_is_signed_again_when_half_of_its_validity_is_over(world: World) -> None:
    world.ca()
    _sign(world)
    with world.store.read() as session:
        assert next_due(session, at=AT) == AT + DAY / 2
    _sign(world, AT + DAY / 2 - 1)
    assert _numbers(world)["delta"] == 2
    _sign(world, AT + DAY / 2)
    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 3}
    _sign(world, AT + HALF)
    assert _numbers(world) == {"base": 1, "complete": 4, "delta": 4}


def test_a_base_is_one_that_somebody_may_still_have(world: World) -> None:
    world.ca()
    _sign(world)
    _sign(world, AT + HALF)
    _sign(world, AT + 2 * HALF)

    # The first one is over now; the second, number 3, is not.
    assert _numbers(world)["base"] == 3
    assert _numbers(world)["complete"] == 4
    assert _heads(world)["base"].next_update > AT + 2 * HALF


def test_a_delta_does_not_outlast_a_short_complete_one(world: World) -> None:
    world.ca()
    _sign(world, hours=2)

    assert _heads(world)["delta"].next_update == AT + 2 * 3600


def test_every_certificate_with_a_key_has_its_own(world: World) -> None:
    known = world.ca(intermediate=True)
    _revoke(world, "a")
    _sign(world)

    for one in known.certificates:
        assert _numbers(world, one.id) == {"base": 1, "complete": 1, "delta": 2}


def test_a_root_above_lists_what_it_issued_and_not_what_its_intermediate_did(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    intermediate, above = world.ca(intermediate=True).certificates
    _sign(world)
    revoke_serial(world.store, "Acme", "0A", actor="t", at=AT)
    revoke_certificate(world.store, world.issue("a").certificate.id, actor="t", at=AT)
    _sign(world, AT + 1)
    assert (_numbers(world, above.id), _numbers(world, intermediate.id)) == (
        {"base": 1, "complete": 3, "delta": 3},
        {"base": 1, "complete": 3, "delta": 3},
    )

    # Clients of the intermediate are nothing to it, and its key is left alone.
    client = world.issue("b").certificate
    revoke_certificate(world.store, client.id, actor="t", at=AT + 2)
    monkeypatch.setattr(publication, "FEW", 2)
    _sign(world, AT + 2)
    assert _numbers(world, above.id)["delta"] == 3
    assert _numbers(world, intermediate.id)["delta"] == 4
    restore_certificate(world.store, client.id, actor="t", at=AT + 3)

    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT + 3)
    retire_previous(world.store, "Acme", force=True, actor="t", at=AT + 3)
    _sign(world, AT + 4)
    old = Certificate.from_der(intermediate.der).serial_number
    assert _numbers(world, above.id) == {"base": 1, "complete": 4, "delta": 4}
    assert _listed(world, "complete", of=above.id) == {10, old}
    assert _listed(world, "delta", of=above.id) == {10, old}
    # One that was issued and restored is no removed entry of it either.
    assert not _listed(world, "delta", of=above.id, removed=True)


def test_a_root_with_many_on_its_list_signs_deltas_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "FEW", 1)
    _, above = world.ca(intermediate=True).certificates
    for serial in ("0A", "0B"):
        revoke_serial(world.store, "Acme", serial, actor="t", at=AT)
    _sign(world)
    revoke_serial(world.store, "Acme", "0C", actor="t", at=AT)
    _sign(world, AT + 1)

    assert _numbers(world, above.id) == {"base": 1, "complete": 1, "delta": 3}


def test_also_one_of_before_a_rotation_until_it_goes_or_expires(world: World) -> None:
    old = world.ca().certificates[0]
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)
    _sign(world)
    assert _numbers(world, old.id) == {"base": 1, "complete": 1, "delta": 2}
    with world.store.read() as session:
        assert len(signing_certificates(session, AT)) == 2
        assert len(signing_certificates(session, old.not_after + 1)) == 0
        assert next_due(session, at=old.not_after + 1) == float("inf")
    retire_previous(world.store, "Acme", actor="t", at=AT)
    _sign(world)
    assert not _numbers(world, old.id)


def test_an_uploaded_authority_has_none(world: World) -> None:
    upload_authority(world.store, root().pem, name="Theirs", actor="t", at=AT)
    revoke_serial(world.store, "Theirs", "0A", actor="t", at=AT)

    assert not _sign(world)
    assert not _heads(world)


def test_what_one_authority_revokes_is_nothing_to_another(world: World) -> None:
    acme = world.ca().certificates[0]
    other = world.ca("Other").certificates[0]
    _sign(world)
    revoke_serial(world.store, "Other", "0A", actor="t", at=AT)
    _sign(world, AT + 1)

    assert _numbers(world, acme.id)["delta"] == 2
    assert _numbers(world, other.id)["delta"] == 3


def test_a_key_that_cannot_be_used_stops_its_own_authority_only(world: World) -> None:
    world.ca()
    other = KeyEncryption.from_key_file(bytes(range(1, 33)))
    theirs = world.ca("Other").certificates[0]
    with world.store.write() as session:
        key = key_of(session, theirs)
        record = other.encrypt(opened(key, world.encryption), bound_to=key.id.encode())
        session.authorities.replace_key(replace(key, record=record))
    (unsigned,) = _sign(world)

    assert unsigned.signing.certificate == theirs
    assert isinstance(unsigned.error, KeyUnavailableError)
    assert {one.certificate_id for one in _heads(world).values()} != {theirs.id}
    assert not _sign(world, without={theirs.id})


def test_who_loses_to_another_node_keeps_nothing_and_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()
    build = crls.build_crl

    def slowly(*arguments: Any, **named: Any) -> bytes:
        monkeypatch.setattr(crls, "build_crl", build)
        sign_crl(world.store, "Acme", encryption=world.encryption, actor="other", at=AT)
        return build(*arguments, **named)

    monkeypatch.setattr(crls, "build_crl", slowly)
    assert not _sign(world)

    # The other one's stays; what is due beside it is found the next time.
    assert _numbers(world) == {"complete": 1}
    _sign(world, AT + 1)
    assert _numbers(world) == {"base": 1, "complete": 1, "delta": 2}


def test_a_command_that_loses_tries_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    build = crls.build_crl

    def slowly(*arguments: Any, **named: Any) -> bytes:
        monkeypatch.setattr(crls, "build_crl", build)
        _sign(world)
        return build(*arguments, **named)

    monkeypatch.setattr(crls, "build_crl", slowly)
    crl = sign_crl(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)

    assert crl.number == 3
    assert _numbers(world)["complete"] == 3


def test_a_command_that_always_loses_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ca()
    with world.store.read() as session:
        (signing,) = signing_certificates(session, AT)
    signer = signer_of(world.store, signing, lambda: world.encryption)
    build = crls.build_crl
    depth = [0]

    def slowly(*arguments: Any, **named: Any) -> bytes:
        if not depth[0]:
            depth[0] = 1
            sign_crls(
                world.store,
                signing.authority,
                signing.certificate,
                signer,
                (CrlWanted(hours=1),),
                actor="other",
                at=AT,
            )
            depth[0] = 0
        return build(*arguments, **named)

    monkeypatch.setattr(crls, "build_crl", slowly)
    with pytest.raises(ConflictError, match="at the same time"):
        sign_crl(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)


def test_whoever_has_any_complete_one_in_force_gets_along_with_the_delta(world: World) -> None:
    """As our own data plane reads them."""
    world.ca()
    kept = [world.issue(name).certificate for name in ("a", "b", "c")]
    serials = [int(one.serial, 16) for one in kept]
    revoke_certificate(world.store, kept[0].id, actor="t", at=AT)
    _sign(world)
    first = _crl(world, "complete")
    revoke_certificate(world.store, kept[1].id, actor="t", at=AT + 1)
    _sign(world, AT + 1)
    second = _crl(world, "complete")
    restore_certificate(world.store, kept[0].id, actor="t", at=AT + 2)
    revoke_certificate(world.store, kept[2].id, actor="t", at=AT + 2)
    _sign(world, AT + 2)
    latest, delta = _crl(world, "complete"), _crl(world, "delta")

    for complete in (first, second, latest):
        revocation = compile_revocation(
            mode=RevocationMode.STRICT,
            crls=[compile_crl(_model(world, one)) for one in (complete, delta)],
            serials=Serials(),
            sources_configured=0,
        )
        ((scope,),) = revocation.by_issuer_key.values()
        assert [scope.lists(one, AT + 3) for one in serials] == [False, True, True]


def test_serial_numbers_that_were_never_issued_here_are_listed_too(world: World) -> None:
    world.ca()
    _sign(world)
    revoke_serial(world.store, "Acme", "0A", actor="t", at=AT)
    _sign(world, AT + 1)
    assert _listed(world, "delta") == {10}
    restore_serial(world.store, "Acme", "0A", actor="t", at=AT + 1)
    _sign(world, AT + 2)
    assert _listed(world, "delta", removed=True) == {10}
