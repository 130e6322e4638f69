# SPDX-License-Identifier: Apache-2.0
"""What is said of certificates out of the store, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.ca.keys import KeyEncryption
from authz.certs.certificate import Certificate
from authz.certs.ocsp import CertStatus, build_request, read_answer
from authz.errors import IssuerInactiveError, KeyUnavailableError, StoreUnavailableError
from authz.services.authorities import get_authority
from authz.services.authority_lifecycle import delete_authority, rotate_authority
from authz.services.ocsp_responders import VALIDITY_SECONDS, OcspReply, OcspResponders, try_later
from authz.services.revocation import restore_certificate, revoke_certificate, revoke_serial
from authz.services.root_rotation import retire_previous_root, rotate_root
from authz.store.records import CertificateRole
from tests.factories.issuing import issue_client
from tests.factories.ocsp import question
from tests.factories.pki import AT
from tests.unit.services.conftest import DAY

if TYPE_CHECKING:
    from authz.store.records import AuthorityCertificate
    from tests.unit.services.conftest import World

#: Half of a week, and the five minutes that it is dated back.
RENEWAL = AT + 3.5 * DAY - 300


@pytest.fixture
def responders() -> OcspResponders:
    return OcspResponders()


def _renew(world: World, responders: OcspResponders, at: float = AT) -> None:
    assert not responders.renew(world.store, lambda: world.encryption, at=at)


def _read(one: AuthorityCertificate) -> Certificate:
    return Certificate.from_der(one.der)


def _ask(
    world: World,
    responders: OcspResponders,
    certificate: Certificate,
    issuer: Certificate,
    at: float = AT,
) -> OcspReply:
    return responders.answer(world.store, build_request(certificate, issuer), at)


def _about(
    world: World, responders: OcspResponders, issuer: Certificate, serial: int
) -> tuple[str, ...]:
    return responders.answer(world.store, question(issuer, serial), AT).statuses


def _status(reply: OcspReply, certificate: Certificate, issuer: Certificate) -> CertStatus:
    """What a client believes."""
    return read_answer(reply.body, certificate, issuer, at=AT, where="test").status


def test_good_revoked_restored(world: World, responders: OcspResponders) -> None:
    issuer = _read(world.ca().certificates[0])
    one = world.issue().certificate
    certificate = Certificate.from_der(one.der)
    _renew(world, responders)

    reply = _ask(world, responders, certificate, issuer)
    assert (reply.statuses, _status(reply, certificate, issuer)) == (("good",), CertStatus.GOOD)
    assert (reply.this_update, reply.next_update) == (AT, AT + VALIDITY_SECONDS)
    revoke_certificate(world.store, one.id, reason="keyCompromise", actor="t", at=AT)
    reply = _ask(world, responders, certificate, issuer)
    assert reply.statuses == ("revoked",)
    assert _status(reply, certificate, issuer) is CertStatus.REVOKED
    restore_certificate(world.store, one.id, actor="t", at=AT)
    assert _ask(world, responders, certificate, issuer).statuses == ("good",)


def test_what_was_never_issued_here_is_unknown(world: World, responders: OcspResponders) -> None:
    issuer = _read(world.ca().certificates[0])
    _renew(world, responders)

    assert _about(world, responders, issuer, 10) == ("unknown",)
    revoke_serial(world.store, "Acme", "0A", actor="t", at=AT)
    assert _about(world, responders, issuer, 10) == ("revoked",)


def test_a_certificate_of_another_authority_here_is_unknown(
    world: World, responders: OcspResponders
) -> None:
    issuer = _read(world.ca().certificates[0])
    world.ca("Other")
    theirs = Certificate.from_der(world.issue(authority="Other").certificate.der)
    _renew(world, responders)

    assert _about(world, responders, issuer, theirs.serial_number) == ("unknown",)


def test_a_root_answers_for_what_stands_below_it(world: World, responders: OcspResponders) -> None:
    below, above = map(_read, world.ca(intermediate=True).certificates)
    _renew(world, responders)

    reply = _ask(world, responders, below, above)
    assert _status(reply, below, above) is CertStatus.GOOD


def test_a_root_says_nothing_of_a_client_of_its_intermediate(
    world: World, responders: OcspResponders
) -> None:
    below, above = map(_read, world.ca(intermediate=True).certificates)
    issued = world.issue().certificate
    revoke_certificate(world.store, issued.id, actor="t", at=AT)
    _renew(world, responders)
    client = Certificate.from_der(issued.der)

    assert _about(world, responders, above, client.serial_number) == ("unknown",)
    assert _ask(world, responders, client, below).statuses == ("revoked",)


def test_an_issuer_that_is_not_ours(world: World, responders: OcspResponders) -> None:
    _renew(world, responders)
    alien = issue_client().certificate

    reply = _ask(world, responders, alien, alien)
    assert (reply.statuses, reply.next_update) == (("unauthorized",), None)


def test_what_is_no_request(world: World, responders: OcspResponders) -> None:
    assert responders.answer(world.store, b"?", AT).statuses == ("malformed_request",)


@pytest.mark.parametrize("broken", [False, True])
def test_while_the_store_is_down_the_client_has_to_wait(
    world: World, responders: OcspResponders, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = _read(world.ca().certificates[0])
    certificate = Certificate.from_der(world.issue().certificate.der)
    _renew(world, responders)
    request = build_request(certificate, issuer)

    def down() -> None:
        raise StoreUnavailableError("it is down")

    monkeypatch.setattr(world.store, "read", down)
    reply = responders.answer(world.store if broken else None, request, AT)
    assert reply == try_later()
    assert reply.statuses == ("try_later",)
    # What is wrong with a request is said all the same.
    assert responders.answer(None, b"?", AT).statuses == ("malformed_request",)


def test_before_there_is_a_responder_nobody_answers(
    world: World, responders: OcspResponders
) -> None:
    issuer = _read(world.ca().certificates[0])
    certificate = Certificate.from_der(world.issue().certificate.der)

    assert _ask(world, responders, certificate, issuer).statuses == ("unauthorized",)
    assert responders.next_renewal() == float("inf")


def test_responders_are_renewed_in_time_and_not_before(
    world: World, responders: OcspResponders
) -> None:
    world.ca()
    _renew(world, responders)
    assert responders.next_renewal() == pytest.approx(RENEWAL, abs=1)

    def refused() -> KeyEncryption:
        raise AssertionError("no key is needed")

    assert not responders.renew(world.store, refused, at=RENEWAL - 1)
    _renew(world, responders, at=RENEWAL + 1)
    assert responders.next_renewal() == pytest.approx(RENEWAL + 3.5 * DAY - 299, abs=1)


def test_one_that_cannot_be_renewed_answers_on_as_long_as_it_is_valid(
    world: World, responders: OcspResponders
) -> None:
    issuer = _read(world.ca().certificates[0])
    certificate = Certificate.from_der(world.issue().certificate.der)
    _renew(world, responders)
    other = KeyEncryption.from_key_file(bytes(range(1, 33)))
    (unsigned,) = responders.renew(world.store, lambda: other, at=RENEWAL + 1)
    assert isinstance(unsigned.error, KeyUnavailableError)
    without = {unsigned.signing.certificate.id}
    assert not responders.renew(world.store, lambda: other, without=without, at=RENEWAL + 1)

    assert _ask(world, responders, certificate, issuer, RENEWAL + 2).statuses == ("good",)
    last = _ask(world, responders, certificate, issuer, AT + 7 * DAY - 301 - 60)
    assert last.next_update == AT + 7 * DAY - 301
    assert _ask(world, responders, certificate, issuer, AT + 7 * DAY).statuses == ("try_later",)


def test_an_authority_that_ends_within_a_day_gets_none(
    world: World, responders: OcspResponders
) -> None:
    end = world.ca(days=30).certificates[0].not_after
    (unsigned,) = responders.renew(world.store, lambda: world.encryption, at=end - 3600)

    assert isinstance(unsigned.error, IssuerInactiveError)


def test_one_of_before_a_rotation_answers_until_its_authority_is_gone(
    world: World, responders: OcspResponders
) -> None:
    old = _read(world.ca().certificates[0])
    _renew(world, responders)
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)
    _renew(world, responders)
    assert _about(world, responders, old, 10) == ("unknown",)
    delete_authority(world.store, "Acme", actor="t", at=AT)
    _renew(world, responders)

    assert _about(world, responders, old, 10) == ("unauthorized",)


def test_a_store_that_is_down_renews_nothing(
    world: World, responders: OcspResponders, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ca()

    def down() -> KeyEncryption:
        raise StoreUnavailableError("it went down just now")

    with pytest.raises(StoreUnavailableError):
        responders.renew(world.store, down, at=AT)


def test_serial_numbers_that_no_certificate_has(world: World, responders: OcspResponders) -> None:
    issuer = _read(world.ca().certificates[0])
    _renew(world, responders)
    for serial in (0, -1, 2**200):
        assert _about(world, responders, issuer, serial) == ("unknown",)


def test_a_number_is_good_under_the_key_that_signed_it(
    world: World, responders: OcspResponders
) -> None:
    old = _read(world.ca().certificates[0])
    serial = Certificate.from_der(world.issue().certificate.der).serial_number
    rotate_authority(world.store, "Acme", encryption=world.encryption, actor="t", at=AT)
    new = next(
        _read(one)
        for one in get_authority(world.store, "Acme").certificates
        if one.role is CertificateRole.ISSUING
    )
    _renew(world, responders)

    assert _about(world, responders, old, serial) == ("good",)
    assert _about(world, responders, new, serial) == ("unknown",)


def test_both_roots_answer_for_what_stands_below_them_until_one_goes(
    world: World, responders: OcspResponders
) -> None:
    world.ca(intermediate=True)
    given = {"encryption": world.encryption, "actor": "t", "at": AT}
    old, old_root, new, new_root = map(
        _read, rotate_root(world.store, "Acme", **given).certificates
    )
    _renew(world, responders)

    for below, above in ((old, old_root), (new, new_root)):
        reply = _ask(world, responders, below, above)
        assert _status(reply, below, above) is CertStatus.GOOD
    assert _about(world, responders, new_root, old.serial_number) == ("unknown",)
    retire_previous_root(world.store, "Acme", actor="t", at=AT)
    _renew(world, responders)
    assert _about(world, responders, old_root, old.serial_number) == ("unauthorized",)
    assert _about(world, responders, new_root, new.serial_number) == ("good",)
